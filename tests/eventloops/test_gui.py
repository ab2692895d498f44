"""`%gui`: the kernel, asyncio and a toolkit's windows are all served, and nothing polls.

A toolkit that is not installed, or has no display, skips its tests. `ci/eventloops` has them all.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from harness import Client, Kernel, StartKernel


@dataclass
class Toolkit:
    """How a cell asks a toolkit to call `called` after some milliseconds."""

    name: str
    module: str
    timer: str
    needs_display: bool = True
    prepare: str = ""  # Whether the toolkit can be used, where importing it does not say so.


TOOLKITS = [
    Toolkit(
        "tk",
        "tkinter",
        "import tkinter\nroot = tkinter.Tk(); root.withdraw(); root.after({ms}, called)",
    ),
    *(
        Toolkit(
            name,
            module,
            f"from {module} import QtCore\n"
            "timer = QtCore.QTimer(); timer.setSingleShot(True)\n"
            "timer.timeout.connect(called); timer.start({ms})",
            needs_display=False,
        )
        for name, module in [
            ("qt6", "PyQt6"),
            ("qt6", "PySide6"),
            ("qt5", "PyQt5"),
            ("qt5", "PySide2"),
        ]
    ),
    *(
        Toolkit(
            name,
            "gi",
            "from gi.repository import GLib\nGLib.timeout_add({ms}, lambda: called() and False)",
            prepare=f"import gi; gi.require_version('Gtk', '{version}')",
        )
        for name, version in [("gtk3", "3.0"), ("gtk4", "4.0")]
    ),
    Toolkit("wx", "wx", "import wx\ntimer = wx.CallLater({ms}, called)"),
]


@pytest.fixture(params=TOOLKITS, ids=lambda toolkit: f"{toolkit.name}-{toolkit.module}")
def toolkit(request: pytest.FixtureRequest) -> Toolkit:
    toolkit: Toolkit = request.param
    if importlib.util.find_spec(toolkit.module) is None:
        pytest.skip(f"{toolkit.module} is not installed")
    if toolkit.prepare and subprocess.run([sys.executable, "-c", toolkit.prepare]).returncode:
        pytest.skip(f"this version of {toolkit.name} is not installed")
    if toolkit.needs_display and not os.environ.get("DISPLAY"):
        pytest.skip(f"{toolkit.name} needs a display: run under xvfb-run")
    return toolkit


@pytest.fixture
def gui_kernel(start_kernel: StartKernel, toolkit: Toolkit) -> Kernel:
    if not toolkit.name.startswith("qt"):
        return start_kernel()
    # Where several bindings of one Qt are installed, a process can hold only one.
    environment = {"QT_QPA_PLATFORM": "offscreen", "QT_API": toolkit.module.lower()}
    return start_kernel(environment=environment)


@pytest.fixture
def gui(gui_kernel: Kernel, toolkit: Toolkit) -> Iterator[Client]:
    """A client of a kernel in which the toolkit runs."""
    with gui_kernel.client() as client:
        client.run(
            f"%gui {toolkit.name}\n"
            "import asyncio, threading, time\n"
            "calls = []\n"
            "def called(*_):\n    calls.append(time.monotonic()); return True\n"
        )
        yield client


def start_timer(client: Client, toolkit: Toolkit, milliseconds: int) -> None:
    client.run(toolkit.timer.replace("{ms}", str(milliseconds)))


def test_the_toolkit_runs_between_cells(gui: Client, toolkit: Toolkit) -> None:
    start_timer(gui, toolkit, 50)
    wait = "import asyncio\nwhile not calls: await asyncio.sleep(0.01)"
    gui.run(wait)
    assert gui.run("len(calls)").result == "1"


@pytest.mark.ipykernel_differs("its toolkits run only between cells")
def test_the_toolkit_runs_while_a_cell_awaits(gui: Client, toolkit: Toolkit) -> None:
    code = toolkit.timer.replace("{ms}", "50")
    cell = gui.run(
        f"{code}\nevent = asyncio.Event()\n"
        "async def until():\n    while not calls: await asyncio.sleep(0.01)\n"
        "await asyncio.wait_for(until(), 50)\nlen(calls)"
    )
    assert cell.result == "1"


@pytest.mark.ipykernel_differs("asyncio waits while its toolkits run")
def test_callbacks_of_the_toolkit_and_tasks_of_asyncio_wake_each_other(
    gui: Client, toolkit: Toolkit
) -> None:
    code = toolkit.timer.replace("{ms}", "50")
    cell = gui.run(
        "loop = asyncio.get_running_loop()\n"
        "event, later = asyncio.Event(), asyncio.Event()\n"
        "async def task(): event.set()\n"
        "tasks = []\n"
        "def called(*_):\n"
        "    tasks.append(loop.create_task(task())); loop.call_later(0.01, later.set)\n"
        f"{code}\n"
        "await asyncio.wait_for(event.wait(), 50)\n"
        "await asyncio.wait_for(later.wait(), 50)\n"
        "threading.Timer(0.05, lambda: loop.call_soon_threadsafe(event.clear)).start()\n"
        "while event.is_set(): await asyncio.sleep(0.01)\n"
        "'all woken'"
    )
    assert cell.result == "'all woken'"


def test_requests_wake_the_kernel_at_once(gui: Client, toolkit: Toolkit) -> None:
    for number in range(30):
        assert gui.run(str(number)).result == str(number)


@pytest.mark.ipykernel_differs("its wx and gtk poll")
def test_an_idle_toolkit_costs_nothing(gui: Client, toolkit: Toolkit) -> None:
    # Counted, not timed: a loop that polls asks hundreds of times in a second.
    gui.run(
        "import ipyrust.eventloops_selector as module\n"
        "waits = 0\n"
        "original = module.Selector.select\n"
        "def counting(self, timeout=None):\n"
        "    global waits; waits += 1; return original(self, timeout)\n"
        "module.Selector.select = counting"
    )
    cell = gui.run("before = waits\nawait asyncio.sleep(1)\nwaits - before")
    gui.run("module.Selector.select = original")
    assert int(cell.result or 99) < 20


def test_an_awaiting_cell_is_interrupted(gui: Client, toolkit: Toolkit) -> None:
    cell = gui.execute("print('waiting')\nawait asyncio.sleep(1000)").wait_for_text("waiting")
    gui.request("interrupt_request", {}, channel="control")
    cell.wait()
    assert cell.reply.content["ename"] in ("KeyboardInterrupt", "CancelledError")
    assert gui.run("'on'").result == "'on'"


def test_an_error_in_a_callback_is_shown_and_survived(gui: Client, toolkit: Toolkit) -> None:
    gui.run("def called(*_):\n    calls.append(1); raise RuntimeError('in a callback')")
    start_timer(gui, toolkit, 10)
    gui.run("while not calls: await asyncio.sleep(0.01)")
    # Where it is shown is the toolkit's choice: on stderr, or as an error by `sys.excepthook`.
    gui.wait_message(
        "iopub",
        lambda m: (
            (m.type == "stream" and "in a callback" in m.content["text"])
            or (m.type == "error" and m.content["evalue"] == "in a callback")
        ),
        "the traceback",
    )
    assert gui.run("'on'").result == "'on'"


def test_switching_off(gui: Client, toolkit: Toolkit) -> None:
    gui.run("%gui")
    assert gui.run("await asyncio.sleep(0.01, 'on')").result == "'on'"
    assert gui.run("get_ipython().kernel.eventloop is None").result == "True"
    gui.run(f"%gui {toolkit.name}")
    assert gui.run("await asyncio.sleep(0.01, 'on')").result == "'on'"


def test_shutdown_while_the_toolkit_waits(gui_kernel: Kernel, gui: Client) -> None:
    gui.request("shutdown_request", {"restart": False}, channel="control")
    assert gui_kernel.wait_for_exit() == 0
