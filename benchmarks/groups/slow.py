"""Subscribers that do not keep up: a browser tab in the background, a slow network.

The subscriber has the high water mark that jupyter_client and Jupyter Server leave as it is.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial

from benchmarks.kernels import Subject
from benchmarks.rows import Metric, Row, Scale
from benchmarks.wire import Arrival, Client, MissingError, cell

ZMQ_DEFAULT = 1000  # Messages, on each side.
LIMIT = 90.0  # Seconds; a kernel that stalls with its subscriber has failed.

# What progress bars do: each line is flushed.
FLUSHED = """
for number in range({lines}):
    print("x" * 99, flush=True)
"""
DISPLAYS = """
from IPython.display import display
for number in range({lines}):
    display({{"text/plain": "x" * 99}}, raw=True)
"""
FLOOD = """
for number in range({lines}):
    print("x" * 99)
"""


def _amount(arrival: Arrival) -> int:
    kind = arrival.type
    if kind == "stream":
        return len(str(arrival.content["text"]).replace("\n", ""))
    if kind == "display_data":
        return len(arrival.content["data"]["text/plain"])
    return 0


def paused(
    subject: Subject, scale: Scale, *, code: str, lines: int, pause: float, each: float
) -> Mapping[str, float]:
    """Do not read for `pause` seconds, then take `each` seconds over every message."""
    with subject.spawn() as kernel:
        subscriber = kernel.second_client(iopub_limit=ZMQ_DEFAULT)
        try:
            # Its own exchange shows that it is subscribed; nobody else reads from now on.
            subscriber.ready()
            kernel.client.iopub.close()
            return _read_late(subscriber, code.format(lines=lines), lines * 99, pause, each)
        finally:
            subscriber.close()


def _read_late(
    client: Client, code: str, wanted: int, pause: float, each: float
) -> Mapping[str, float]:
    exchange = client.send("shell", "execute_request", cell(code))
    # The reply is taken when it comes, to know how long the cell took; IOPub is left alone.
    while (left := exchange.sent + pause - time.monotonic()) > 0:
        if exchange.reply is None and client.shell.poll(int(left * 1000)):
            exchange.reply = Arrival(time.monotonic(), client.shell.recv_multipart())
        else:
            time.sleep(max(0.0, exchange.sent + pause - time.monotonic()))
    got, quiet = 0, 0.0
    limit = time.monotonic() + LIMIT
    while exchange.idle is None and quiet < 5.0:
        if time.monotonic() > limit:
            raise MissingError(f"still not over after {LIMIT:.0f} s")
        if exchange.reply is None and client.shell.poll(0):
            exchange.reply = Arrival(time.monotonic(), client.shell.recv_multipart())
        if not client.iopub.poll(500):
            # Silence means that `idle` was lost only once the reply says that the cell is over.
            quiet += 0.5 if exchange.reply is not None else 0.0
            continue
        quiet = 0.0
        arrival = Arrival(time.monotonic(), client.iopub.recv_multipart())
        if arrival.parent != exchange.message_id:
            continue
        got += _amount(arrival)
        if arrival.type == "status" and arrival.content["execution_state"] == "idle":
            exchange.idle = arrival.at
        time.sleep(each)
    if exchange.reply is None:
        if not client.shell.poll(20_000):
            raise MissingError("no reply")
        exchange.reply = Arrival(time.monotonic(), client.shell.recv_multipart())
    exchange.require_ok()
    return {
        "lost": 100 * (1 - got / wanted),
        "idle": float(exchange.idle is not None),
        "cell": exchange.reply.at - exchange.sent,
    }


METRICS = (
    Metric("lost", "lost", "%", ratio=False),
    Metric("idle", "`idle` seen", "", ratio=False),
    Metric("cell", "the cell takes", "s", ratio=False),
)


def _row(name: str, code: str, lines: int, *, pause: float = 2.0, each: float = 0.0) -> Row:
    measure = partial(paused, code=code, lines=lines, pause=pause, each=each)
    return Row(name, METRICS, measure, quick=1, full=3)


ROWS = (
    _row("pauses 2 s; 10,000 flushed prints", FLUSHED, 10_000),
    _row("pauses 2 s; 200,000 prints, 20 MB", FLOOD, 200_000),
    _row("pauses 2 s; 5,000 displays", DISPLAYS, 5_000),
    _row("reads slowly, 1 ms each; 10,000 flushed prints", FLUSHED, 10_000, pause=0.0, each=0.001),
)
