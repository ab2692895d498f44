"""Who asked: the message on whose behalf this thread or task publishes.

The parent is kept in a `ContextVar`, so asyncio tasks have it from the cell that created them. A
thread does not inherit context variables before Python 3.14; `threads` notes the parent on the
thread object when it is started, and the first question finds it there. What belongs to nobody
(threads made by C code, output while the kernel starts) goes to the request that came last.
"""

from __future__ import annotations

import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from ipyrust import _core

if TYPE_CHECKING:
    from ipyrust._core import Parent

THREAD_ATTRIBUTE = "_ipyrust_parent"


class Execution:
    """A cell while it runs, for those who work for it out of sight of its handler."""

    def __init__(self, *, silent: bool = False) -> None:
        self.error: dict[str, Any] | None = None  # As published: the reply says the same.
        self.shown: BaseException | None = None  # The exception of `error`.
        self.silent = silent
        self.result_failed = False  # The cell's result could not be displayed.
        self.payloads: list[dict[str, Any]] = []
        self.expressions: dict[str, Any] = {}


_parent: ContextVar[Parent | None] = ContextVar("ipyrust_parent", default=None)
execution: ContextVar[Execution | None] = ContextVar("ipyrust_execution", default=None)
_latest: Parent | None = None


def current_parent() -> Parent | None:
    """The parent of what this thread or task publishes now."""
    parent = _parent.get()
    if parent is None:
        parent = parent_of_thread()
    return parent


def set_parent(parent: Parent | None) -> None:
    """Publish for this parent from here on, in this context."""
    _parent.set(parent)


class ThreadParents:
    """Whom a thread publishes for, chosen by a library: ipykernel's public interface for it."""

    def set_thread_parent(self, parent: dict[str, Any]) -> Any:
        """Publish for this message, in this thread or task, until the token is given back."""
        return _parent.set(_core.Parent.from_message(parent))

    def reset_thread_parent(self, token: Any) -> None:
        """Publish for whom this thread or task did before the token was given out."""
        _parent.reset(token)


def begin(parent: Parent) -> None:
    """A request of a shell channel is handled from here on, in this context."""
    global _latest
    _parent.set(parent)
    _latest = parent


def latest() -> Parent | None:
    """The shell request that was begun last."""
    return _latest


def inherited_parent() -> Parent | None:
    """What a thread that is started here is to publish for; nobody's stays nobody's."""
    parent = _parent.get()
    if parent is None:
        parent = getattr(threading.current_thread(), THREAD_ATTRIBUTE, None)
    return parent


def parent_of_thread() -> Parent | None:
    """The parent where the context has none: the thread's, or the latest."""
    # Not `current_thread()`: it would register a dummy for ever for each thread of C code.
    thread = threading._active.get(threading.get_ident())  # type: ignore[attr-defined]
    parent: Parent | None = getattr(thread, THREAD_ATTRIBUTE, None)
    if parent is None:
        return _latest
    _parent.set(parent)  # Found at once the next time.
    return parent
