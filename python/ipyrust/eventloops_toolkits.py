"""How each GUI toolkit waits for a descriptor and a time while it handles its own events.

Each function here imports its toolkit, makes what the toolkit needs, and returns a `Wait`: called
with a descriptor and a number of seconds, it runs the toolkit's loop until the descriptor is
readable or the time is over. Returning early is allowed, the caller looks and calls again.
"""

from __future__ import annotations

import importlib
import math
import os
import platform
import select
import sys
import threading
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any

from .eventloops_selector import Wait

MANY = 1000  # Events that are handled at once before asyncio has its turn.


def tk() -> Wait:
    """Tk: a bare Tcl interpreter serves the windows of all interpreters of its thread."""
    import tkinter

    # Not `tkinter.Tk()`: that would be a hidden window, and the user's default root.
    tcl: Any = tkinter.Tcl().tk

    def wait(descriptor: int, timeout: float | None) -> None:
        if timeout is not None and timeout <= 0:
            for _ in range(MANY):
                if not tcl.dooneevent(tkinter._tkinter.DONT_WAIT):  # type: ignore[attr-defined]
                    return
            return
        done = False

        def stop(*_: Any) -> None:
            nonlocal done
            done = True

        tcl.createfilehandler(descriptor, tkinter.READABLE, stop)
        timer = None if timeout is None else tcl.createtimerhandler(_milliseconds(timeout), stop)
        try:
            while not done:
                tcl.dooneevent(0)
        finally:
            tcl.deletefilehandler(descriptor)
            if timer is not None:
                timer.deletetimerhandler()

    return wait


def qt(version: int | None) -> Wait:
    """Qt 5 or 6, by whichever binding is imported already, else asked for, else installed."""
    binding = _qt_binding(version)
    core: Any = importlib.import_module(f"{binding}.QtCore")
    application = core.QCoreApplication.instance()
    if application is None:
        _check_display()
        try:
            kind = importlib.import_module(f"{binding}.QtWidgets").QApplication
        except ImportError:
            kind = importlib.import_module(f"{binding}.QtGui").QGuiApplication
        application = kind(["ipyrust"])
        # The kernel goes on when the last window is closed.
        application.setQuitOnLastWindowClosed(False)
    # matplotlib and others choose their binding by it.
    os.environ["QT_API"] = binding.lower()
    loop = core.QEventLoop()
    timer = core.QTimer()
    timer.setSingleShot(True)
    timer.timeout.connect(lambda: loop.quit())
    notifiers: dict[int, Any] = {}

    def wait(descriptor: int, timeout: float | None) -> None:
        if sys.excepthook is sys.__excepthook__:
            # PyQt ends the process if an exception leaves a slot and nobody has changed this; the
            # one that IPython sets lasts as long as a cell.
            sys.excepthook = _show_exception
        if timeout is not None and timeout <= 0:
            loop.processEvents()
            return
        if descriptor not in notifiers:
            # The enumeration moved between the versions.
            kinds = getattr(core.QSocketNotifier, "Type", core.QSocketNotifier)
            notifier = notifiers[descriptor] = core.QSocketNotifier(descriptor, kinds.Read)
            notifier.activated.connect(lambda *_: loop.quit())
        notifier = notifiers[descriptor]
        notifier.setEnabled(True)
        if timeout is not None:
            timer.start(_milliseconds(timeout))
        try:
            (loop.exec if hasattr(loop, "exec") else loop.exec_)()
        finally:
            # It would fire without end while the kernel is at work.
            notifier.setEnabled(False)
            timer.stop()

    wait.application = application  # type: ignore[attr-defined]  # Qt's own reference is weak.
    return wait


def gtk(version: str) -> Wait:
    """GTK 3 or 4, on GLib's default main context."""
    gi: Any = importlib.import_module("gi")
    gi.require_version("Gtk", version)
    toolkit: Any = importlib.import_module("gi.repository.Gtk")
    glib: Any = importlib.import_module("gi.repository.GLib")
    started = toolkit.init_check()
    if not (started[0] if isinstance(started, tuple) else started):
        raise RuntimeError("GTK did not start: no display can be opened")
    context = glib.MainContext.default()

    def wait(descriptor: int, timeout: float | None) -> None:
        if timeout is not None and timeout <= 0:
            for _ in range(MANY):
                if not context.iteration(False):
                    return
            return
        done = False

        def stop(*_: Any) -> bool:
            nonlocal done
            done = True
            return True  # The source stays until it is removed below.

        sources = [glib.io_add_watch(descriptor, glib.PRIORITY_DEFAULT, glib.IOCondition.IN, stop)]
        if timeout is not None:
            sources.append(glib.timeout_add(_milliseconds(timeout), stop))
        try:
            while not done:
                context.iteration(True)
        finally:
            for source in sources:
                glib.source_remove(source)

    return wait


def wx() -> Wait:
    """wxWidgets, which cannot watch descriptors: a thread does, and wakes it."""
    wxpython: Any = importlib.import_module("wx")
    _check_display()
    application = wxpython.GetApp() or wxpython.App(redirect=False, clearSigInt=False)
    application.SetExitOnFrameDelete(False)

    def wait(descriptor: int, timeout: float | None) -> None:
        loop = wxpython.GUIEventLoop()

        def stop() -> None:
            # A call that comes late finds that another loop runs by now.
            if loop.IsRunning():
                loop.Exit()

        with wxpython.EventLoopActivator(loop) as _:
            if timeout is not None and timeout <= 0:
                while loop.Pending():
                    loop.Dispatch()
                application.ProcessPendingEvents()
                loop.ProcessIdle()
                return
            # `Exit` of a loop that does not run yet would be an error: `CallAfter` is handled by
            # the running loop.
            with _Watcher(descriptor, timeout, lambda: wxpython.CallAfter(stop)):
                loop.Run()

    wait.application = application  # type: ignore[attr-defined]
    return wait


def osx() -> Wait:
    """Cocoa's application loop, for matplotlib's macosx backend."""
    if platform.system() != "Darwin":
        raise RuntimeError("`%gui osx` needs macOS")
    from . import eventloops_cocoa

    return eventloops_cocoa.make_wait()


class _Watcher:
    """Calls `wake` from a thread when a descriptor is readable or a time is over."""

    def __init__(self, descriptor: int, timeout: float | None, wake: Callable[[], None]) -> None:
        self._descriptor = descriptor
        self._timeout = timeout
        self._wake = wake
        self._end_read, self._end_write = os.pipe()
        self._thread = threading.Thread(target=self._watch, name="ipyrust-gui", daemon=True)

    def __enter__(self) -> _Watcher:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.write(self._end_write, b"x")
        self._thread.join()
        os.close(self._end_read)
        os.close(self._end_write)

    def _watch(self) -> None:
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        poll.register(self._end_read, select.POLLIN)
        limit = None if self._timeout is None else _milliseconds(self._timeout)
        if all(descriptor != self._end_read for descriptor, _ in poll.poll(limit)):
            self._wake()


def _qt_binding(version: int | None) -> str:
    known = {6: ("PyQt6", "PySide6"), 5: ("PyQt5", "PySide2")}
    candidates = known[version] if version else known[6] + known[5]
    for name in candidates:
        if f"{name}.QtCore" in sys.modules:
            return name
    other = [
        name
        for names in known.values()
        for name in names
        if name not in candidates and f"{name}.QtCore" in sys.modules
    ]
    if other:
        raise RuntimeError(f"`%gui qt{version}`: {other[0]} is loaded already; restart the kernel")
    asked = os.environ.get("QT_API", "").lower()
    for name in sorted(candidates, key=lambda name: name.lower() != asked):
        try:
            importlib.import_module(f"{name}.QtCore")
        except ImportError:
            continue
        return name
    raise ImportError(f"no Qt is installed; tried: {', '.join(candidates)}")


def _check_display() -> None:
    """Qt and wx end the process when there is no display: say it before."""
    if sys.platform != "linux":
        return
    names = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    if not any(os.environ.get(name) for name in names):
        raise RuntimeError(f"no display: none of {', '.join(names)} is set")


def _show_exception(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    traceback.print_exception(kind, error, trace)


def _milliseconds(seconds: float) -> int:
    # Not before its time, or asyncio finds nothing to do and asks again.
    return min(math.ceil(seconds * 1000), 2**31 - 1)
