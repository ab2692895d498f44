"""What tracebacks are made with, loaded by the first that needs it, by the means of the start.

IPython 9 shows a frame of a file with the help of stack_data, which imports three more packages. A
frame of a cell it shows without: all that it asks stack_data for then are objects that it does not
use. So stack_data is postponed until there is a frame of a file in a traceback; who else looks at
it finds it as ever.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from functools import wraps
from importlib import import_module
from types import TracebackType
from typing import Any

from ipyrust import lazy
from ipyrust.debugger.cells import is_cell_file
from ipyrust.finder import QuickFinder
from ipyrust.patterns import known


class _NeedsStackDataError(Exception):
    """IPython wants to show a frame with stack_data after all."""


class _RepeatedFrames:
    """Stands for stack_data's class, of which there are no objects."""


def _needed() -> Any:
    raise _NeedsStackDataError


# What IPython asks stack_data for where it shows a traceback without it.
FOR_CELLS: lazy.Lent = {
    "stack_data": {
        "FrameInfo": _needed,
        "Options": lambda: lambda **options: None,
        "RepeatedFrames": lambda: _RepeatedFrames,
        # Nothing has a colour in it, and that of no token is asked for.
        "style_with_executing_node": lambda: lambda style, modifier: (),
    },
}


def load() -> None:
    """Import what all tracebacks are made with."""
    with _quickly():
        for name in ("IPython.core.ultratb", "pygments.formatters.terminal256"):
            with contextlib.suppress(ImportError):
                vars(import_module(name))  # A postponed one is loaded by this look at it.
        colours: Any = sys.modules.get("IPython.utils.PyColorize")
        if "json" in vars(colours or sys):
            vars(colours.json)  # The themes of IPython 9 are files of it.
        with contextlib.suppress(ImportError):
            import_module("stack_data")


def load_stack_data() -> None:
    """Import what frames of files are shown with."""
    with _quickly(), contextlib.suppress(ImportError):
        vars(import_module("stack_data"))


@contextlib.contextmanager
def _quickly() -> Iterator[None]:
    with lazy.postponing(frozenset(("stack_data",)), {}), QuickFinder(), known():
        yield


def without_stack_data(original: Callable[..., Any]) -> Callable[..., Any]:
    """IPython's method that shows a traceback, doing without stack_data where it can."""

    @wraps(original)
    def format_exception_as_a_whole(
        self: Any, kind: Any, error: Any, traceback: Any, *arguments: Any, **options: Any
    ) -> Any:
        if lazy.is_postponed(sys.modules.get("stack_data")):
            if has_only_cells(traceback):
                with (
                    lazy.lending(FOR_CELLS, only_to="IPython"),
                    contextlib.suppress(_NeedsStackDataError),
                ):
                    return original(self, kind, error, traceback, *arguments, **options)
            load_stack_data()
        return original(self, kind, error, traceback, *arguments, **options)

    return format_exception_as_a_whole


def has_only_cells(traceback: TracebackType | None) -> bool:
    """Whether all of these frames are cells', besides those of IPython, which it does not show."""
    while traceback is not None:
        frame = traceback.tb_frame
        if str(frame.f_globals.get("__name__")).partition(".")[0] != "IPython":
            path = frame.f_code.co_filename
            # A debugger writes cells into files.
            if not is_cell_file(path) or os.path.exists(path):
                return False
        traceback = traceback.tb_next
    return True
