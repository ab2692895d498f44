"""What editors ask: completion, inspection, history, is_complete."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from benchmarks.kernels import Subject
from benchmarks.rows import Measured, Metric, Row, Scale, percentile
from benchmarks.wire import MissingError

Content = dict[str, Any]


def queries(
    subject: Subject,
    scale: Scale,
    *,
    kind: str,
    content: Content,
    holds: Callable[[Content], bool],
) -> Mapping[str, float]:
    """`holds` tells an answer from a mere reply."""
    kernel, count = subject.kernel, scale.pick(10, 40)
    kernel.client.execute("import numpy as np")
    for _ in range(2):  # jedi reads its cache, IPython fills its own.
        kernel.client.request("shell", kind, content)
    kernel.client.drain()
    exchanges = []
    with Measured(kernel) as cost:
        for _ in range(count):
            exchanges.append(kernel.client.request("shell", kind, content))
    for exchange in exchanges:
        reply = exchange.require_ok().reply
        if reply is None or not holds(reply.content):
            raise MissingError(f"{kind} is answered with nothing of use")
    delays = [exchange.milliseconds for exchange in exchanges]
    return {"cpu": cost.cpu / count, "p50": percentile(delays, 0.5)}


def first_completion(subject: Subject, scale: Scale) -> Mapping[str, float]:
    """jedi parses whole modules, and keeps them in a cache that a new user does not have."""
    with subject.spawn(cold_cache=True) as kernel:
        content = {"code": "pri", "cursor_pos": 3}
        with Measured(kernel) as cost:
            exchange = kernel.client.request("shell", "complete_request", content)
        reply = exchange.require_ok().reply
        if reply is None or "print" not in reply.content["matches"]:
            raise MissingError("`print` is not among the matches")
        return {"wall": exchange.milliseconds, "cpu": cost.cpu}


CPU = Metric("cpu", "CPU", "ms")
METRICS = (CPU, Metric("p50", "p50", "ms"))


def _row(name: str, kind: str, content: Content, holds: Callable[[Content], bool]) -> Row:
    measure = partial(queries, kind=kind, content=content, holds=holds)
    return Row(name, METRICS, measure, quick=2, full=5)


ROWS = (
    _row(
        "completion of `np.`",
        "complete_request",
        {"code": "np.", "cursor_pos": 3},
        lambda reply: len(reply["matches"]) > 100,
    ),
    Row(
        "first completion, jedi's cache cold",
        (Metric("wall", "wall", "ms"), CPU),
        first_completion,
        quick=1,
        full=3,
    ),
    _row(
        "inspection of `len`",
        "inspect_request",
        {"code": "len", "cursor_pos": 3, "detail_level": 0},
        lambda reply: bool(reply["found"]),
    ),
    _row(
        "is_complete",
        "is_complete_request",
        {"code": "for number in range(3):"},
        lambda reply: bool(reply["status"] == "incomplete"),
    ),
    _row(
        "history, last 100",
        "history_request",
        {"hist_access_type": "tail", "n": 100, "raw": True, "output": False},
        lambda reply: len(reply["history"]) > 0,
    ),
)
