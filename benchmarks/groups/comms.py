"""Comms: what widgets send, small and with buffers."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Mapping
from functools import partial

from benchmarks.kernels import Running, Subject
from benchmarks.rows import Measured, Metric, Row, Scale, percentile
from benchmarks.wire import Arrival, MissingError

# ipykernel documents the first way, other kernels the second; in most it is the same manager.
ECHO = """
import comm
def opened(channel, message):
    def echo(message):
        channel.send(message["content"]["data"], buffers=message.get("buffers") or [])
    channel.on_msg(echo)
manager = getattr(getattr(get_ipython(), "kernel", None), "comm_manager", None)
(manager or comm.get_comm_manager()).register_target("bench", opened)
"""


def _open(kernel: Running) -> str:
    kernel.client.execute(ECHO)
    identity = uuid.uuid4().hex
    content = {"comm_id": identity, "target_name": "bench", "data": {}}
    kernel.client.send("shell", "comm_open", content)
    kernel.client.drain()
    return identity


def _echo(kernel: Running, identity: str, number: int, buffers: list[bytes]) -> float:
    """Send a comm_msg and wait for its echo; the milliseconds between."""
    content = {"comm_id": identity, "data": {"number": number}}
    sent = kernel.client.send("shell", "comm_msg", content, buffers).sent
    limit = time.monotonic() + 10
    while (left := limit - time.monotonic()) > 0:
        for channel, arrival in kernel.client.receive(left):
            if channel == "iopub" and _is_echo(arrival, identity, number):
                if arrival.buffers != buffers:
                    raise MissingError("the buffers came back altered")
                return (arrival.at - sent) * 1e3
    raise MissingError("no comm_msg came back in 10 s")


def _is_echo(arrival: Arrival, identity: str, number: int) -> bool:
    if arrival.type != "comm_msg":
        return False
    content = arrival.content
    return bool(content["comm_id"] == identity and content["data"] == {"number": number})


def echoes(subject: Subject, scale: Scale, *, size: int) -> Mapping[str, float]:
    kernel = subject.kernel
    identity = _open(kernel)
    buffers = [os.urandom(size)] if size else []
    count = scale.pick(50, 200) if size == 0 else scale.pick(20, 50)
    for number in range(3):
        _echo(kernel, identity, number, buffers)
    kernel.client.drain()
    with Measured(kernel) as cost:
        delays = [_echo(kernel, identity, number, buffers) for number in range(count)]
        kernel.client.drain()
    kernel.client.send("shell", "comm_close", {"comm_id": identity, "data": {}})
    kernel.client.drain()
    return {"cpu": cost.cpu / count, "p50": percentile(delays, 0.5)}


METRICS = (Metric("cpu", "CPU", "ms"), Metric("p50", "p50 to echo", "ms"))

ROWS = (
    Row("comm echo", METRICS, partial(echoes, size=0)),
    Row("comm echo of a 1 MB buffer", METRICS, partial(echoes, size=1_000_000), quick=2, full=5),
)
