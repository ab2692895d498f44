"""The end: by request, by signal, by the parent's death; the reply first, and children too."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from harness import Client, Kernel, StartKernel, wait_until


def is_running(pid: int) -> bool:
    """Whether a process is there and not only waiting to be reaped."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


@pytest.mark.both_doors
@pytest.mark.parametrize("channel", ["control", "shell"])
@pytest.mark.parametrize("restart", [False, True])
def test_shutdown_replies_and_ends(fresh_kernel: Kernel, channel: str, restart: bool) -> None:
    client = fresh_kernel.client()
    client.run("1")
    request = client.send(channel, "shutdown_request", {"restart": restart})
    assert client.reply_to(request).content == {"status": "ok", "restart": restart}
    assert fresh_kernel.wait_for_exit() == 0


def test_shutdown_is_published_to_all(fresh_kernel: Kernel) -> None:
    """Clients that did not ask learn of it too."""
    client = fresh_kernel.client()
    request = client.send("control", "shutdown_request", {"restart": False})
    client.wait(
        lambda: "shutdown_reply" in [m.type for m in client.published(request)],
        "shutdown_reply on iopub",
    )


@pytest.mark.ipykernel_differs("it waits for the cell")
@pytest.mark.parametrize(
    "code",
    [
        "while True: pass",
        "import time; time.sleep(1000)",
        "input()",
        "import asyncio; await asyncio.sleep(1000)",
        "import time\nwhile True:\n    try: time.sleep(1000)\n    except BaseException: pass",
    ],
    ids=["spin", "sleep", "input", "await", "stubborn"],
)
def test_shutdown_ends_a_busy_kernel(fresh_kernel: Kernel, code: str) -> None:
    client = fresh_kernel.client()
    cell = client.execute("print('begun')\n" + code, allow_stdin=True).wait_for_text("begun")
    request = client.send("control", "shutdown_request", {"restart": False})
    assert client.reply_to(request).content["status"] == "ok"
    fresh_kernel.wait_for_exit()
    assert cell.request.id


def test_output_before_shutdown_is_not_lost(fresh_kernel: Kernel) -> None:
    client = fresh_kernel.client()
    cell = client.execute("for n in range(5000): print(n)")
    request = client.send("shell", "shutdown_request", {"restart": False})
    client.reply_to(request)
    cell.wait()
    assert cell.text() == "".join(f"{n}\n" for n in range(5000))


def test_exit_handlers_run(fresh_kernel: Kernel) -> None:
    client = fresh_kernel.client()
    path = fresh_kernel.directory / "left-behind"
    client.run(f"import atexit, pathlib\natexit.register(pathlib.Path({str(path)!r}).touch)")
    client.send("control", "shutdown_request", {"restart": False})
    fresh_kernel.wait_for_exit()
    assert path.exists()


@pytest.mark.ipykernel_differs("it waits for them for ever")
@pytest.mark.parametrize(
    "hang",
    ["import time; hang = time.sleep", "import ctypes; hang = ctypes.PyDLL(None).sleep"],
    ids=["in Python", "in C, with the GIL"],
)
def test_exit_handlers_that_hang_do_not_keep_the_kernel(fresh_kernel: Kernel, hang: str) -> None:
    client = fresh_kernel.client()
    client.run(f"import atexit\n{hang}\natexit.register(hang, 1000)")
    client.execute("exit")
    fresh_kernel.wait_for_exit()


def test_history_is_kept_for_the_next_kernel(start_kernel: StartKernel, tmp_path: Path) -> None:
    first = start_kernel(ipython_directory=tmp_path)
    client = first.client()
    client.run("'from the first life'")
    client.send("control", "shutdown_request", {"restart": False})
    first.wait_for_exit()
    client = start_kernel(ipython_directory=tmp_path).client()
    content = {"hist_access_type": "tail", "n": 5, "output": False, "raw": True}
    history = client.request("history_request", content).content["history"]
    assert "'from the first life'" in [code for _, _, code in history]


def test_children_end_with_the_kernel(fresh_kernel: Kernel) -> None:
    client = fresh_kernel.client()
    child = int(
        client.run("import subprocess\nsubprocess.Popen(['sleep', '1000']).pid").result or 0
    )
    assert is_running(child)
    client.send("control", "shutdown_request", {"restart": False})
    fresh_kernel.wait_for_exit()
    wait_until(lambda: not is_running(child), "the end of the child")


@pytest.mark.both_doors
@pytest.mark.ipykernel_differs("it leaves its children")
def test_children_end_with_a_terminated_kernel(fresh_kernel: Kernel) -> None:
    client = fresh_kernel.client()
    child = int(
        client.run("import subprocess\nsubprocess.Popen(['sleep', '1000']).pid").result or 0
    )
    fresh_kernel.process.send_signal(signal.SIGTERM)
    fresh_kernel.wait_for_exit()
    wait_until(lambda: not is_running(child), "the end of the child")


@pytest.mark.both_doors
@pytest.mark.parametrize("code", ["", "while True: pass", "import time; time.sleep(1000)"])
def test_the_signal_to_terminate_ends_the_kernel(fresh_kernel: Kernel, code: str) -> None:
    client = fresh_kernel.client()
    if code:
        client.execute("print('begun')\n" + code).wait_for_text("begun")
    fresh_kernel.process.send_signal(signal.SIGTERM)
    fresh_kernel.wait_for_exit()


def test_a_cell_may_kill_its_kernel(fresh_kernel: Kernel) -> None:
    client = fresh_kernel.client()
    client.execute("import os, signal; os.kill(os.getpid(), signal.SIGTERM)")
    fresh_kernel.wait_for_exit()


@pytest.mark.both_doors
@pytest.mark.parametrize("busy", [False, True])
def test_the_kernel_ends_when_its_parent_dies(
    start_kernel: StartKernel, tmp_path: Path, busy: bool
) -> None:
    """The parent is a process between us and the kernel."""
    pid_file = tmp_path / "pid"
    parent = (
        "import os, subprocess, sys, pathlib\n"
        "environment = dict(os.environ, JPY_PARENT_PID=str(os.getpid()))\n"
        "kernel = subprocess.Popen(sys.argv[2:], env=environment, start_new_session=True)\n"
        "pathlib.Path(sys.argv[1]).write_text(str(kernel.pid))\n"
        "kernel.wait()\n"
    )
    connection_file = Path("{connection_file}")
    kernel = start_kernel(outlives_tests=True, command=["true"])
    command = [
        word.replace(str(connection_file), str(kernel.connection_file))
        for word in kernel.target.command(connection_file)
    ]
    with subprocess.Popen([sys.executable, "-c", parent, str(pid_file), *command]) as process:
        client = Client(kernel.connection)
        client.wait_ready()
        pid = int(pid_file.read_text())
        if busy:
            client.execute("print('begun')\nwhile True: pass").wait_for_text("begun")
        process.kill()
    client.close()
    try:
        wait_until(lambda: not is_running(pid), "the end of the kernel")
    finally:
        if is_running(pid):
            os.kill(pid, signal.SIGKILL)


def test_a_restarted_kernel_uses_the_same_connection_file(start_kernel: StartKernel) -> None:
    kernel = start_kernel()
    client = kernel.client()
    client.send("control", "shutdown_request", {"restart": True})
    kernel.wait_for_exit()
    kernel.restart()
    assert kernel.client().run("1 + 1").result == "2"


def test_the_connection_file_of_a_restart_stays(fresh_kernel: Kernel) -> None:
    client = fresh_kernel.client()
    client.send("control", "shutdown_request", {"restart": True})
    fresh_kernel.wait_for_exit()
    assert fresh_kernel.connection_file.exists()


DAEMON = """\
import os, time
read, write = os.pipe()
if os.fork() == 0:
    os.setsid()
    if (daemon := os.fork()) == 0:
        time.sleep(1000)
    os.write(write, str(daemon).encode())
    os._exit(0)
os.wait()
int(os.read(read, 100))"""


@pytest.mark.ipykernel_differs("the ports stay taken for as long as the daemon lives")
@pytest.mark.parametrize("transport", ["tcp", "ipc"])
def test_a_daemon_that_a_cell_has_forked_does_not_keep_the_ports(
    start_kernel: StartKernel, transport: str
) -> None:
    """It has inherited the sockets, and a restarted kernel is to be at the same places."""
    first = start_kernel(transport=transport)
    client = first.client()
    daemon = int(client.run(DAEMON).result or "")
    try:
        client.reply_to(client.send("control", "shutdown_request", {"restart": True}))
        assert first.wait_for_exit() == 0
        assert is_running(daemon)
        places = {name: first.connection[name] for name in first.connection if name != "key"}
        again = start_kernel(transport=transport, connection=places)
        assert again.client().run("1").result == "1"
    finally:
        os.kill(daemon, signal.SIGKILL)
