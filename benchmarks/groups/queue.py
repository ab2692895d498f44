"""Many requests at once: a run of all cells, and its end at the first error."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.kernels import Subject
from benchmarks.rows import Measured, Metric, Row, Scale
from benchmarks.wire import MissingError, cell

ABORTED = 1000
# Seconds; who answers at all needs a third of it, and who loses replies would wait for ever.
PATIENCE = 100


def queued(subject: Subject, scale: Scale) -> Mapping[str, float]:
    kernel, count = subject.kernel, scale.pick(300, 10_000)
    kernel.client.drain()
    with Measured(kernel, linger=0.25) as cost:
        exchanges = [
            kernel.client.send("shell", "execute_request", cell("pass")) for _ in range(count)
        ]
        kernel.client.collect(exchanges, PATIENCE)
    for exchange in exchanges:
        exchange.require_ok()
    return {"cpu": cost.cpu / count, "wall": cost.wall / count}


def aborted(subject: Subject, scale: Scale) -> Mapping[str, float]:
    """A cell that fails with 1,000 more behind it: they must not run, and each has its reply."""
    kernel = subject.kernel
    kernel.client.execute("import time; ran = 0")
    kernel.client.drain()
    with Measured(kernel) as cost:
        first = kernel.client.send(
            "shell", "execute_request", cell("time.sleep(1); raise ValueError")
        )
        rest = [
            kernel.client.send("shell", "execute_request", cell("ran += 1")) for _ in range(ABORTED)
        ]
        kernel.client.collect([first, *rest], 60)
    statuses = [exchange.reply.content["status"] for exchange in rest if exchange.reply]
    ran = kernel.client.execute("ran")
    value = next(ran.of_type("execute_result")).content["data"]["text/plain"]
    if int(value) or statuses.count("ok"):
        raise MissingError(f"{value} of {ABORTED} cells ran after the error")
    return {"cpu": cost.cpu, "aborted": statuses.count("aborted")}


def growth(subject: Subject, scale: Scale) -> Mapping[str, float]:
    """What a kernel keeps of each cell: history, above all. In a kernel of its own."""
    with subject.spawn() as kernel:
        count = scale.pick(500, 5_000)
        sizes = []
        for _ in range(2):
            exchanges = [
                kernel.client.send("shell", "execute_request", cell(f"x = {number}"))
                for number in range(count)
            ]
            kernel.client.collect(exchanges, PATIENCE)
            for exchange in exchanges:
                exchange.require_ok()
            kernel.client.drain()
            sizes.append(kernel.process.memory().pss)
        return {"growth": max(0.0, sizes[1] - sizes[0]) * 1e3 / count}


CPU = Metric("cpu", "CPU", "ms")

ROWS = (
    Row(
        "queued cells, each",
        (CPU, Metric("wall", "wall", "ms")),
        queued,
        quick=2,
        full=3,
    ),
    Row(
        "memory kept of each cell",
        (Metric("growth", "PSS", "KB"),),
        growth,
        quick=1,
        full=3,
    ),
    Row(
        "abort of 1,000 queued cells",
        (CPU, Metric("aborted", "aborted", "", ratio=False, headline=False)),
        aborted,
        quick=1,
        full=3,
    ),
)
