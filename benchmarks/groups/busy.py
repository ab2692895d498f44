"""Asking a kernel whose cell does not stop: in C code with the GIL, or in a Python loop."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from functools import partial

from benchmarks.kernels import Running, Subject
from benchmarks.rows import Metric, Row, Scale, percentile
from benchmarks.wire import Exchange, MissingError, cell

PREPARE = "import ctypes, time; usleep = ctypes.PyDLL(None).usleep"
HOLD = "usleep(2_000_000)"
SPIN = "end = time.monotonic() + 2\nwhile time.monotonic() < end: pass"
FOREVER = "while True: pass"


def _begin(kernel: Running, code: str) -> Exchange:
    """Send a cell and wait until it is certainly inside its code.

    `execute_input` does not say that: what runs before the code may take long on a busy machine.
    """
    marker = kernel.home / f"began-{secrets.token_hex(4)}"
    kernel.client.execute(PREPARE)
    kernel.client.drain()
    code = f"open({str(marker)!r}, 'w').close()\n{code}"
    exchange = kernel.client.send("shell", "execute_request", cell(code))
    limit = time.monotonic() + 20
    while not marker.exists():
        if time.monotonic() > limit:
            raise MissingError("the cell did not begin in 20 s")
        time.sleep(0.005)
    time.sleep(0.1)
    return exchange


def _answer(kernel: Running, kind: str, running: Exchange, seconds: float) -> float:
    """The milliseconds until a control request has its reply."""
    exchange = kernel.client.send("control", kind, {})
    limit = exchange.sent + seconds
    while exchange.reply is None and (left := limit - time.monotonic()) > 0:
        for channel, arrival in kernel.client.receive(left):
            exchange.take(channel, arrival) or running.take(channel, arrival)
    if exchange.reply is None:
        raise MissingError(f"no reply to {kind} in {seconds:.0f} s")
    return (exchange.reply.at - exchange.sent) * 1e3


def _pause(kernel: Running, running: Exchange, seconds: float) -> None:
    """Take what follows a reply, so that the next one is not measured with the client at it."""
    limit = time.monotonic() + seconds
    while (left := limit - time.monotonic()) > 0:
        for channel, arrival in kernel.client.receive(left):
            running.take(channel, arrival)


def control(
    subject: Subject, scale: Scale, *, code: str, kind: str, count: int
) -> Mapping[str, float]:
    kernel = subject.kernel
    running = _begin(kernel, code)
    delays = []
    for _ in range(count):
        delays.append(_answer(kernel, kind, running, 10.0))
        if count > 1:
            _pause(kernel, running, 0.02)
    if count > 1 and running.reply is not None:
        raise MissingError("the cell was over before the last answer")
    kernel.client.collect([running], 20.0)
    return {"p50": percentile(delays, 0.5), "max": max(delays)}


def interrupt(subject: Subject, scale: Scale, *, by_signal: bool) -> Mapping[str, float]:
    kernel, delays = subject.kernel, []
    for _ in range(scale.pick(3, 5)):
        running = _begin(kernel, FOREVER)
        sent = time.monotonic()
        if by_signal:
            kernel.process.interrupt()
        else:
            sent = kernel.client.send("control", "interrupt_request", {}).sent
        kernel.client.collect([running], 5.0)
        if running.reply is None or running.reply.content.get("ename") != "KeyboardInterrupt":
            raise MissingError("the cell did not end with KeyboardInterrupt")
        delays.append((running.finished - sent) * 1e3)
    kernel.client.execute("1")  # Still alive.
    return {"p50": percentile(delays, 0.5), "max": max(delays)}


METRICS = (Metric("p50", "p50", "ms"), Metric("max", "max", "ms", headline=False))

ROWS = (
    Row(
        "control reply while C code holds the GIL for 2 s",
        METRICS,
        partial(control, code=HOLD, kind="kernel_info_request", count=1),
        quick=1,
        full=3,
    ),
    Row(
        "control reply while Python spins",
        METRICS,
        partial(control, code=SPIN, kind="kernel_info_request", count=15),
        quick=1,
        full=3,
    ),
    Row(
        "control reply that needs Python (subshells) while Python spins",
        METRICS,
        partial(control, code=SPIN, kind="list_subshell_request", count=15),
        quick=1,
        full=3,
    ),
    Row("interrupt of a spin, by signal", METRICS, partial(interrupt, by_signal=True)),
    Row("interrupt of a spin, by message", METRICS, partial(interrupt, by_signal=False)),
)
