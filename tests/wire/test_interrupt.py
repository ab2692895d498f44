"""An interrupt, by signal or by message, stops whatever a cell does; the kernel stays usable."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest
from harness import Client, Execution, Kernel, is_status

BEGIN = "import asyncio, os, signal, subprocess, sys, threading, time\nprint('begun')\n"

# What a cell may do that never ends by itself.
ENDLESS = {
    "spin": "while True: pass",
    "spin in a function": "def f():\n    while True: pass\nf()",
    "time.sleep": "time.sleep(1000)",
    "subprocess.run": "subprocess.run(['sleep', '1000'])",
    "Event.wait": "threading.Event().wait()",
    "Event.wait with a limit": "threading.Event().wait(1000)",
    "Thread.join": "t = threading.Thread(target=time.sleep, args=(9,), daemon=True)\n"
    "t.start(); t.join()",
    "read of a pipe": "os.read(os.pipe()[0], 1)",
    "await asyncio.sleep": "await asyncio.sleep(1000)",
    "await of a future": "await asyncio.get_running_loop().create_future()",
    "async spin": "while True: await asyncio.sleep(0)",
    "sync code in an async cell": "await asyncio.sleep(0)\ntime.sleep(1000)",
    "%%bash": "",  # A whole cell of its own, see `begin`.
    "a finally block": "try: 1/0\nfinally: time.sleep(1000)",
    "prints": "while True: print('x' * 100)",
}

Interrupt = Callable[[], None]


@pytest.fixture(params=["signal", "message"])
def interrupt(request: pytest.FixtureRequest, kernel: Kernel, client: Client) -> Interrupt:
    if request.param == "signal":
        return kernel.interrupt

    def send() -> None:
        reply = client.request("interrupt_request", channel="control")
        assert reply.content["status"] == "ok"

    return send


def begin(client: Client, name: str) -> Execution:
    if name == "%%bash":
        cell = client.execute("%%bash\necho begun\nsleep 1000")
    else:
        cell = client.execute(BEGIN + ENDLESS[name], allow_stdin=True)
    return cell.wait_for_text("begun")


# ipykernel's handler cancels the cell's task: the loop is not woken, and sync code does not notice.
NOT_BY_IPYKERNEL = {"await asyncio.sleep", "await of a future", "sync code in an async cell"}
MARKS = [pytest.mark.ipykernel_differs("its handler only cancels the task")]


@pytest.mark.both_doors
@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=MARKS if n in NOT_BY_IPYKERNEL else ()) for n in ENDLESS],
)
def test_an_interrupt_stops(client: Client, interrupt: Interrupt, name: str) -> None:
    cell = begin(client, name)
    interrupt()
    cell.wait()
    if name != "%%bash":  # Its error is the shell's, and not one before IPython 9.
        assert cell.status == "error"
        # ipykernel cancels what awaits.
        assert cell.reply.content["ename"] in ("KeyboardInterrupt", "CancelledError")
    assert client.run("'usable'").result == "'usable'"


@pytest.mark.parametrize(
    "code", ["await trio.sleep(1000)", "while True: await trio.sleep(0)", "time.sleep(1000)"]
)
def test_an_interrupt_leaves_trio_usable(client: Client, interrupt: Interrupt, code: str) -> None:
    """trio has a handler of its own while it runs, and only where there was Python's."""
    pytest.importorskip("trio")
    client.run("%autoawait trio\nimport time, trio")
    for _ in range(3):
        cell = client.execute(f"print('begun')\nawait trio.sleep(0)\n{code}")
        cell.wait_for_text("begun")
        interrupt()
        assert cell.wait().reply.content["ename"] == "KeyboardInterrupt"
        cell = client.run("await trio.sleep(0)\n'usable'")
        assert cell.result == "'usable'"
        assert cell.text("stderr") == ""
    client.run("%autoawait asyncio")


@pytest.mark.ipyrust_only("its environment has no greenlet")
@pytest.mark.parametrize("start", ["hub.switch()", "greenlet.greenlet(hub.switch, hub).switch()"])
def test_an_interrupt_stops_a_cell_that_waits_in_a_greenlet(
    client: Client, interrupt: Interrupt, start: str
) -> None:
    """As gevent does: its loop runs in a greenlet, which has a stack of its own."""
    pytest.importorskip("greenlet")
    client.run(
        "import greenlet, time\n"
        "def wait():\n    print('begun')\n    time.sleep(1000)\n"
        "hub = greenlet.greenlet(wait)"
    )
    cell = client.execute(start).wait_for_text("begun")
    interrupt()
    assert cell.wait().reply.content["ename"] == "KeyboardInterrupt"
    assert client.run("'usable'").result == "'usable'"


# Handled by the loop when the cell's next step is the next in its queue.
BETWEEN_STEPS = """\
import asyncio, signal, time
asyncio.get_running_loop().call_soon(signal.raise_signal, signal.SIGINT)
await asyncio.sleep(0)
"""


@pytest.mark.ipykernel_differs("its handler only cancels the task")
def test_an_interrupt_between_two_steps_stops_the_next(client: Client) -> None:
    cell = client.execute(BETWEEN_STEPS + "time.sleep(1000)").wait()
    assert cell.status == "error"
    assert cell.reply.content["ename"] == "KeyboardInterrupt"
    assert client.run("'usable'").result == "'usable'"


@pytest.mark.ipykernel_differs("its handler only cancels the task")
def test_an_interrupt_between_two_steps_comes_once(client: Client) -> None:
    code = "try: time.sleep(1000)\nexcept KeyboardInterrupt: await asyncio.sleep(0.2)\n'once'"
    assert client.run(BETWEEN_STEPS + code).result == "'once'"


@pytest.mark.parametrize("code", ["!{}", "import os; os.system('{}')"])
def test_an_interrupt_reaches_a_child_in_the_foreground(
    client: Client, interrupt: Interrupt, code: str
) -> None:
    # The child says itself that it runs: a shell that has said so has not started its own yet.
    child = 'exec $PYTHON -u -c "import time; print(1 - 2); time.sleep(1000)"'
    client.run("import os, sys; os.environ['PYTHON'] = sys.executable")
    cell = client.execute(code.replace("{}", child)).wait_for_text("-1")
    interrupt()
    # The C library's system() takes the signal from us: whether the cell fails is the child's word.
    cell.wait()
    assert client.run("'usable'").result == "'usable'"


def test_an_interrupt_stops_input(client: Client, interrupt: Interrupt) -> None:
    cell = client.execute("input('endless')", allow_stdin=True)
    cell.wait_for_input()
    interrupt()
    assert cell.wait().reply.content["ename"] == "KeyboardInterrupt"
    assert client.run("'usable'").result == "'usable'"


def test_an_interrupt_stops_getpass(client: Client, interrupt: Interrupt) -> None:
    cell = client.execute("import getpass; getpass.getpass('endless')", allow_stdin=True)
    cell.wait_for_input()
    interrupt()
    assert cell.wait().reply.content["ename"] == "KeyboardInterrupt"


def test_the_traceback_ends_with_the_line_of_the_user(client: Client, interrupt: Interrupt) -> None:
    # In one statement: between two of them it is IPython that runs, and compiles the next.
    code = "import time\nwhile True:\n    print('begun')\n    time.sleep(0.01)"
    cell = client.execute(code).wait_for_text("begun")
    interrupt()
    traceback = "".join(cell.wait().reply.content["traceback"])
    assert "time" in traceback
    assert "_on_signal" not in traceback


def test_a_traceback_that_a_cell_prints_ends_with_its_line(
    client: Client, interrupt: Interrupt
) -> None:
    cell = client.execute(
        "import time, traceback\n"
        "try: print('begun'); time.sleep(1000)\n"
        "except KeyboardInterrupt: traceback.print_exc(); 1 / 0"
    )
    cell.wait_for_text("begun")
    interrupt()
    shown = "\n".join(cell.wait().reply.content["traceback"])
    assert cell.text("stderr").count("  File ") == 1
    assert "During handling" in shown
    assert "ipyrust" not in shown


def test_an_interrupt_that_a_custom_handler_shows_is_shown_once(
    client: Client, interrupt: Interrupt
) -> None:
    client.run(
        "import time\n"
        "def handler(shell, kind, error, traceback, tb_offset=None): print('handled')\n"
        "get_ipython().set_custom_exc((KeyboardInterrupt,), handler)"
    )
    # In one statement: between two of them it is IPython that runs, and is torn.
    cell = client.execute("while True: print('begun'); time.sleep(1000)").wait_for_text("begun")
    interrupt()
    assert cell.wait().reply.content["ename"] == "KeyboardInterrupt"
    assert cell.text() == "begun\nhandled\n"
    assert "error" not in cell.types
    client.run("get_ipython().set_custom_exc((), None)")


@pytest.mark.ipykernel_differs("the second takes the place of the traceback")
@pytest.mark.parametrize("pause", [0, 0.001, 0.003, 0.01])
def test_a_second_interrupt_does_not_take_the_place_of_the_traceback(
    client: Client, kernel: Kernel, pause: float
) -> None:
    # As servers do it: a signal, then a shutdown, which interrupts too.
    client.run("import asyncio, time")
    for wait in ("time.sleep(1000)", "await asyncio.sleep(1000)"):
        # In one statement: between two of them it is IPython that runs, and is torn.
        cell = client.execute(f"while True: print('begun'); {wait}").wait_for_text("begun")
        kernel.interrupt()
        time.sleep(pause)
        kernel.interrupt()
        assert cell.wait().types == ["stream", "error"]
        assert [stream.content["name"] for stream in cell.of_type("stream")] == ["stdout"]
        traceback = "".join(cell.reply.content["traceback"])
        assert wait in re.sub(r"\x1b\[[\d;]*m", "", traceback)


def test_a_second_interrupt_ends_what_the_first_has_left_running(
    client: Client, kernel: Kernel
) -> None:
    hook = (
        "import time\n"
        "def hook():\n"
        "    events.unregister('post_execute', hook)\n"
        "    print('hooked')\n"
        "    time.sleep(1000)"
    )
    # Not in a cell's file, as a library's.
    client.run(f"space = {{'events': get_ipython().events}}\nexec({hook!r}, space)")
    cell = client.execute(
        "import time; space['events'].register('post_execute', space['hook'])\n"
        "while True: print('begun'); time.sleep(1000)"
    ).wait_for_text("begun")
    kernel.interrupt()
    cell.wait_for_text("hooked")
    kernel.interrupt()
    cell.wait()
    assert cell.reply.content["ename"] == "KeyboardInterrupt"


def test_an_interrupt_can_be_caught(client: Client, interrupt: Interrupt) -> None:
    # It says so inside the `try`: what comes as it says so is caught as well.
    code = (
        "import time\n"
        "caught = 0\n"
        "while not caught:\n"
        "    try:\n"
        "        print('begun')\n"
        "        while True: time.sleep(0.01)\n"
        "    except KeyboardInterrupt: caught += 1\n"
        "caught"
    )
    cell = client.execute(code).wait_for_text("begun")
    interrupt()
    assert cell.wait().result == "1"


def test_a_second_interrupt_stops_who_caught_the_first(
    client: Client, interrupt: Interrupt
) -> None:
    # (CPython leaves `while True: pass` itself out of the range of its `try`.)
    spin = "while True: time.sleep(0.01)"
    code = (
        "import time\n"
        f"try:\n    print('begun')\n    {spin}\n"
        f"except KeyboardInterrupt: print('caught')\n{spin}"
    )
    cell = client.execute(code).wait_for_text("begun")
    interrupt()
    cell.wait_for_text("caught")
    interrupt()
    assert cell.wait().reply.content["ename"] == "KeyboardInterrupt"


def test_an_interrupt_of_an_idle_kernel_changes_nothing(
    client: Client, interrupt: Interrupt
) -> None:
    client.run("value = 1")
    for _ in range(3):
        interrupt()
        assert client.run("value").result == "1"


@pytest.mark.ipykernel_differs("it loses the one that comes as the cell begins")
def test_no_interrupt_is_lost(client: Client, interrupt: Interrupt) -> None:
    """Also not when it comes just as the cell begins, which the text does not wait for."""
    for _ in range(10):
        cell = client.execute("while True: pass")
        cell.wait_for("execute_input")
        interrupt()
        assert cell.wait().status == "error"


@pytest.mark.ipykernel_differs("it loses the reply when one comes between cells")
def test_many_interrupts_at_once_leave_a_usable_kernel(
    client: Client, interrupt: Interrupt
) -> None:
    cell = begin(client, "time.sleep")
    for _ in range(5):
        interrupt()
    cell.wait()
    assert client.run("'usable'").result == "'usable'"


def test_interrupt_is_answered_at_once_and_framed(client: Client) -> None:
    cell = begin(client, "spin")
    request = client.send("control", "interrupt_request")
    assert client.reply_to(request).content == {"status": "ok"}
    published = client.wait_idle(request)
    assert is_status(published[0], "busy")
    cell.wait()


def test_interrupt_on_the_shell_channel_is_not_needed_by_anyone_but_survived(
    client: Client,
) -> None:
    request = client.send("shell", "interrupt_request")
    client.wait_idle(request)
    assert client.run("1").result == "1"


def test_a_cell_may_have_its_own_handler_of_the_signal(kernel: Kernel, client: Client) -> None:
    code = (
        "seen = []\n"
        "before = signal.signal(signal.SIGINT, lambda *_: seen.append(1))\n"
        "print('ready')\n"
        "while not seen: time.sleep(0.01)\n"
        "signal.signal(signal.SIGINT, before)\n"
        "seen"
    )
    cell = client.execute(BEGIN + code).wait_for_text("ready")
    kernel.interrupt()
    assert cell.wait().result == "[1]"
    cell = begin(client, "spin")
    kernel.interrupt()
    assert cell.wait().status == "error"


# Who takes a lock by functions of Python, and releases it so: what interrupts one of them would
# leave the lock taken.
TAKE_A_LOCK = {
    "Condition": ("lock = threading.Condition(threading.Lock())", "with lock: pass"),
    "logging": (
        "class Handler(logging.Handler):\n    def emit(self, record): pass\n"
        "handler = Handler()\nlock = handler.lock\nrecord = logging.makeLogRecord({})",
        "handler.handle(record)",
    ),
}
# By another thread, since the one that has taken it may be let in again.
LOOK = """\
free = []
def look():
    if lock.acquire(blocking=False):
        free.append(True)
        lock.release()
looks = threading.Thread(target=look)
looks.start()
looks.join()
free"""


@pytest.mark.ipykernel_differs("who wants the lock next waits for ever")
@pytest.mark.parametrize("name", TAKE_A_LOCK)
def test_an_interrupt_leaves_no_lock_taken(client: Client, interrupt: Interrupt, name: str) -> None:
    make, use = TAKE_A_LOCK[name]
    client.run(f"import logging, threading\n{make}")
    for _ in range(20):
        cell = client.execute(f"print('begun')\nwhile True:\n    {use}").wait_for_text("begun")
        interrupt()
        assert cell.wait().status == "error"
        assert client.run(LOOK).result == "[True]"


def test_an_interrupt_ends_a_wait_for_a_lock(client: Client, interrupt: Interrupt) -> None:
    code = "taken = threading.Condition(threading.Lock())\ntaken.acquire()\nwith taken: pass"
    cell = client.execute(BEGIN + code).wait_for_text("begun")
    interrupt()
    assert cell.wait().reply.content["ename"] == "KeyboardInterrupt"


@pytest.mark.ipykernel_differs("it ends")
def test_a_signal_handler_may_raise_between_cells(client: Client) -> None:
    client.run(
        "import signal\n"
        "def late(*_): raise TimeoutError\n"
        "before = signal.signal(signal.SIGALRM, late)\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.05)"
    )
    time.sleep(0.1)  # While nothing is asked of it.
    assert client.run("signal.signal(signal.SIGALRM, before)\n'usable'").result == "'usable'"


def test_an_interrupt_leaves_background_tasks_alone(client: Client, interrupt: Interrupt) -> None:
    client.run(
        "import asyncio\n"
        "async def tick():\n"
        "    global ticks\n"
        "    while True:\n"
        "        ticks += 1; await asyncio.sleep(0.01)\n"
        "ticks = 0\n"
        "task = asyncio.create_task(tick())"
    )
    cell = begin(client, "time.sleep")
    interrupt()
    cell.wait()
    client.run("before = ticks\nwhile ticks < before + 3: await asyncio.sleep(0.01)")
    assert client.run("task.cancel()").result == "True"


def test_the_children_of_an_interrupted_cell_are_gone(client: Client, interrupt: Interrupt) -> None:
    code = (
        "child = subprocess.Popen(['sleep', '1000'])\n"
        "try: print('waiting'); child.wait()\nfinally: child.kill(); child.wait()"
    )
    cell = client.execute(BEGIN + code).wait_for_text("waiting")
    interrupt()
    assert cell.wait().status == "error"
    assert client.run("child.poll() is not None").result == "True"


def test_an_interrupt_stops_pdb(client: Client, interrupt: Interrupt) -> None:
    cell = client.execute("import pdb\npdb.set_trace()\n1", allow_stdin=True)
    cell.wait_for_input()
    interrupt()
    cell.wait()
    assert client.run("'usable'").result == "'usable'"
