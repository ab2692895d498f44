"""Where the kernel waits: asyncio's selector, which lets the event loop of a GUI do the waiting.

asyncio calls `select` when it has nothing to do, and wants to be told when a descriptor is ready or
a time is up. With `%gui`, the toolkit's own event loop runs inside that call: it handles the GUI's
events and watches one more descriptor, the selector's own, which becomes readable with any of those
registered in it (the queue of requests, sockets of tasks, wake-ups from threads). So the kernel,
asyncio and the GUI are all served from one thread, also while a cell awaits, and nothing polls.

Without a GUI this is the default selector, which on Linux reads requests itself while it waits
(`_core.Idle`).
"""

from __future__ import annotations

import _socket
import asyncio
import contextlib
import logging
import os
import select
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from selectors import SelectorKey

    from ipyrust import _core

    Default = selectors.EpollSelector
else:
    Default = selectors.DefaultSelector

# Runs a GUI until the descriptor is readable or the seconds are over (None: without limit; 0: what
# is pending now).
Wait = Callable[[int, "float | None"], None]

BREATH = 0.02  # Seconds that a busy asyncio may keep a GUI waiting.

logger = logging.getLogger(__name__)


def event_loop(core: _core.Kernel) -> asyncio.AbstractEventLoop:
    """The main thread's loop: asyncio's own, made without the module `socket`.

    All it wants of that are the two ends by which other threads wake it.
    """
    namespace = vars(asyncio.selector_events)
    before = namespace.get("socket")
    namespace["socket"] = _Ends()
    try:
        return asyncio.SelectorEventLoop(Selector(core))
    finally:
        namespace["socket"] = before


class _Ends:
    """The module `socket`, whose `socketpair` makes plain sockets."""

    def __getattr__(self, name: str) -> Any:
        return getattr(socket, name)

    @staticmethod
    def socketpair() -> tuple[_socket.socket, _socket.socket]:
        return _socket.socketpair()


class Selector(Default):
    """The selector of the main thread's loop."""

    main: ClassVar[Selector | None] = None

    def __init__(self, core: _core.Kernel) -> None:
        super().__init__()
        self._core = core
        self._reading: _core.Idle | None = None
        self._wait: Wait | None = None
        self._waiting = False
        self._breathed = 0.0
        self._loop: Any = None
        self._signals: tuple[int, int] | None = None
        if Selector.main is None:
            Selector.main = self
        self._read_requests()

    def wait_with(self, wait: Wait | None) -> None:
        """From now on a GUI does the waiting; None: nobody but the selector itself."""
        if wait is not None:
            if not hasattr(self, "fileno"):
                raise RuntimeError("this platform has no selector that a GUI could wait for")
            self._loop = asyncio.get_running_loop()
            self._watch_signals()
        else:
            self._forget_signals()
        self._wait = wait
        if wait is None:
            self._read_requests()
        elif self._reading is not None:
            # A GUI's loop would only see that there is something.
            self._reading.leave(self.fileno())
            self._reading = None

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        if self._wait is None or self._waiting:
            if self._reading is not None and (timeout is None or timeout > 0):
                return self._read_and_select(self._reading, timeout)
            return super().select(timeout)
        ready = self._ready()
        now = time.monotonic()
        if ready or (timeout is not None and timeout <= 0):
            if now - self._breathed < BREATH:
                return ready
            timeout = 0.0
        self._run(self._wait, timeout)
        self._breathed = time.monotonic()
        return ready or self._ready()

    def _read_requests(self) -> None:
        if sys.platform == "linux" and self._reading is None:
            # An old Linux cannot: then the I/O thread reads, as it does anywhere else.
            with contextlib.suppress(OSError):
                self._core.idle.join(self.fileno())
                self._reading = self._core.idle

    def _read_and_select(
        self, reading: _core.Idle, timeout: float | None
    ) -> list[tuple[SelectorKey, int]]:
        ready = []
        for descriptor, events in reading.wait(self.fileno(), timeout):
            key = self.get_map().get(descriptor)
            if key is not None:
                happened = selectors.EVENT_WRITE if events & ~select.EPOLLIN else 0
                happened |= selectors.EVENT_READ if events & ~select.EPOLLOUT else 0
                ready.append((key, happened & key.events))
        return ready

    def close(self) -> None:
        if self._reading is not None:
            self._reading.leave(self.fileno())
            self._reading = None
        self._forget_signals()
        super().close()

    def _run(self, wait: Wait, timeout: float | None) -> None:
        from ipyrust.interrupts import interrupts

        self._waiting = True
        # What the GUI's callbacks ask of asyncio has to end the wait, as what threads ask does.
        loop = self._loop
        loop.call_soon = loop.call_soon_threadsafe
        loop.call_at = self._call_at
        try:
            interrupts.waiting(wait, self.fileno(), timeout)
        except KeyboardInterrupt:
            pass  # It was for the cell, which is told by other ways, or for a callback.
        except Exception:
            # The toolkit cannot go on: the kernel must.
            self.wait_with(None)
            logger.exception("the GUI's event loop failed and is switched off")
        finally:
            del loop.call_soon, loop.call_at
            self._waiting = False

    def _call_at(self, *args: Any, **options: Any) -> Any:
        handle = type(self._loop).call_at(self._loop, *args, **options)
        self._loop.call_soon_threadsafe(lambda: None)
        return handle

    def _ready(self) -> list[tuple[SelectorKey, int]]:
        ready = super().select(0)
        if self._signals is None:
            return ready
        found = []
        for key, events in ready:
            if key.fd == self._signals[0]:
                os.read(key.fd, 4096)
            else:
                found.append((key, events))
        return found

    def _watch_signals(self) -> None:
        # A toolkit's loop is C code: Python runs signal handlers only when something calls it.
        if self._signals is not None:
            return
        read, write = os.pipe()
        os.set_blocking(read, False)
        os.set_blocking(write, False)
        previous = signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        if previous != -1:
            # asyncio watches signals itself, through a descriptor that is registered here.
            signal.set_wakeup_fd(previous, warn_on_full_buffer=False)
            os.close(read)
            os.close(write)
            return
        self._signals = read, write
        self.register(read, selectors.EVENT_READ)

    def _forget_signals(self) -> None:
        signals, self._signals = self._signals, None
        if signals is not None:
            signal.set_wakeup_fd(-1)
            self.unregister(signals[0])
            for descriptor in signals:
                os.close(descriptor)
