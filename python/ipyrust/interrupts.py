"""What Control-C does: the only `SIGINT` handler, and the reasons why it loses nothing.

An interrupt is a real signal to the main thread. CPython notes it at once and calls our handler
between two bytecodes of the main thread, or out of a system call that waits. The handler has to
decide where it landed, and that question is answered from the stack itself, not from flags that
could lag behind: a call through `guarded` or `guarded_cell` is a *region*, and an interrupt may be
raised exactly while such a call is on the stack, since its caller stands ready to catch it. (A
greenlet's stack goes on with its parents': gevent waits in one for what the cell waits for.) Hence
neither asyncio's own code nor the serve loop is ever torn by a `KeyboardInterrupt`.

The life of a cell, and what becomes of an interrupt in each part of it:

1. *Being taken.* The client has seen `busy`, we have not seen the request. `taking` was set before
   the queue was asked, so the interrupt is kept in `_early` and `begin` hands it to the cell.
2. *Begun, its code not started.* IPython's hooks run here and IPython swallows whatever they raise.
   Therefore `Cell.came` is set by every interrupt, and `before_code` raises if one came, as the
   very first thing the cell's code does. (`started` is set before `came` is read; an interrupt
   after that finds the region on the stack and is raised itself.)
3. *Its code is on the stack.* Raised there: Python unwinds it, IPython shows it.
4. *It awaits.* Its region is entered and not on the stack. The loop is asked (thread-safely, so it
   wakes from its selector) to cancel the task that the cell runs in; `CancelledError` is shown as
   `KeyboardInterrupt` (`is_cancelled`). A cell that has ended by then is not active any more and
   nothing is cancelled: between the end of a region and `end` there is no await, so an active cell
   that the loop sees is one that waits inside its region. If foreign code (another task, a comm's
   callback) happens to run right now, it is interrupted too: it may be what blocks the loop. And
   the cell's next step may stand in the loop's queue before the cancelling and block there: until
   one of the two has come the cell is owed the interrupt, see below.
5. *Ended.* The interrupt is dropped, as it is when the kernel is idle.

Two kinds of code swallow what is raised in them: destructors and callbacks of C code (Python prints
"Exception ignored in" and goes on), and the debugger's tracing functions (which stop tracing). What
the first kind swallows arrives at `sys.unraisablehook`; the second kind is seen on the stack and
nothing is raised. A third kind would leave a lock taken for ever: the functions in Python's library
that take or release one for a `with`, a `threading.Event` for its own (`_LOCK_CODES`). Nothing is
raised there either, but where one of them waits for the lock. In all three cases the cell is *owed*
an interrupt: a helper thread sends the signal again, every few milliseconds, until it was raised in
code that can take it or the cell has ended.

A cell is owed the next interrupt also while the last one ends it: its code has left the stack, and
IPython shows where it was interrupted. Servers interrupt a cell and ask for the shutdown, which
interrupts again; raised at once, that would take the place of the traceback. After `SHOWN_WITHIN`
it is raised whatever runs.

There is one way past all this, and it is CPython's: a signal that arrives after the last look for
signals and before a system call begins does not end that call (`time.sleep` sleeps on). Python
writes a byte to the wakeup descriptor when the signal arrives, our handler takes it out when it
runs; a byte that stays is a signal that nobody has handled. The control thread watches for that and
sends `NUDGE`, a signal that means nothing: it ends the system call, and Python then runs the
handlers of all signals that have come. (A second `SIGINT` would do it too, and could not be told
from one that a person sends meanwhile.)

A signal handler that a cell installs is obeyed while the cell runs and replaced by ours at its end.
"""

from __future__ import annotations

# What `signal` puts around it makes enumerations, which costs the start and every cell.
import _signal as signal  # type: ignore[import-not-found]
import _thread
import asyncio
import contextlib
import logging
import os
import sys
import threading
import time
import warnings
from collections.abc import Awaitable, Callable, Iterator
from types import CodeType, FrameType, TracebackType
from typing import Any, TypeVar

from ipyrust import _core
from ipyrust.debugger.cells import is_cell_file

T = TypeVar("T")

# gevent puts its own in their places, which would wait in the loop that is to be interrupted.
_start_thread, _sleep = _thread.start_new_thread, time.sleep

UNHANDLED_AFTER = 0.02  # Seconds; a handler that did not run by then waits for something.
NUDGE_SLOWEST = 1.0  # While C code computes, for which there is no way to be interrupted.
NUDGE = signal.SIGURG  # Ignored by default, and nearly nobody uses it.
RESEND_FIRST = 0.002  # Seconds; long enough for a destructor or a tracing function to return.
RESEND_SLOWEST = 0.03  # While the debugger holds the cell, which may be for hours.
# How often in one call of a function that takes a lock, until it is believed to wait for it: Python
# looks for signals between a few steps of such a call, once in each, and where it waits.
LOCK_LOOKS = 5
SHOWN_WITHIN = 1.0  # Seconds that the first traceback of a process takes at most.


class Cell:
    """What interrupts need to know of the running cell."""

    __slots__ = ("asked", "came", "cancels", "entered", "loop", "owed", "raised", "started", "task")

    def __init__(self, loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any] | None) -> None:
        self.loop = loop
        self.task = task
        self.came = False  # An interrupt arrived while this cell was the active one.
        self.entered = False  # Its region was entered.
        self.started = False  # Its first line of code was reached.
        self.owed = False  # An interrupt was swallowed by code that cannot take it, or is late.
        self.asked = False  # The loop was asked to cancel the task, and has not done it yet.
        self.cancels = 0
        self.raised = -SHOWN_WITHIN  # When the last interrupt was raised in it.


class _PassesForPythons(type):
    """The class of `SIGINT`'s handler. To whom asks it is equal to Python's own.

    trio asks: it puts its handler in the place of that one only, and what another raises tears trio
    itself, which runs nothing any more then.
    """

    def __eq__(cls, other: object) -> bool:
        return other is cls or other is signal.default_int_handler

    __hash__ = type.__hash__


def _handler(raises: Callable[[int, FrameType | None], bool]) -> Any:
    """A handler that raises `KeyboardInterrupt` where it is told to, and is in no traceback.

    What a function raises shows the function, and cells print such tracebacks, or chain errors of
    their own to them. To make an instance is C code, which calls `__new__` and then, if that has
    made one, `__init__`, which here is Python's own handler and C code, too.
    """

    class Handler(metaclass=_PassesForPythons):
        def __new__(cls, number: int, frame: FrameType | None) -> Any:
            return object.__new__(cls) if raises(number, frame) else None

        __init__ = signal.default_int_handler

    return Handler


class Interrupts:
    """The policy of one process; only the main thread calls it."""

    def __init__(self) -> None:
        self.cell: Cell | None = None
        self.taking = False
        self._early = False
        self._resending = False
        # Readable while a signal has arrived that Python has not handled; -1 before `install`.
        self.wakeup = -1
        self._wakeup_write = -1
        self._handled = 0
        self._unhandled = -1  # What `_handled` was when a signal was seen that was not.
        # The call that takes a lock in which the last interrupt landed, and how many have.
        self._locking: tuple[FrameType | None, int] = (None, 0)
        self._handler = _handler(self._on_signal)
        self._unraisable: Callable[[Any], Any] | None = None
        self._main = _thread.get_ident()
        # Whether requests wait behind a callback that does not end; the serve loop knows.
        self.is_blocked: Callable[[], bool] = lambda: False
        # Called when the main shell is idle: cells of subshells may want the interrupt.
        self.when_idle: list[Callable[[], None]] = []
        # Whether an interrupt has cancelled the cell of a subshell's thread; subshells know.
        self.cancelled_elsewhere: Callable[[], bool] = lambda: False
        # Called when the debugger holds the cell: it has to let go, or it would hold for ever.
        self.when_held: list[Callable[[], None]] = []

    def install(self) -> None:
        """Handle `SIGINT` from now on."""
        self._main = _thread.get_ident()
        signal.signal(signal.SIGINT, self._handler)
        self._unraisable = sys.unraisablehook
        sys.unraisablehook = self._on_unraisable
        if self.wakeup < 0:
            self.wakeup, self._wakeup_write = os.pipe()
            os.set_blocking(self.wakeup, False)
            os.set_blocking(self._wakeup_write, False)
            os.register_at_fork(after_in_child=self._leave_to_python)
            signal.signal(NUDGE, _nothing)
            # trio puts its own descriptor in the place of ours while it runs, and says so.
            warnings.filterwarnings(
                "ignore", "It looks like Trio's signal handling code", RuntimeWarning
            )
        self._watch_signals()

    # The life of a cell.

    def begin(self, loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any] | None) -> Cell:
        """A cell has been taken; interrupts are its own from here on."""
        self._watch_signals()
        cell = Cell(loop, task)
        self.cell = cell  # First: from here on `_early` is not written any more.
        if self._early:
            cell.came = True
        self._early = False
        self.taking = False
        return cell

    def taken_other(self) -> None:
        """What was taken is not a cell, or nothing: an interrupt meanwhile meant nobody."""
        self.taking = False
        self._early = False

    async def guarded_cell(self, cell: Cell, work: Awaitable[T]) -> T:
        """Await the work of a cell; interrupts are raised in it."""
        cell.entered = True
        return await work

    def guarded(self, function: Callable[..., T], *args: Any) -> T:
        """Call a function; interrupts are raised in it."""
        return function(*args)

    def waiting(self, function: Callable[..., T], *args: Any) -> T:
        """Call what waits in C code and calls back; interrupts are raised in callbacks that hang.

        Not in what ends the wait, and not at once: a toolkit whose callback raises may wait for
        ever, or crash.
        """
        return function(*args)

    def before_code(self) -> None:
        """The code of a cell is about to run; an interrupt that came too early is raised."""
        cell = self.cell
        if cell is None or cell.started or _thread.get_ident() != self._main:
            return
        cell.started = True
        if cell.came:
            cell.owed = False
            cell.raised = time.monotonic()
            raise KeyboardInterrupt

    def is_cancelled(self) -> bool:
        """Whether an interrupt has cancelled the cell that this thread runs."""
        if _thread.get_ident() != self._main:
            return self.cancelled_elsewhere()
        return self.cell is not None and self.cell.cancels > 0

    def leave_traceback(self, traceback: TracebackType | None) -> None:
        """Cut our own frame off: the last line shown is to be the user's."""
        while traceback is not None and traceback.tb_next is not None:
            if traceback.tb_next.tb_frame.f_code is _BEFORE_CODE:
                traceback.tb_next = None
            traceback = traceback.tb_next

    def end(self, cell: Cell) -> None:
        """The cell has ended; what comes now is for nobody."""
        self.cell = None
        cell.owed = False
        self._resending = False
        self._locking = (None, 0)
        # A task that was cancelled, by us or by the cell, and goes on says so, or its next timeout
        # misbehaves.
        task: Any = cell.task
        while hasattr(task, "cancelling") and task.cancelling():  # Python 3.11.
            task.uncancel()
        if signal.getsignal(signal.SIGINT) is not self._handler:
            signal.signal(signal.SIGINT, self._handler)

    # Signals that nobody handles.

    def nudge_unhandled(self, waited: float) -> float | None:
        """Wake the main thread if an interrupt has waited this many seconds to be handled.

        For the control thread. After how many seconds it is to ask again, if it is.
        """
        before = self._handled
        try:
            arrived = os.read(self.wakeup, 512)
        except BlockingIOError:
            arrived = b""
        if signal.SIGINT in arrived:
            self._unhandled = before
            # The C library's `system` takes no signal while its child runs: ask the child.
            _core.interrupt_children()
        elif self._unhandled != self._handled or self.cell is None:
            return None
        signal.pthread_kill(self._main, NUDGE)
        if signal.getsignal(signal.SIGINT) is not self._handler:
            return None  # A handler of the cell's own does not count.
        return min(waited * 2, NUDGE_SLOWEST)

    def _leave_to_python(self) -> None:
        """In a child made by fork, Control-C is what it is everywhere, and looks like it.

        `asyncio.run` compares the handler by identity, and a traceback would show ours.
        """
        with contextlib.suppress(ValueError):
            # The pipe is the parent's; what arrives here must not wake it.
            signal.set_wakeup_fd(-1)
            if signal.getsignal(signal.SIGINT) is self._handler:
                signal.signal(signal.SIGINT, signal.default_int_handler)
            if signal.getsignal(NUDGE) is _nothing:
                signal.signal(NUDGE, signal.SIG_DFL)

    def _watch_signals(self) -> None:
        # asyncio takes the descriptor while a cell uses `add_signal_handler`; then it is asyncio's.
        before = signal.set_wakeup_fd(self._wakeup_write, warn_on_full_buffer=False)
        if before not in (-1, self._wakeup_write):
            signal.set_wakeup_fd(before, warn_on_full_buffer=False)

    # Where an interrupt lands.

    def _on_signal(self, number: int, frame: FrameType | None) -> bool:
        """Whether it is raised where it has landed."""
        with contextlib.suppress(BlockingIOError):
            os.read(self.wakeup, 512)
        self._handled += 1
        resent, self._resending = self._resending, False
        if _core.forked():
            # The child has put back a handler that was ours before the fork.
            return True
        cell = self.cell
        place = _place(frame)
        if cell is None:
            if resent:
                return False  # Its cell has ended.
            if self.taking:
                self._early = True
            elif place == _REGION or (place in (_CALLBACK, _WAIT) and self.is_blocked()):
                return True
            elif place == _OUTSIDE:
                for listener in self.when_idle:
                    listener()
            return False
        if resent and not cell.owed:
            return False  # Raised already, between the sender's question and its signal.
        again, cell.came = cell.came, True
        if place == _CELL and (self._would_stay_locked(frame) or _is_being_shown(cell, frame)):
            self._owe(cell)
            return False
        if place == _CELL:
            cell.owed = cell.asked = False
            cell.raised = time.monotonic()
            return True
        if place == _HELD:
            self._owe(cell)
            for listener in self.when_held:
                listener()
            return False
        if resent:
            return False  # The loop has been asked.
        if cell.entered:
            cell.asked = True
            if not _is_in_cell(frame):
                self._owe(cell)
            cell.loop.call_soon_threadsafe(self._cancel, cell)
        return place in (_REGION, _CALLBACK) or (place == _WAIT and again)

    def _would_stay_locked(self, frame: FrameType | None) -> bool:
        if not handles_lock(frame):
            return False
        before, looks = self._locking
        self._locking = frame, looks + 1 if before is frame else 1
        return self._locking[1] <= LOCK_LOOKS

    def _cancel(self, cell: Cell) -> None:
        if self.cell is cell and cell.task is not None and cell.asked:
            cell.owed = cell.asked = False
            cell.cancels += 1
            cell.raised = time.monotonic()
            cell.task.cancel()

    def _on_unraisable(self, unraisable: Any) -> None:
        cell = self.cell
        if (
            cell is not None
            and not _core.forked()
            and isinstance(unraisable.exc_value, KeyboardInterrupt)
            and _thread.get_ident() == self._main
        ):
            self._owe(cell)
        elif self._unraisable is not None:
            self._unraisable(unraisable)

    def _owe(self, cell: Cell) -> None:
        if not cell.owed:
            cell.owed = True
            # Not `threading`: the interrupted code may hold the locks that it takes.
            _start_thread(self._resend, (cell,))

    def _resend(self, cell: Cell) -> None:
        pause = RESEND_FIRST
        while True:
            _sleep(pause)
            if not cell.owed or self.cell is not cell:
                return
            self._resending = True
            _core.interrupt_main()
            pause = min(pause * 2, RESEND_SLOWEST)


# The places, as `_place` finds them: in the code of a cell; in a cell, but within code that would
# swallow the exception; in a handler or callback of ours; in a task or callback of somebody; in a
# callback of a toolkit's loop; else.
_CELL, _HELD, _REGION, _CALLBACK, _WAIT, _OUTSIDE = range(6)

_CELL_CODE: CodeType = Interrupts.guarded_cell.__code__
_REGION_CODE: CodeType = Interrupts.guarded.__code__
_WAIT_CODE: CodeType = Interrupts.waiting.__code__
_CALLBACK_CODE: CodeType = asyncio.events.Handle._run.__code__
_BEFORE_CODE: CodeType = Interrupts.before_code.__code__
_HELD_CODES = frozenset((Interrupts._on_unraisable.__code__, Interrupts._owe.__code__))
_LOCK_CODES = frozenset(
    getattr(owner, name).__code__
    for owner, names in (
        (threading.Condition, ("__enter__", "__exit__", "_acquire_restore", "_release_save")),
        # CPython 3.10 also looks for signals between a call and the `try` after it.
        (logging.Handler, ("acquire", "release", "handle")),
        (logging, ("_acquireLock", "_releaseLock")),  # Until Python 3.12.
    )
    for name in names
    if hasattr(owner, name)
)
_ASYNCIO = os.path.dirname(asyncio.__file__) + os.sep
_OURS = os.path.dirname(__file__) + os.sep


def _place(frame: FrameType | None) -> int:
    held = False
    foreign = False
    # The loop's or our own bookkeeping is not to be torn when nothing around it catches.
    bookkeeping = frame is not None and _is_bookkeeping(frame.f_code)
    for caller in _callers(frame):
        code = caller.f_code
        if code is _CELL_CODE:
            return _HELD if held else _CELL
        if code is _REGION_CODE:
            return _OUTSIDE if held else _REGION
        if code is _WAIT_CODE:
            return _WAIT if foreign and not bookkeeping and not held else _OUTSIDE
        if code is _CALLBACK_CODE:
            return _CALLBACK if foreign and not bookkeeping and not held else _OUTSIDE
        if code in _HELD_CODES or "pydevd" in code.co_filename:
            held = True
        foreign = foreign or not _is_bookkeeping(code)
    return _OUTSIDE


def _callers(frame: FrameType | None) -> Iterator[FrameType]:
    """The frame and those that wait for it, also where greenlets have stacks of their own.

    gevent waits in such a one, its hub, and what is raised there reaches who waits for it.
    """
    get_current = getattr(sys.modules.get("greenlet"), "getcurrent", None)
    greenlet: Any = None
    while frame is not None:
        yield frame
        frame = frame.f_back
        if frame is None and get_current is not None:
            greenlet = get_current() if greenlet is None else greenlet
            while frame is None and greenlet.parent is not None:
                greenlet = greenlet.parent
                frame = greenlet.gr_frame


def handles_lock(frame: FrameType | None) -> bool:
    """Whether what is raised here would leave a lock taken that nobody releases."""
    return frame is not None and frame.f_code in _LOCK_CODES


def _is_being_shown(cell: Cell, frame: FrameType | None) -> bool:
    """Whether the last interrupt is what ends the cell right now: its own code does not run."""
    if time.monotonic() - cell.raised >= SHOWN_WITHIN:
        return False
    for caller in _callers(frame):
        if caller.f_code is _CELL_CODE:
            break
        if is_cell_file(caller.f_code.co_filename):
            return False
    return True


def _is_in_cell(frame: FrameType | None) -> bool:
    """Whether the cell runs a loop of its own, out of which what is raised here reaches it."""
    return any(caller.f_code is _CELL_CODE for caller in _callers(frame))


def _is_bookkeeping(code: CodeType) -> bool:
    return code.co_filename.startswith((_ASYNCIO, _OURS))


def _nothing(number: int, frame: FrameType | None) -> None:
    """The handler of `NUDGE`; that it is called is all."""


interrupts = Interrupts()
