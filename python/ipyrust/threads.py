"""Output of a thread goes to the cell that started it.

Before Python 3.14 a thread starts with an empty context, so `Thread.start` is replaced by one that
also notes the parent on the thread object, where `context` looks for it. A pool's threads live
longer than a cell; there it is the submitting cell that counts. Configure
`c.IPKernelApp.thread_output = "latest"` for what older kernels did: output of threads appears
under the cell that ran last.
"""

from __future__ import annotations

import functools
import importlib
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ipyrust import context, lazy

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor


def follow_origin() -> None:
    """From now on, threads publish for the cell that started them."""
    start = threading.Thread.start
    if getattr(start, "_ipyrust", False):
        return

    @functools.wraps(start)
    def start_with_parent(self: threading.Thread) -> None:
        parent = context.inherited_parent()
        if parent is not None:
            setattr(self, context.THREAD_ATTRIBUTE, parent)
        start(self)

    start_with_parent._ipyrust = True  # type: ignore[attr-defined]
    threading.Thread.start = start_with_parent  # type: ignore[method-assign]

    lazy.when_loaded(importlib.import_module("concurrent.futures.thread"), _follow_submitters)


def _follow_submitters() -> None:
    from concurrent.futures import ThreadPoolExecutor

    submit = ThreadPoolExecutor.submit

    @functools.wraps(submit)  # type: ignore[arg-type]
    def submit_with_parent(
        self: ThreadPoolExecutor, fn: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> Any:
        parent = context.inherited_parent()
        if parent is not None:
            return submit(self, _Work(parent, fn), *args, **kwargs)
        return submit(self, fn, *args, **kwargs)

    ThreadPoolExecutor.submit = submit_with_parent  # type: ignore[method-assign,assignment]


class Origins:
    """Which threads write for the cell that started them, under ipykernel's name for it.

    A library that lets a thread work for many cells takes it out (ipyparallel does), and what the
    thread publishes from then on goes to the cell that ran last.
    """

    def pop(self, ident: int, default: Any = None) -> Any:
        thread = threading._active.get(ident)  # type: ignore[attr-defined]
        parent = getattr(thread, context.THREAD_ATTRIBUTE, None)
        if parent is None:
            return default
        delattr(thread, context.THREAD_ATTRIBUTE)
        if ident == threading.get_ident():
            context.set_parent(None)
        return parent.message


class _Work:
    """A function that a pool runs for the cell which submitted it."""

    __slots__ = ("function", "parent")

    def __init__(self, parent: Any, function: Callable[..., Any]) -> None:
        self.parent = parent
        self.function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        context.set_parent(self.parent)
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return repr(self.function)
