"""One small request after another: what a cell costs beyond its own work."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from benchmarks.kernels import Subject
from benchmarks.rows import Measured, Metric, Row, Scale, percentile
from benchmarks.wire import MissingError, cell


def cells(subject: Subject, scale: Scale, *, code: str, shows: str) -> Mapping[str, float]:
    """`shows` is the type of message that proves that the cell did what it says."""
    kernel = subject.kernel
    count = scale.pick(100, 200)
    for _ in range(5):
        kernel.client.execute(code, check=False)
    kernel.client.drain()
    exchanges = []
    with Measured(kernel, linger=0.25) as cost:
        for _ in range(count):
            exchanges.append(kernel.client.execute(code, check=False))
    replied = []
    for exchange in exchanges:
        if not any(exchange.of_type(shows)):
            raise MissingError(f"no {shows}")
        if exchange.reply is not None:
            replied.append((exchange.reply.at - exchange.sent) * 1e3)
    idle = [exchange.milliseconds for exchange in exchanges]
    return {
        "cpu": cost.cpu / count,
        "p50": percentile(idle, 0.5),
        "p95": percentile(idle, 0.95),
        "reply": percentile(replied, 0.5),
        "messages": sum(len(exchange.published) for exchange in exchanges) / count,
    }


def inputs(subject: Subject, scale: Scale) -> Mapping[str, float]:
    """From our `input_reply` to the next `input_request`: a question and its answer."""
    kernel, count = subject.kernel, scale.pick(40, 200)
    client = kernel.client
    code = f"for _ in range({count}): assert input('?') == 'yes'"
    exchange = client.send("shell", "execute_request", cell(code, allow_stdin=True))
    asked: list[float] = []
    answered: list[float] = []
    while not exchange.complete:
        came = client.receive(30.0)
        if not came:
            raise MissingError(f"no input_request after {len(asked)} answers")
        for channel, arrival in came:
            if channel == "stdin":
                asked.append(arrival.at)
                answered.append(client.send("stdin", "input_reply", {"value": "yes"}).sent)
            else:
                exchange.take(channel, arrival)
    exchange.require_ok()
    if len(asked) != count:
        raise MissingError(f"{len(asked)} input_requests instead of {count}")
    waits = [later - sent for sent, later in zip(answered, asked[1:], strict=False)]
    return {"p50": percentile(waits, 0.5) * 1e3}


METRICS = (
    Metric("cpu", "CPU", "ms"),
    Metric("p50", "p50 to idle", "ms"),
    Metric("p95", "p95 to idle", "ms", headline=False),
    Metric("reply", "p50 to reply", "ms", headline=False),
    Metric("messages", "messages", "", ratio=False, headline=False),
)

ROWS = (
    Row("`pass`", METRICS, partial(cells, code="pass", shows="execute_input")),
    Row("`print('x')`", METRICS, partial(cells, code="print('x')", shows="stream")),
    Row("`1/0`", METRICS, partial(cells, code="1/0", shows="error")),
    Row("`input()`", (Metric("p50", "p50", "ms"),), inputs, quick=2, full=5),
)
