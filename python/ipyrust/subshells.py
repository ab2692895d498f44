"""Subshells (JEP 91): more threads that run cells, while the main shell is busy with its own.

A subshell is a thread with an asyncio loop of its own on which the same serve loop answers the
subshell's queue. All share one IPython: one namespace, one history, one execution count. The kernel
library routes requests to the queues and answers those for unknown subshells.

An interrupt goes to the main shell's cell; when the main shell is idle it goes to the cells of all
subshells. A thread cannot be sent a signal, so there the interrupt is an asynchronous exception,
which Python raises between two bytecodes of the cell: a call that waits in C (`time.sleep`) is
interrupted when it returns. Deleting a busy subshell interrupts its cell first.
"""

from __future__ import annotations

import _thread
import asyncio
import ctypes
import os
import sys
import threading
import time
from types import FrameType
from typing import TYPE_CHECKING, Any

from ipyrust import execution, serve
from ipyrust.debugger.cells import is_cell_file
from ipyrust.interrupts import handles_lock, interrupts

if TYPE_CHECKING:
    from ipyrust._core import RequestQueue
    from ipyrust.kernel import Kernel

DELETE_GRACE = 1.0  # Seconds that deleting waits for an interrupted cell; then it ends by itself.
TRY_AGAIN_FIRST = 0.001  # Seconds, while a cell is where it cannot be interrupted; doubled.
TRY_AGAIN_SLOWEST = 0.05


class Subshells:
    """The subshells of the kernel; created, deleted and listed by the control thread."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._subshells: dict[str, Subshell] = {}
        events = kernel.shell.events
        events.register("pre_execute", _cell_begins)
        events.register("post_execute", _cell_ended)
        interrupts.when_idle.append(self.interrupt)
        interrupts.cancelled_elsewhere = _is_cancelled

    def create(self) -> str:
        """Start a subshell; its id."""
        subshell_id, queue = self._kernel.core.create_subshell()
        subshell = self._subshells[subshell_id] = Subshell(self._kernel, subshell_id, queue)
        subshell.thread.start()
        return subshell_id

    def delete(self, subshell_id: str) -> bool:
        """End a subshell, interrupting what it runs; whether there was one."""
        subshell = self._subshells.pop(subshell_id, None)
        if subshell is None:
            return False
        # What waits in the queue is answered by the kernel library.
        self._kernel.core.delete_subshell(subshell_id)
        subshell.interrupt()
        subshell.thread.join(DELETE_GRACE)
        if subshell.thread.is_alive():
            self._kernel.log.warning(
                "subshell %s is deleted and still runs a cell that cannot be interrupted",
                subshell_id,
            )
        return True

    def list(self) -> list[str]:
        """The ids of the subshells there are."""
        return self._kernel.core.subshells()

    def interrupt(self) -> None:
        """Interrupt the cells of all subshells; may be called by a signal handler."""
        for subshell in tuple(self._subshells.values()):
            subshell.interrupt()


class Subshell:
    """One subshell: its thread, its loop, and the cell it runs."""

    def __init__(self, kernel: Kernel, subshell_id: str, queue: RequestQueue) -> None:
        self._kernel = kernel
        self._queue = queue
        self._loop: asyncio.AbstractEventLoop
        self._task: asyncio.Task[None] | None = None
        # Not named as our own threads are: the debugger shows it, and stops in its cells.
        self.thread = threading.Thread(
            target=self._run, name=f"subshell-{subshell_id[:8]}", daemon=True
        )
        # The cell that runs, by number, or None; and what interrupts have done to it.
        self.cell: int | None = None
        self.cells = 0
        self.cancelled = False
        # The cell for which a thread is about to interrupt it.
        self._interrupting: int | None = None

    def interrupt(self) -> None:
        """Interrupt the running cell, if there is one."""
        cell = self.cell
        if cell is not None and self._interrupting != cell:
            self._interrupting = cell
            # Not `threading`: the interrupted code of the main thread may hold its locks.
            _thread.start_new_thread(self._interrupt_and_forget, (cell,))

    def _run(self) -> None:
        _current.subshell = self
        self._loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self._loop)
        try:
            # An interrupt that comes as its cell ends may hit the loop or the serve loop instead;
            # its request is answered with the error, and the next one is served.
            while self._task is None or not (self._task.done() and self._queue.closed):
                try:
                    if self._task is None or self._task.done():
                        self._task = self._loop.create_task(serve.serve(self._kernel, self._queue))
                    self._loop.run_until_complete(self._task)
                except (KeyboardInterrupt, asyncio.CancelledError):
                    continue
                except Exception:
                    self._kernel.log.exception("a subshell failed and serves on")
        finally:
            self._end_loop()

    def _end_loop(self) -> None:
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        if tasks:
            self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        asyncio.set_event_loop(None)
        self._loop.close()

    def _interrupt_and_forget(self, cell: int) -> None:
        try:
            self._interrupt(cell)
        finally:
            if self._interrupting == cell:
                self._interrupting = None

    def _interrupt(self, cell: int) -> None:
        """Raise KeyboardInterrupt in this cell as soon as its code can take it."""
        pause = TRY_AGAIN_FIRST
        # Where the cell awaits, its loop is asked to cancel it. Something else may stand in the
        # loop's queue before that, and not end: the cell's next step, or a callback.
        asked: asyncio.Handle | None = None
        done: list[bool] = []
        while self.cell == cell and not done:
            # From here to the exception no other Python code runs: what is seen is what is hit.
            frame = sys._current_frames().get(self.thread.ident or 0)
            # Where it waits for the lock it could not be interrupted, either.
            place = _ELSEWHERE if handles_lock(frame) else _place(frame)
            if place == _IN_CELL:
                if asked is not None:
                    asked.cancel()
                _raise_in(self.thread)
                return
            if place in (_IN_CALLBACK, _WAITING) and asked is None:
                asked = self._loop.call_soon_threadsafe(self._cancel, cell, done)
            if place == _IN_CALLBACK:
                # It may be what blocks the loop; the cell itself is cancelled after it.
                _raise_in(self.thread)
                return
            if place == _IN_DEBUGGER:
                # Where it waits, a stop is ended by the exception; elsewhere pydevd is at work.
                info = getattr(self.thread, "additional_info", None)
                if info is not None and info.is_in_wait_loop:
                    from ipyrust.debugger.tracing import forget_stop

                    forget_stop(info)
                    _raise_in(self.thread)
                    return
            time.sleep(pause)
            pause = min(pause * 2, TRY_AGAIN_SLOWEST)

    def _cancel(self, cell: int, done: list[bool]) -> None:
        done.append(True)
        if self.cell == cell and self._task is not None:
            self.cancelled = True
            self._task.cancel()

    def begins(self) -> None:
        """A cell begins."""
        uncancel = getattr(self._task, "uncancel", None)  # Python 3.11.
        if self.cancelled and uncancel is not None:
            uncancel()
        self.cancelled = False
        self.cells += 1
        self.cell = self.cells


class _Current(threading.local):
    subshell: Subshell | None = None


_current = _Current()


def _cell_begins() -> None:
    if _current.subshell is not None:
        _current.subshell.begins()


def _cell_ended() -> None:
    if _current.subshell is not None:
        _current.subshell.cell = None


def _is_cancelled() -> bool:
    """Whether an interrupt has cancelled the cell of this thread's subshell."""
    return _current.subshell is not None and _current.subshell.cancelled


# Where a subshell's thread is: in the code of its cell, in that of a callback or task, in the
# debugger's, waiting in its loop for what the cell awaits, or in between.
_IN_CELL, _IN_CALLBACK, _IN_DEBUGGER, _WAITING, _ELSEWHERE = range(5)

_SELECTORS = f"{os.sep}selectors.py"


def _place(frame: FrameType | None) -> int:
    waits = frame is not None and frame.f_code.co_filename.endswith(_SELECTORS)
    in_code = False
    while frame is not None:
        # The innermost decides: a thread that the debugger watches begins in it, too.
        if not (waits or in_code) and "pydevd" in frame.f_code.co_filename:
            return _IN_DEBUGGER
        if in_code and frame.f_code is execution.CELL_CODE:
            return _IN_CELL
        # A loop that the cell itself runs has the cell below it.
        in_code = in_code or is_cell_file(frame.f_code.co_filename)
        frame = frame.f_back
    if in_code:
        return _IN_CALLBACK
    return _WAITING if waits else _ELSEWHERE


def _raise_in(thread: threading.Thread) -> None:
    set_exception: Any = ctypes.pythonapi.PyThreadState_SetAsyncExc
    set_exception(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(KeyboardInterrupt))
