"""What debugpy does to this process: started once, kept tracing, asked for its variables.

The `Tracer` owns everything global that debugging changes: the adapter's port, the
`breakpoint()` hook, the shell's treatment of leading empty lines. All of it is put back by
`detach`, except that debugpy itself stays loaded: it cannot be unloaded.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

from .client import DebugError, hide_from_debugger

MISSING = "debugpy is not installed; run `pip install debugpy` and restart the kernel"

# Threads of IPython and of ours that are no part of what a person debugs.
_HIDDEN_THREADS = ("ipyrust-", "IPythonHistorySavingThread", "control")
_RUNNING, _SUSPENDED, _NO_STEP = 1, 2, -1  # As pydevd_constants; its names are not public.


def available() -> bool:
    """Whether debugpy is there; it is not imported to find out."""
    return importlib.util.find_spec("debugpy") is not None


def load_debugpy() -> Any:
    """Import debugpy and, with it, the pydevd it carries."""
    if (loaded := sys.modules.get("debugpy.server.api")) is not None:
        return loaded
    if not available():
        raise DebugError(MISSING)
    # pydevd takes `breakpoint()` over when it is imported, debugging or not.
    breakpointhook = sys.breakpointhook
    # It warns on stderr about frozen modules, which concern the standard library's own sources.
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    try:
        return importlib.import_module("debugpy.server.api")
    except ImportError as error:
        raise DebugError(f"debugpy cannot be imported: {error}") from error
    finally:
        sys.breakpointhook = breakpointhook


class Tracer:
    """debugpy within this process."""

    def __init__(self, shell: Any, release_others: Callable[[], None]) -> None:
        """`release_others` is called, by a signal handler, when one of several stopped threads is
        interrupted.
        """
        self._shell = shell
        self._release_others = release_others
        self._debugpy: Any = None
        self._address: tuple[str, int] | None = None
        self._breakpointhook: Any = None
        self._empty_lines: tuple[int, Any] | None = None

    def listen(self) -> tuple[str, int]:
        """Start debugpy's adapter if it does not run yet; the address it listens at."""
        if self._address is None:
            debugpy = self._debugpy = load_debugpy()
            hide_from_debugger(threading.current_thread())
            for thread in threading.enumerate():
                if thread.name.startswith(_HIDDEN_THREADS):
                    hide_from_debugger(thread)
            # A child that waits for a debugger no notebook frontend attaches would wait for ever.
            debugpy.configure(subProcess=False)
            try:
                host, port = debugpy.listen(("127.0.0.1", 0))
            except Exception as error:
                raise DebugError(f"debugpy did not start: {error}") from error
            # This thread has to run while everything else is stopped.
            debugpy.trace_this_thread(False)
            self._address = (host, int(port))
        return self._address

    def attach(self) -> None:
        """A client is attached: cells keep their line numbers, `breakpoint()` stops in it."""
        if self._breakpointhook is not None:
            return
        self._breakpointhook = sys.breakpointhook
        if "PYTHONBREAKPOINT" not in os.environ:
            sys.breakpointhook = self._debugpy.breakpoint
        self._shell.events.register("pre_execute", self._before_cell)
        _interrupt_listeners().append(self._on_interrupt)
        transforms = self._shell.input_transformer_manager.cleanup_transforms
        for index, transform in enumerate(transforms):
            if getattr(transform, "__name__", "") == "leading_empty_lines":
                self._empty_lines = index, transforms.pop(index)
                break

    def detach(self) -> None:
        """No client is attached any longer: everything is as before."""
        if self._breakpointhook is None:
            return
        sys.breakpointhook, self._breakpointhook = self._breakpointhook, None
        self._shell.events.unregister("pre_execute", self._before_cell)
        _interrupt_listeners().remove(self._on_interrupt)
        if self._empty_lines is not None:
            self._shell.input_transformer_manager.cleanup_transforms.insert(*self._empty_lines)
            self._empty_lines = None

    def _before_cell(self) -> None:
        """Undo what an interrupt did to this thread's tracing.

        An exception that leaves a trace function switches tracing off for its thread, and
        KeyboardInterrupt leaves pydevd's whenever a person interrupts a stopped or traced cell.
        """
        info = getattr(threading.current_thread(), "additional_info", None)
        if info is not None and not info.is_in_wait_loop:
            forget_stop(info)
        if not _uses_monitoring() and sys.gettrace() is None:
            self._debugpy.trace_this_thread(True)

    def _on_interrupt(self) -> None:
        """An interrupt finds the main thread in the debugger's code; this is a signal handler.

        Where it waits, the interrupt is raised: it ends the wait and then the cell, and what it
        does to the tracing is undone before the next cell. Elsewhere pydevd is at work and is
        let be; the interrupt is sent again.
        """
        from ipyrust.interrupts import interrupts

        info = getattr(threading.current_thread(), "additional_info", None)
        if info is not None and info.is_in_wait_loop:
            if len(_stopped_threads()) > 1:
                self._release_others()
            if interrupts.cell is not None:
                interrupts.cell.owed = False
            forget_stop(info)
            raise KeyboardInterrupt


def forget_stop(info: Any) -> None:
    """A thread that is interrupted where it is stopped runs: it has no stop and no step to do.

    Otherwise it would stop again at the next line, whosever line that is.
    """
    if info.pydev_state == _SUSPENDED:
        info.pydev_state = _RUNNING
    info.pydev_step_cmd = _NO_STEP
    info.pydev_step_stop = None


def _uses_monitoring() -> bool:
    """Whether pydevd traces by `sys.monitoring` (Python 3.12), which is not set by thread."""
    constants: Any = sys.modules.get("_pydevd_bundle.pydevd_constants")
    return bool(getattr(constants, "PYDEVD_USE_SYS_MONITORING", False))


def _interrupt_listeners() -> list[Callable[[], None]]:
    from ipyrust.interrupts import interrupts

    return interrupts.when_held


def _stopped_threads() -> list[threading.Thread]:
    # Not `threading.enumerate`: a signal handler may have interrupted who holds its lock.
    threads = list(threading._active.values())  # type: ignore[attr-defined]
    infos = [(thread, getattr(thread, "additional_info", None)) for thread in threads]
    return [thread for thread, info in infos if info is not None and info.is_in_wait_loop]
