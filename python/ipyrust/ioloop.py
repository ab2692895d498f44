"""`kernel.io_loop`: the methods of tornado's loop that libraries call, on asyncio's."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any


class IoLoop:
    """The kernel's event loop under the names libraries know it by."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.asyncio_loop = loop

    def add_callback(self, callback: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Call this soon, from whichever thread it is asked."""
        self.asyncio_loop.call_soon_threadsafe(lambda: self._run(callback, args, kwargs))

    spawn_callback = add_callback
    add_callback_from_signal = add_callback

    def call_later(
        self, delay: float, callback: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> asyncio.TimerHandle:
        """Call this in so many seconds."""
        return self.asyncio_loop.call_later(delay, lambda: self._run(callback, args, kwargs))

    def call_at(
        self, when: float, callback: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> asyncio.TimerHandle:
        """Call this at a time of `self.time()`."""
        return self.call_later(when - self.time(), callback, *args, **kwargs)

    def add_timeout(
        self, deadline: float | timedelta, callback: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> asyncio.TimerHandle:
        """Call this at a time, or after a while."""
        if isinstance(deadline, timedelta):
            return self.call_later(deadline.total_seconds(), callback, *args, **kwargs)
        return self.call_at(deadline, callback, *args, **kwargs)

    def remove_timeout(self, timeout: asyncio.TimerHandle) -> None:
        timeout.cancel()

    def add_future(self, future: Any, callback: Callable[[Any], Any]) -> None:
        """Call this with the future once it is done."""
        future.add_done_callback(lambda done: self.add_callback(callback, done))

    def time(self) -> float:
        return time.time()

    def _run(self, callback: Callable[..., Any], args: Any, kwargs: Any) -> None:
        result = callback(*args, **kwargs)
        if asyncio.iscoroutine(result):
            self.asyncio_loop.create_task(result)
