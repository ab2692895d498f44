"""Tracebacks made with less work: the same text, without what is the same for each.

For every error IPython makes a class of styles and a formatter out of a theme, which took half of
the time that an error costs, and it asks `inspect` for the module of every frame, which then
looks through the files of all modules, since a cell has none.
"""

from __future__ import annotations

import inspect
import os
import sys
from functools import lru_cache, wraps
from types import ModuleType, TracebackType
from typing import Any

from ipyrust.debugger.cells import is_cell_file

_remembered = False
# What `inspect` keeps: the modules' names by the paths of their files.
_modules: dict[str, str] = inspect.modulesbyfile


def remember() -> None:
    """Let IPython's formatters of tracebacks do so; before the first error is shown."""
    from IPython.core.ultratb import VerboseTB

    if hasattr(VerboseTB.get_records, "__wrapped__"):
        return
    original = VerboseTB.get_records

    @wraps(original)
    def get_records(self: Any, traceback: Any, *arguments: Any, **options: Any) -> Any:
        _remember_colours()
        name_modules(traceback)
        return original(self, traceback, *arguments, **options)

    VerboseTB.get_records = get_records


def name_modules(traceback: TracebackType | None) -> None:
    """Tell `inspect` the modules of these frames, as it would find them: of a cell's, none."""
    while traceback is not None:
        frame = traceback.tb_frame
        path = frame.f_code.co_filename
        known = os.path.normcase(os.path.abspath(path))
        if known not in _modules:
            if is_cell_file(path):
                _modules[known] = ""
            else:
                module = sys.modules.get(str(frame.f_globals.get("__name__")))
                if type(module) is ModuleType and vars(module).get("__file__") == path:
                    _modules[known] = module.__name__
        traceback = traceback.tb_next


def _remember_colours() -> None:
    global _remembered
    if _remembered:
        return
    _remembered = True
    import stack_data
    from pygments.formatters.terminal256 import Terminal256Formatter  # type: ignore[import-untyped]

    made: Any = stack_data
    made.style_with_executing_node = lru_cache(maxsize=8)(made.style_with_executing_node)
    Terminal256Formatter._setup_styles = remembering(Terminal256Formatter._setup_styles)


def remembering(set_up: Any) -> Any:
    """The method that turns a style into a terminal's codes, which a traceback's needs once."""
    known: dict[Any, dict[str, tuple[str, str]]] = {}

    @wraps(set_up)
    def set_up_styles(self: Any) -> None:
        style = self.style
        if not getattr(style, "for_executing_node", False):
            set_up(self)
            return
        key = type(self), style, self.usebold, self.useunderline, self.useitalic
        if key not in known:
            set_up(self)
            if len(known) >= 8:
                known.clear()
            known[key] = self.style_string
        self.style_string = dict(known[key])

    return set_up_styles
