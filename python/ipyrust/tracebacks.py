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

from ipyrust import lazy, traceback_modules
from ipyrust.debugger.cells import is_cell_file

# What `inspect` keeps: the modules' names by the paths of their files.
_modules: dict[str, str] = inspect.modulesbyfile


def remember() -> None:
    """Let IPython's formatters of tracebacks do so; before the first error is shown."""
    traceback_modules.load()
    from IPython.core.ultratb import VerboseTB

    if hasattr(VerboseTB.get_records, "__wrapped__"):
        return
    _remember_colours()
    original = VerboseTB.get_records

    @wraps(original)
    def get_records(self: Any, traceback: Any, *arguments: Any, **options: Any) -> Any:
        name_modules(traceback)
        return original(self, traceback, *arguments, **options)

    VerboseTB.get_records = get_records
    VerboseTB.format_exception_as_a_whole = traceback_modules.without_stack_data(
        VerboseTB.format_exception_as_a_whole
    )


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
    from pygments.formatters.terminal256 import Terminal256Formatter  # type: ignore[import-untyped]

    Terminal256Formatter._setup_styles = remembering(Terminal256Formatter._setup_styles)
    Terminal256Formatter._build_color_table = remembering_table(
        Terminal256Formatter._build_color_table
    )
    stack_data = sys.modules.get("stack_data")
    if stack_data is not None:
        lazy.when_loaded(stack_data, _remember_styles)


def _remember_styles() -> None:
    made: Any = sys.modules["stack_data"]
    made.style_with_executing_node = lru_cache(maxsize=8)(made.style_with_executing_node)


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


def remembering_table(build: Any) -> Any:
    """The method that lists a terminal's colours, which are always the same."""
    known: list[tuple[int, int, int]] = []

    @wraps(build)
    def build_color_table(self: Any) -> None:
        is_new = not self.xterm_colors
        if known and is_new:
            self.xterm_colors.extend(known)
            return
        build(self)
        if is_new:
            known[:] = self.xterm_colors

    return build_color_table
