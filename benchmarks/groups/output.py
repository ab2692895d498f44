"""Text: floods, large writes, and how soon a line is seen."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from benchmarks.kernels import Subject
from benchmarks.rows import Measured, Metric, Row, Scale, percentile
from benchmarks.wire import Exchange, MissingError

# A line says when it was printed; the clock of CLOCK_MONOTONIC is the same in all processes.
LATENCY = """
import random, time
random.seed(1)
for number in range({count}):
    end = time.monotonic() + random.uniform(0.05, 0.15)
    {wait}
    print(f"printed:{{time.monotonic():.6f}};")
"""
SPIN = "while time.monotonic() < end: pass"
SLEEP = "time.sleep(end - time.monotonic())"

# PyDLL calls into C without releasing the GIL: what a C extension does that computes.
HOLD = """
import ctypes, time
usleep = ctypes.PyDLL(None).usleep
print(f"printed:{time.monotonic():.6f};")
usleep(1_000_000)
"""

THREADS = """
import threading
def work(name):
    for number in range(10_000): print(name, number)
threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


def _streams(exchange: Exchange) -> int:
    return sum(1 for _ in exchange.of_type("stream"))


def prints(subject: Subject, scale: Scale) -> Mapping[str, float]:
    kernel = subject.kernel
    kernel.client.execute("print(1)")
    kernel.client.drain()
    code = "for number in range(100_000): print(number)"
    with Measured(kernel) as cost:
        exchange = kernel.client.execute(code, seconds=120)
    wanted = "".join(f"{number}\n" for number in range(100_000))
    messages = _streams(exchange)
    return {
        "cpu": cost.cpu,
        "wall": exchange.milliseconds,
        "messages": messages,
        "rate": messages / exchange.milliseconds * 1e3,
        "lost": _lost(wanted, exchange.text()),
    }


def threads(subject: Subject, scale: Scale) -> Mapping[str, float]:
    kernel = subject.kernel
    kernel.client.drain()
    with Measured(kernel) as cost:
        exchange = kernel.client.execute(THREADS, seconds=120)
    # Threads may interleave within a line, so that only the amount can be compared.
    wanted = sum(len(f"{name} {number}\n") for name in range(8) for number in range(10_000))
    got = sum(
        len(message.content["text"])
        for message in exchange.of_type("stream")
        if message.parent == exchange.message_id
    )
    return {
        "cpu": cost.cpu,
        "wall": exchange.milliseconds,
        "messages": _streams(exchange),
        "lost": max(0.0, 100 * (1 - got / wanted)),
    }


def large_writes(subject: Subject, scale: Scale) -> Mapping[str, float]:
    """In a kernel of its own: a heap that has grown before would hide what is added."""
    with subject.spawn() as kernel:
        kernel.client.execute("import sys; block = 'x' * 65_535 + '\\n'")
        kernel.client.drain()
        kernel.process.reset_peak()
        before = kernel.process.memory().rss
        code = "for _ in range(800): sys.stdout.write(block)"
        with Measured(kernel) as cost:
            exchange = kernel.client.execute(code, seconds=120)
        wanted = ("x" * 65_535 + "\n") * 800
        return {
            "wall": exchange.milliseconds,
            "cpu": cost.cpu,
            "peak": kernel.process.peak() - before,
            "messages": _streams(exchange),
            "lost": _lost(wanted, exchange.text()),
        }


def latency(subject: Subject, scale: Scale, *, code: str, count: int) -> Mapping[str, float]:
    """From `print` in the cell to the arrival of the message here."""
    kernel = subject.kernel
    kernel.client.drain()
    exchange = kernel.client.execute(code)
    delays = []
    for message in exchange.of_type("stream"):
        for piece in message.content["text"].split("printed:")[1:]:
            delays.append((message.at - float(piece.split(";")[0])) * 1e3)
    if len(delays) != count:
        raise MissingError(f"{len(delays)} lines instead of {count}")
    return {"p50": percentile(delays, 0.5), "max": max(delays)}


def _lost(wanted: str, got: str) -> float:
    """Per cent of the text that did not arrive."""
    if len(got) >= len(wanted) and got != wanted:
        raise MissingError("the text arrived altered or out of order")
    return 100 * (1 - len(got) / len(wanted))


CPU = Metric("cpu", "CPU", "ms")
WALL = Metric("wall", "wall", "ms")
MESSAGES = Metric("messages", "messages", "", ratio=False)
LOST = Metric("lost", "lost", "%", ratio=False)
ASTRAY = Metric("lost", "lost, or not shown as the cell's", "%", ratio=False)
P50 = Metric("p50", "p50", "ms")
MAX = Metric("max", "max", "ms", headline=False)

ROWS = (
    Row(
        "100,000 prints",
        (CPU, WALL, MESSAGES, Metric("rate", "rate", "/s", ratio=False, headline=False), LOST),
        prints,
        quick=2,
        full=5,
    ),
    Row("8 threads of 10,000 prints", (CPU, WALL, MESSAGES, ASTRAY), threads, quick=1, full=3),
    Row(
        "50 MB in writes of 64 KB",
        (WALL, CPU, Metric("peak", "added peak", "MB"), MESSAGES, LOST),
        large_writes,
        quick=2,
        full=5,
    ),
    Row(
        "print to client, cell computing",
        (P50, MAX),
        partial(latency, code=LATENCY.format(count=20, wait=SPIN), count=20),
        quick=1,
        full=3,
    ),
    Row(
        "print to client, cell sleeping",
        (P50, MAX),
        partial(latency, code=LATENCY.format(count=20, wait=SLEEP), count=20),
        quick=1,
        full=3,
    ),
    Row(
        "line printed before C code holds the GIL for 1 s",
        (P50,),
        partial(latency, code=HOLD, count=1),
        quick=2,
        full=5,
    ),
)
