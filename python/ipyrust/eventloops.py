"""`%gui`: which event loop runs while the kernel waits.

    %gui qt            also qt5, qt6, tk, wx, gtk3, gtk4, osx
    %gui asyncio       as `%gui`: none; asyncio is served always

`eventloops_selector` says how waiting works, `eventloops_toolkits` knows each toolkit. Others add
theirs with `register_integration`, as with ipykernel: a function that is given the kernel, runs the
toolkit's loop, and returns when it is time to look for messages.
"""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Callable
from typing import Any

from . import eventloops_toolkits as toolkits
from .eventloops_selector import Selector, Wait

Integration = Callable[[Any], Any]

POLL_INTERVAL = 0.01  # Seconds; between calls of a foreign integration that returns at once.

# Backends of matplotlib that need no event loop, and ways to say "none".
_NO_LOOP = frozenset(
    ("", "none", "inline", "agg", "nbagg", "webagg", "notebook", "ipympl", "widget", "asyncio")
)

_TOOLKITS: dict[str, Callable[[], Wait]] = {
    "tk": toolkits.tk,
    "qt": lambda: toolkits.qt(None),
    "qt5": lambda: toolkits.qt(5),
    "qt6": lambda: toolkits.qt(6),
    "wx": toolkits.wx,
    "gtk": lambda: toolkits.gtk("3.0"),
    "gtk3": lambda: toolkits.gtk("3.0"),
    "gtk4": lambda: toolkits.gtk("4.0"),
    "osx": toolkits.osx,
    "macosx": toolkits.osx,  # As matplotlib calls it.
}

loop_map: dict[str | None, Integration | None] = dict.fromkeys([None, *sorted(_NO_LOOP - {""})])


def register_integration(*names: str) -> Callable[[Integration], Integration]:
    """Decorate a function that runs the event loop of the toolkits with these names.

    The function gets `exit`, a decorator for a function that ends that loop at shutdown.
    """

    def decorate(function: Integration) -> Integration:
        for name in names:
            loop_map[name] = function

        def ends(exit_function: Integration) -> Integration:
            function.exit_hook = exit_function  # type: ignore[attr-defined]
            return exit_function

        function.exit_hook = lambda kernel: None  # type: ignore[attr-defined]
        function.exit = ends  # type: ignore[attr-defined]
        return function

    return decorate


def enable_gui(gui: str | None, kernel: Any = None) -> None:
    """Run this toolkit's event loop while the kernel waits, instead of the one until now."""
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("a GUI runs in the main thread: use `%gui` outside of subshells")
    selector = Selector.main
    if selector is None:
        raise RuntimeError("`%gui` needs a running kernel")
    name = (gui or "").lower()
    integration = loop_map.get(name)
    wait: Wait | None
    if integration is not None:
        wait = _Foreign(integration, kernel)
    elif name in _NO_LOOP:
        wait = None
    elif name in _TOOLKITS:
        wait = _TOOLKITS[name]()
    else:
        valid = ", ".join(sorted({*_TOOLKITS, "asyncio", *filter(None, loop_map)}))
        raise ValueError(f"invalid GUI: {gui!r}; valid: {valid}")
    selector.wait_with(wait)
    if kernel is not None:
        kernel.eventloop = wait


def gui_names() -> list[str]:
    """All that `%gui` takes."""
    return sorted({*_TOOLKITS, *filter(None, loop_map)})


class _Foreign:
    """The wait of a registered integration, of which it is only known that it returns."""

    def __init__(self, integration: Integration, kernel: Any) -> None:
        self._integration = integration
        self._kernel = kernel

    def __call__(self, descriptor: int, timeout: float | None) -> None:
        began = time.monotonic()
        self._integration(self._kernel)
        if time.monotonic() - began < POLL_INTERVAL:
            # It did not wait itself. It has to be called again soon, which it counts on.
            limit = POLL_INTERVAL if timeout is None else min(POLL_INTERVAL, timeout)
            select.select([descriptor], [], [], limit)
