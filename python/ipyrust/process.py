"""The process: crash reports, signals that end it, and the way out.

The way out is one function, `leave`. It runs what `atexit` holds (IPython closes its history
there), sends what is left to send, ends the children and leaves by `_exit`, because Python's own
way waits for threads that may never end. Whatever hangs, with or without the GIL, the process is
gone in time.
"""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]
import _thread
import atexit
import contextlib
import faulthandler
import os
import sys
from collections.abc import Callable
from typing import Any

from ipyrust import _core

GRACE = 3.0  # Seconds a busy kernel has to end after it was told to; jupyter_client waits 5.
SEND_GRACE = 1.0  # Of these, for clients that are slow to take the last messages.
CHILDREN_GRACE = 0.5  # For child processes, between being asked and being made to.


class Process:
    """What the kernel's process needs at its beginning and its end."""

    def __init__(self, core: _core.Kernel) -> None:
        self._core = core
        self._leaving = False
        self._pid = os.getpid()

    def install(self) -> None:
        """Report crashes on the original stderr, dump stacks on SIGUSR1, leave on SIGTERM."""
        descriptor = self._core.original_stderr
        with contextlib.suppress(OSError, RuntimeError, ValueError):
            faulthandler.enable(descriptor)
            if hasattr(signal, "SIGUSR1"):
                faulthandler.register(signal.SIGUSR1, file=descriptor, all_threads=True)
        self._keep_crash_reports(descriptor)
        signal.signal(signal.SIGTERM, self._on_terminate)
        # C code may keep Python from ever calling it.
        self._core.watch_sigterm()
        os.register_at_fork(after_in_child=self._die_of_sigterm)
        _keep_signals_across_forks()

    def leave(self, code: int = 0) -> None:
        """End the process; does not return."""
        if self._leaving or os.getpid() != self._pid:
            # A second call comes from within the first (a signal during `atexit`): go.
            os._exit(code)
        self._leaving = True
        _core.exit_after(GRACE, code)
        with contextlib.suppress(BaseException):
            atexit._run_exitfuncs()
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        with contextlib.suppress(BaseException):
            _core.end_children(CHILDREN_GRACE)
        with contextlib.suppress(BaseException):
            self._core.close(SEND_GRACE)
        os._exit(code)

    def _on_terminate(self, number: int, frame: Any) -> None:
        if _core.forked() or os.getpid() != self._pid:
            # The child has put back a handler that was ours before the fork.
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGTERM)
            return
        self.leave(0)

    def _die_of_sigterm(self) -> None:
        # In a child made by fork, which dies of it as any process does. Libraries put handlers of
        # their own only where there is none.
        if signal.getsignal(signal.SIGTERM) == self._on_terminate:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def _keep_crash_reports(self, descriptor: int) -> None:
        # `faulthandler.enable()` in a cell would choose `sys.stderr`: a pipe to ourselves, and
        # we would not be there any more to read it.
        enable: Callable[..., None] = faulthandler.enable

        def enable_on_original(
            file: Any = descriptor, all_threads: bool = True, **more: Any
        ) -> None:
            enable(file, all_threads, **more)

        faulthandler.enable = enable_on_original


def _keep_signals_across_forks() -> None:
    """Let no signal to a child made by fork get lost.

    CPython forgets in the child what has arrived since the fork, for it may have been the
    parent's. A `SIGTERM` sent right after `Process.start()` would be lost; 15 of 100 were. While
    the fork lasts signals wait, and they arrive when the child is ready for them.
    """
    held = (signal.SIGINT, signal.SIGTERM)
    before: dict[int, set[int | signal.Signals]] = {}

    def hold() -> None:
        before[_thread.get_ident()] = signal.pthread_sigmask(signal.SIG_BLOCK, held)

    def release() -> None:
        mask = before.pop(_thread.get_ident(), None)
        if mask is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    os.register_at_fork(before=hold, after_in_child=release, after_in_parent=release)
