"""Start, rest and end of a kernel. Each sample is a new process."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping

from benchmarks.kernels import Running, Subject
from benchmarks.rows import Metric, Row, Scale
from benchmarks.wire import Arrival, MissingError, cell

# IPython without any kernel, in the same environment: what a first result costs at least.
IPYTHON_ALONE = (
    "from IPython.core.interactiveshell import InteractiveShell;"
    " InteractiveShell.instance().run_cell('1')"
)


def _kernel_info(kernel: Running) -> Arrival:
    """The first reply. Only the reply: some kernels publish no idle that early subscribers see."""
    exchange = kernel.client.send("shell", "kernel_info_request", {})
    limit = kernel.started + 60
    while time.monotonic() < limit and kernel.process.alive():
        for channel, arrival in kernel.client.receive(0.5):
            if channel == "shell" and arrival.parent == exchange.message_id:
                return arrival
    raise MissingError("no kernel_info_reply")


def first_reply(subject: Subject, scale: Scale) -> Mapping[str, float]:
    kernel = subject.start()
    try:
        reply = _kernel_info(kernel)
        cpu = kernel.process.cpu()
        return {"wall": (reply.at - kernel.started) * 1e3, "cpu": cpu}
    finally:
        kernel.close()


def first_result(subject: Subject, scale: Scale) -> Mapping[str, float]:
    """As a notebook client: kernel_info_request, and with its reply the first cell."""
    kernel = subject.start()
    try:
        _kernel_info(kernel)
        exchange = kernel.client.send("shell", "execute_request", cell("1"))
        result = kernel.client.await_start(exchange, "execute_result")
        cpu = kernel.process.cpu()
        if result.content["data"]["text/plain"] != "1":
            raise MissingError("a wrong result")
        return {"wall": (result.at - kernel.started) * 1e3, "cpu": cpu}
    finally:
        kernel.close()


def first_import(subject: Subject, scale: Scale) -> Mapping[str, float]:
    kernel = subject.start()
    try:
        _kernel_info(kernel)
        exchange = kernel.client.execute("import numpy")
        cpu = kernel.process.cpu()
        return {"wall": (exchange.finished - kernel.started) * 1e3, "cpu": cpu}
    finally:
        kernel.close()


def ipython_alone(subject: Subject, scale: Scale) -> Mapping[str, float]:
    """Not a kernel: the bound that `start to first result` is compared with."""
    if not any(subject.environment.prefix.glob("lib/python3*/site-packages/IPython")):
        raise MissingError("no IPython in this environment")
    began = time.monotonic()
    before = _children_cpu()
    subprocess.run(
        [str(subject.environment.python), "-c", IPYTHON_ALONE],
        env=subject.variables(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    return {"wall": (time.monotonic() - began) * 1e3, "cpu": _children_cpu() - before}


def rest(subject: Subject, scale: Scale) -> Mapping[str, float]:
    """A kernel that has run one cell and is left alone, and then its end."""
    with subject.spawn() as kernel:
        time.sleep(
            scale.pick(6, 10)
        )  # What a kernel does for some seconds after a cell is not rest.
        memory = kernel.process.memory()
        before, cpu = kernel.process.switches(), kernel.process.cpu()
        seconds = scale.pick(2, 5)
        time.sleep(seconds)
        wakeups = (kernel.process.switches() - before) / seconds
        cpu = (kernel.process.cpu() - cpu) / seconds
        sample = {
            "pss": memory.pss,
            "rss": memory.rss,
            "threads": kernel.process.threads(),
            "wakeups": wakeups,
            "idle_cpu": cpu,
        }
        sent = kernel.client.send("control", "shutdown_request", {"restart": False}).sent
        if not kernel.process.wait(20):
            raise MissingError("the process did not end after shutdown_request")
        return {**sample, "exit": (time.monotonic() - sent) * 1e3}


def _children_cpu() -> float:
    """CPU milliseconds of all children that have ended and been waited for."""
    import resource

    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (usage.ru_utime + usage.ru_stime) * 1e3


WALL = Metric("wall", "wall", "ms")
CPU = Metric("cpu", "CPU", "ms")

ROWS = (
    Row("start to kernel_info_reply", (WALL, CPU), first_reply, quick=3, full=11),
    Row("start to first result, `1`", (WALL, CPU), first_result, quick=3, full=11),
    Row("start to `import numpy` done", (WALL, CPU), first_import, quick=2, full=7),
    Row("IPython alone, `run_cell('1')`", (WALL, CPU), ipython_alone, quick=2, full=7),
    Row(
        "idle after the first result; exit",
        (
            Metric("pss", "PSS", "MB"),
            Metric("rss", "RSS", "MB"),
            Metric("threads", "threads", ""),
            Metric("wakeups", "wake-ups", "/s", ratio=False),
            Metric("idle_cpu", "idle CPU", "ms/s", ratio=False, headline=False),
            Metric("exit", "exit after shutdown", "ms"),
        ),
        rest,
        quick=1,
        full=5,
    ),
)
