"""The serve loop: requests of a queue, one after the other, on the loop of the calling thread.

Cells run one after the other. While a cell awaits, everything else that arrives (comm messages of
widgets above all) is handled in between; a cell that arrives then waits its turn here. Requests are
handled in one long-lived task, or in its context, so a `ContextVar` that one cell sets is seen by
the next.

`ControlThread` does what has to work while a cell computes: the control channel's requests, and
completions and inspections that the main thread keeps waiting.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import os
import select
import threading
import time
from collections import deque
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from ipyrust import context, handlers
from ipyrust.execution import execute
from ipyrust.interrupts import UNHANDLED_AFTER, interrupts
from ipyrust.shell import text_of

if TYPE_CHECKING:
    from ipyrust._core import Request, RequestQueue
    from ipyrust.kernel import Kernel

OVERDUE = 0.3  # Seconds a question waits for the main thread before it is answered beside it.
LOOK_EVERY = 0.1  # Seconds between looks for such questions, while cells run.
QUIET_AFTER = 5.0  # Seconds without a cell after which nobody looks until there is one again.


async def serve(kernel: Kernel, queue: RequestQueue, *, on_main: bool = False) -> None:
    """Answer the requests of a queue until it is closed or `Server.stop` was called."""
    await Server(kernel, queue, on_main=on_main).run()


class Server:
    """Answers the requests of one queue; it belongs to the thread whose loop runs it."""

    def __init__(self, kernel: Kernel, queue: RequestQueue, *, on_main: bool) -> None:
        self._kernel = kernel
        self._queue = queue
        self._on_main = on_main
        self._loop: asyncio.AbstractEventLoop
        self._stopped = False
        # Set while `run` waits for a request.
        self._ready: asyncio.Future[None] | None = None
        # What it was woken for, which nothing that happens to its task makes it forget.
        self._woken: Request | None = None
        # What `run` leaves to the next: the values that cells gave to context variables.
        self.context = contextvars.copy_context()
        # The context of the task, where it can be had (Python 3.12).
        self._context: contextvars.Context | None = None
        # Cells that arrived while another awaited, and the context requests are handled in then.
        self._cells: deque[Request] = deque()
        self._between: contextvars.Context | None = None
        # What libraries' own handlers still do; asyncio alone would let go of it.
        self._unfinished: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Serve until the queue is closed or `stop` is called.

        Its task is one of `asyncio.all_tasks()`, which cells cancel. After that, and after anything
        else that ends it early, it is to be called again, within `context`.
        """
        self._loop = asyncio.get_running_loop()
        get_context = getattr(asyncio.current_task(), "get_context", None)
        self._context = get_context() if get_context is not None else None
        descriptor = self._queue.fileno()
        self._loop.add_reader(descriptor, self._on_readable)
        try:
            while self._woken is not None or not self._stopped:
                request, self._woken = self._woken or self._next(), None
                if request is not None:
                    await self._answer(request)
                elif self._queue.closed:
                    break
                elif self._on_main and self._kernel.app.chores:
                    self._kernel.app.chores.popleft()()
                else:
                    self._ready = self._loop.create_future()
                    await self._ready
        finally:
            self._loop.remove_reader(descriptor)
            self.context = contextvars.copy_context()

    def stop(self) -> None:
        """Stop after the request in hand; from the thread of the loop."""
        self._stopped = True
        self._wake()

    @property
    def waiting(self) -> int:
        """How many requests have arrived that nobody has taken in hand."""
        return len(self._cells) + len(self._queue)

    def _next(self) -> Request | None:
        if self._on_main:
            # Before the request is taken: its client may interrupt it before we see it.
            interrupts.taking = True
        request = self._cells.popleft() if self._cells else self._queue.try_next()
        if self._on_main and (request is None or request.type != "execute_request"):
            interrupts.taken_other()
        return request

    def _wake(self, request: Request | None = None) -> None:
        if request is not None:
            self._woken = request
        ready, self._ready = self._ready, None
        if ready is not None and not ready.done():
            ready.set_result(None)

    def _on_readable(self) -> None:
        if self._between is not None:
            self._on_request_between(self._between)
        elif self._ready is not None:
            self._on_request()

    def _on_request(self) -> None:
        request = self._next()
        if request is None:
            # The loop may have seen the descriptor before the request was taken that it told of.
            if self._queue.closed:
                self._wake()
            return
        if request.type == "execute_request" or self._context is None:
            self._wake(request)
            return
        # Here and now: to wake the task would cost a comm message as much as its handler.
        self._between = self._context  # If the handler runs the loop.
        try:
            self._context.run(self._answer_other, request)
        finally:
            self._between = None
        if self._cells:
            self._wake()

    def _on_request_between(self, between: contextvars.Context) -> None:
        # A cell awaits: what is no cell is handled now.
        request = self._queue.try_next()
        if request is None:
            if self._queue.closed:
                self._loop.remove_reader(self._queue.fileno())
        elif request.type == "execute_request":
            self._cells.append(request)
        else:
            # In a copy: nothing of it changes the context of the cell.
            between.copy().run(self._answer_other, request)

    async def _answer(self, request: Request) -> None:
        if request.type != "execute_request":
            self._answer_other(request)
            return
        self._kernel.app.cell_begins()
        context.begin(request.parent)
        self._between = contextvars.copy_context()
        with request:
            try:
                if await execute(self._kernel, request, on_main=self._on_main):
                    self._abort_cells()
            except Exception as error:
                self._failed(request, error)
            finally:
                self._between = None
                if self._on_main:
                    interrupts.taken_other()
        self._kernel.app.cell_ended()
        if self.waiting:
            # Tasks that cells have started get their turn also when cells come without a pause.
            await asyncio.sleep(0)

    def _abort_cells(self) -> None:
        while self._cells:
            with self._cells.popleft() as request:
                request.reply({"status": "aborted"}, metadata={"status": "aborted"})

    def _answer_other(self, request: Request) -> None:
        context.begin(request.parent)
        handler = handlers.SHELL.get(request.type)
        with request:
            try:
                legacy = self._kernel.shell_handlers.get(request.type)
                if legacy is not None:
                    work = interrupts.guarded(
                        legacy, self._kernel.shell_stream, [], handlers.message(request)
                    )
                    if asyncio.iscoroutine(work):
                        task = self._loop.create_task(self._finish(request, work))
                        self._unfinished.add(task)
                        task.add_done_callback(self._unfinished.discard)
                elif handler is None:
                    self._kernel.log.warning("unknown request on shell: %s", request.type)
                else:
                    reply = interrupts.guarded(handler, self._kernel, request)
                    if reply is not None and not request.replied:
                        request.reply(reply)
            except (Exception, KeyboardInterrupt, SystemExit) as error:
                self._failed(request, error)
        if request.type == "shutdown_request":
            self._kernel.app.stop()

    async def _finish(self, request: Request, work: Coroutine[Any, Any, Any]) -> None:
        try:
            await work
        except Exception as error:
            self._failed(request, error)

    def _failed(self, request: Request, error: BaseException) -> None:
        fail(self._kernel, request, error)


def _nothing() -> None:
    pass


def fail(kernel: Kernel, request: Request, error: BaseException) -> None:
    """A handler has failed: say so to the client and to the log."""
    if isinstance(error, KeyboardInterrupt):
        # A person or a client asked for it; where it hit concerns nobody.
        kernel.log.warning("%s was interrupted", request.type)
    else:
        kernel.log.error("%s failed", request.type, exc_info=error)
    if not request.replied and request.type.endswith("_request"):
        import traceback

        request.reply(
            {
                "status": "error",
                "ename": type(error).__name__,
                "evalue": text_of(error),
                "traceback": traceback.format_exception(type(error), error, error.__traceback__),
            }
        )


class ControlThread(threading.Thread):
    """Answers the control channel; started and ended by the application.

    It sleeps without limit unless cells have run lately; `poke` wakes it.
    """

    def __init__(self, kernel: Kernel) -> None:
        super().__init__(name="ipyrust-control", daemon=True)
        # As the debugger's own threads: it is never stopped nor shown.
        self.pydev_do_not_trace = True
        self.is_pydev_daemon_thread = True
        self._kernel = kernel
        self._poke_read, self._poke_write = os.pipe()
        os.set_blocking(self._poke_read, False)
        os.set_blocking(self._poke_write, False)
        self._last_cell = 0.0
        self._looking = False

    def cell_begins(self) -> None:
        """The main thread starts a cell; questions may become overdue from here on."""
        self._last_cell = time.monotonic()
        if not self._looking:
            self._looking = True
            os.write(self._poke_write, b"c")

    def run(self) -> None:
        queue = self._kernel.core.control
        requests, signals = select.poll(), select.poll()
        for descriptor in (queue.fileno(), self._poke_read):
            requests.register(descriptor, select.POLLIN)
            signals.register(descriptor, select.POLLIN)
        signals.register(interrupts.wakeup, select.POLLIN)
        unhandled: float | None = None
        while not queue.closed:
            if unhandled is not None:
                # A signal has arrived, which the main thread gets a moment to handle.
                ready = requests.poll(unhandled * 1000)
                unhandled = interrupts.nudge_unhandled(unhandled)
            else:
                ready = signals.poll(LOOK_EVERY * 1000 if self._looking else None)
                if any(descriptor == interrupts.wakeup for descriptor, _ in ready):
                    # A toolkit's loop that waits in C code lets Python run when this wakes it.
                    self._kernel.app.loop.call_soon_threadsafe(_nothing)
                    unhandled = UNHANDLED_AFTER
            if not ready:
                self._look()
                continue
            with contextlib.suppress(BlockingIOError):
                os.read(self._poke_read, 64)
            while (request := queue.try_next()) is not None:
                self._answer(request, handlers.CONTROL)

    def _look(self) -> None:
        if not self._kernel.app.cell_runs:
            if time.monotonic() - self._last_cell > QUIET_AFTER:
                self._looking = False
                # A cell that began just now has seen `_looking` and has not poked.
                self._looking = time.monotonic() - self._last_cell <= QUIET_AFTER
            return
        queue = self._kernel.core.shell
        while (request := queue.try_next_overdue(OVERDUE)) is not None:
            self._answer(request, handlers.BESIDE_A_CELL, metadata=handlers.PARTIAL)

    def _answer(
        self,
        request: Request,
        table: dict[str, handlers.Handler],
        metadata: dict[str, Any] | None = None,
    ) -> None:
        context.set_parent(request.parent)
        handler = table.get(request.type)
        with request:
            try:
                if handler is None:
                    self._kernel.log.warning("unknown request on control: %s", request.type)
                else:
                    reply = handler(self._kernel, request)
                    if reply is not None and not request.replied:
                        request.reply(reply, metadata=metadata)
            except (Exception, SystemExit) as error:
                fail(self._kernel, request, error)
        if request.type == "shutdown_request":
            self._kernel.app.stop()
