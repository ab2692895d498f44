"""The start: what is answered before Python is up, and what is said when nothing can start."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import Client, Kernel, StartKernel, Target, wait_until

pytestmark = pytest.mark.ipyrust_only("it starts in another order")

# Python imports this before anything of ours; it goes on when it is told to.
HOLD = """
import os, time
while not os.path.exists(os.environ["UNTIL"]):
    time.sleep(0.01)
"""


@pytest.fixture
def until(tmp_path: Path) -> Path:
    """Lets Python go on, once it is there."""
    return tmp_path / "until"


@pytest.fixture
def start_held(
    start_kernel: StartKernel, target: Target, tmp_path: Path, until: Path
) -> Callable[..., Kernel]:
    """Starts kernels through the program, where Python does not come up before `until` is there."""
    target = target.through("program")
    if not is_embedded(target):
        pytest.skip("this python is executed, not embedded")
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "sitecustomize.py").write_text(HOLD)
    environment = {"PYTHONPATH": str(tmp_path / "path"), "UNTIL": str(until)}
    return lambda **options: start_kernel(target=target, environment=environment, **options)


def is_embedded(target: Target) -> bool:
    report = subprocess.run([*target.words, "doctor"], capture_output=True, text=True).stdout
    return "loaded into this program" in report


def ask(client: Client, channel: str, message_type: str, **content: object) -> dict[str, object]:
    return client.reply_to(client.send(channel, message_type, content)).content


def test_kernel_info_and_heartbeat_are_answered_before_python_is_up(
    start_held: Callable[..., Kernel], until: Path
) -> None:
    client = start_held().client()
    assert client.heartbeat(b"early") == b"early"
    early = ask(client, "control", "kernel_info_request")
    until.touch()
    assert client.run("6 * 7").result == "42"
    late = ask(client, "control", "kernel_info_request")
    # IPython ends its banner with a tip, each time another.
    assert str(late.pop("banner")).startswith(str(early.pop("banner")).rstrip("\n"))
    assert early == late


@pytest.mark.both_doors
def test_kernel_info_speaks_of_the_debugger_that_is_there(fresh_client: Client) -> None:
    fresh_client.run("import importlib.util")
    found = fresh_client.run("importlib.util.find_spec('debugpy') is not None").result == "True"
    info = ask(fresh_client, "control", "kernel_info_request")
    features = info["supported_features"]
    assert isinstance(features, list)
    assert (info["debugger"], "debugger" in features) == (found, found)


def test_cells_that_came_before_python_run(start_held: Callable[..., Kernel], until: Path) -> None:
    client = start_held().client()
    first, second = client.execute("x = 6"), client.execute("print(x * 7)")
    until.touch()
    first.wait()
    assert second.wait().text() == "42\n"


def test_interrupts_that_come_before_python_end_nothing(
    start_held: Callable[..., Kernel], until: Path
) -> None:
    kernel = start_held()
    client = kernel.client()
    for _ in range(3):
        kernel.interrupt()
        assert ask(client, "control", "interrupt_request") == {"status": "ok"}
    until.touch()
    assert client.run("6 * 7").result == "42"
    cell = client.execute("import time; print('begun'); time.sleep(1000)").wait_for_text("begun")
    kernel.interrupt()
    assert cell.wait().reply.content["ename"] == "KeyboardInterrupt"


def test_a_shutdown_before_python_is_up_is_answered(
    start_held: Callable[..., Kernel], until: Path
) -> None:
    kernel = start_held()
    client = kernel.client()
    request = client.send("control", "shutdown_request", {"restart": False})
    until.touch()
    assert client.reply_to(request).content == {"status": "ok", "restart": False}
    # Unless this machine takes longer than a shutdown may, and the kernel is ended by force.
    assert kernel.wait_for_exit() == 0 or "in time" in kernel.output


def test_a_python_that_does_not_come_up_is_ended_with_its_kernel(
    start_held: Callable[..., Kernel],
) -> None:
    kernel = start_held()
    client = kernel.client()
    cell = client.execute("1")
    request = client.send("control", "shutdown_request", {"restart": True})
    assert client.reply_to(request).content == {"status": "ok", "restart": True}
    assert client.reply_to(cell.request).content == {"status": "aborted"}
    assert kernel.wait_for_exit() == 1


def test_the_kernel_ends_when_its_parent_dies_before_python_is_up(
    start_held: Callable[..., Kernel], target: Target, until: Path
) -> None:
    parent = (
        "import os, subprocess, sys\n"
        "environment = dict(os.environ, JPY_PARENT_PID=str(os.getpid()))\n"
        "subprocess.Popen(sys.argv[1:], env=environment).wait()\n"
    )
    command = [sys.executable, "-S", "-c", parent, *target.through("program").command()]
    # The parent is a Python too, and must come up.
    command[1:1] = ["-I"]
    kernel = start_held(command=command, outlives_tests=True)
    client = kernel.client()
    pid = ask(client, "control", "usage_request")["pid"]
    assert pid != kernel.pid
    kernel.process.kill()
    until.touch()
    wait_until(lambda: not Path(f"/proc/{pid}").exists(), "the end of the kernel")


def test_another_copy_that_only_python_sees_is_not_loaded(
    start_kernel: StartKernel, target: Target, tmp_path: Path
) -> None:
    """It would be a second kernel in one process; the one that runs is taken."""
    target = target.through("program")
    if not is_embedded(target):
        pytest.skip("this python is executed, not embedded")
    question = "import ipyrust; print(ipyrust.__path__[0])"
    outcome = subprocess.run(
        [target.python, "-c", question], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    shutil.copytree(outcome.stdout.strip(), tmp_path / "other" / "ipyrust")
    code = f"import sys; sys.path.insert(0, {str(tmp_path / 'other')!r})\n"
    (tmp_path / "sitecustomize.py").write_text(code)
    client = start_kernel(target=target, environment={"PYTHONPATH": str(tmp_path)}).client()
    loaded = client.run(
        "print(*{line.split()[-1] for line in open('/proc/self/maps') if '/_core.' in line})"
    ).text()
    assert loaded.startswith(outcome.stdout.strip())
    assert len(loaded.split()) == 1
    module = "__import__('ipyrust._core')._core.__file__"
    assert client.run(f"{module} == {loaded.strip()!r}").result == "True"


@pytest.mark.both_doors
def test_what_python_says_when_it_cannot_start_is_seen(
    start_kernel: StartKernel, tmp_path: Path
) -> None:
    """On the standard error that the kernel was started with, not in a notebook."""
    code = "import os\nos.write(2, b'written early\\n')\nraise SystemExit('no start today')\n"
    (tmp_path / "sitecustomize.py").write_text(code)
    kernel = start_kernel(environment={"PYTHONPATH": str(tmp_path)})
    assert kernel.wait_for_exit() == 1
    assert "written early" in kernel.output
    assert "no start today" in kernel.output


@pytest.mark.both_doors
@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_standard_descriptors_may_be_closed(
    start_kernel: StartKernel, target: Target, closed: str
) -> None:
    words = target.command("{connection_file}")
    kernel = start_kernel(command=["sh", "-c", f'exec "$@" {closed}', "sh", *words])
    client = kernel.client()
    cell = client.run("import os\nprint('printed', flush=True); os.system('echo by a child')")
    cell.wait_for_text("by a child\n")
    assert cell.text() == "printed\nby a child\n"


@pytest.mark.both_doors
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--shell=many"], "`shell_port` is a number up to 65535, not `many`"),
        (["--hb=70000"], "`hb_port` is a number up to 65535, not `70000`"),
        (["--transport=pigeon"], "`transport` is `tcp` or `ipc`, not `pigeon`"),
        (
            ["--keyfile=/nonexistent"],
            "the key file /nonexistent cannot be read: No such file or directory\n",
        ),
        (["--Session.signature_scheme=hmac-none"], "hmac-none"),
        (["-f", "/nonexistent/kernel.json"], "connection file /nonexistent/kernel.json does not"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(
    start_kernel: StartKernel, arguments: list[str], words: str
) -> None:
    kernel = start_kernel(arguments=arguments)
    assert kernel.wait_for_exit() == 1
    assert kernel.output.startswith("error: ")
    assert kernel.output.count("\n") == 1
    assert words in kernel.output


@pytest.mark.both_doors
def test_the_signal_to_terminate_ends_a_kernel_in_c_code(fresh_kernel: Kernel) -> None:
    """Which holds Python's lock, so that no handler of Python's ever runs."""
    client = fresh_kernel.client()
    # The C library's own `system` goes on waiting for its child when signals come.
    code = "import ctypes\nprint('begun')\nctypes.PyDLL(None).system(b'echo $$; exec sleep 1000')"
    cell = client.execute(code).wait_for_text("begun")
    client.wait(lambda: cell.text().count("\n") == 2, "the child")
    child = int(cell.text().split()[1])
    fresh_kernel.process.send_signal(signal.SIGTERM)
    fresh_kernel.wait_for_exit()
    assert "in time" in fresh_kernel.output
    wait_until(lambda: not Path(f"/proc/{child}").exists(), "the end of the child")
