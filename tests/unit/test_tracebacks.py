"""A traceback reads as IPython alone writes it."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Iterator
from types import ModuleType, TracebackType
from typing import Any

import pytest
from ipyrust import tracebacks
from ipyrust.debugger.cells import cell_file_name
from IPython.core.ultratb import VerboseTB

CODE = """
def deep(depth):
    if depth:
        deep(depth - 1)
    json.loads("{")

def again():
    try:
        deep(3)
    except ValueError as error:
        raise KeyError("chained") from error
"""


# Its frame's module has no file.
BARE = """exec("deep(0)", {"__name__": "builtins", "deep": deep})"""


@pytest.fixture(autouse=True)
def as_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """`inspect` has looked for no module yet."""
    monkeypatch.setattr(inspect, "_filesbymodname", {})
    monkeypatch.setattr(inspect, "modulesbyfile", {})
    monkeypatch.setattr(tracebacks, "_modules", inspect.modulesbyfile)


@pytest.fixture
def original() -> Iterator[Any]:
    """IPython's method, whatever has been put around it."""
    methods = VerboseTB.get_records, VerboseTB.format_exception_as_a_whole
    alone = [getattr(method, "__wrapped__", method) for method in methods]
    VerboseTB.get_records, VerboseTB.format_exception_as_a_whole = alone
    yield alone[0]
    VerboseTB.get_records, VerboseTB.format_exception_as_a_whole = methods


def caught(call: str) -> tuple[type[BaseException], BaseException, TracebackType]:
    """An error of a cell."""
    space: dict[str, Any] = {"json": json, "__name__": "__main__"}
    exec(compile(CODE, cell_file_name(CODE), "exec"), space)
    try:
        exec(compile(call, cell_file_name(call), "exec"), space)
    except Exception:
        kind, error, traceback = sys.exc_info()
        assert kind is not None
        assert error is not None
        assert traceback is not None
        return kind, error, traceback
    raise AssertionError("it does not fail")


def written(error: Any, theme: str) -> str:
    formatter = VerboseTB(theme_name=theme) if _takes_a_theme() else VerboseTB(color_scheme=theme)
    return "\n".join(formatter.structured_traceback(*error))


def _takes_a_theme() -> bool:
    return "theme_name" in inspect.signature(VerboseTB.__init__).parameters


@pytest.mark.parametrize("call", ["deep(2)", "deep(60)", "again()", "json.loads(1)", BARE])
@pytest.mark.parametrize("theme", ["linux", "nocolor"])
def test_the_text_is_the_same(call: str, theme: str, original: Any) -> None:
    theme = theme if _takes_a_theme() else {"linux": "Linux", "nocolor": "NoColor"}[theme]
    error = caught(call)
    alone = written(error, theme)
    inspect.modulesbyfile.clear()  # type: ignore[attr-defined]
    tracebacks.remember()
    assert VerboseTB.get_records is not original
    for _ in range(2):  # With nothing remembered, and with what the first has left.
        assert written(error, theme) == alone


def test_a_style_is_set_up_once_and_for_each_of_them() -> None:
    set_up = []

    class Formatter:
        usebold = useunderline = useitalic = True

        def __init__(self, style: Any) -> None:
            self.style = style
            self.style_string: dict[str, tuple[str, str]] = {}

        def _setup_styles(self) -> None:
            set_up.append(self.style)
            self.style_string[self.style.__name__] = ("on", "off")

    first = type("First", (), {"for_executing_node": True})
    second = type("Second", (), {"for_executing_node": True})
    other = type("Other", (), {})
    method = tracebacks.remembering(Formatter._setup_styles)
    for style in (first, second, first, other, other, second):
        formatter = Formatter(style)
        method(formatter)
        assert formatter.style_string == {style.__name__: ("on", "off")}
    assert set_up == [first, second, other, other]


def test_a_table_of_colours_is_made_once() -> None:
    made = []

    class Formatter:
        def __init__(self) -> None:
            self.xterm_colors: list[Any] = []

        def build(self) -> None:
            made.append(self)
            self.xterm_colors += [(0, 0, 0), (1, 2, 3)]

    build = tracebacks.remembering_table(Formatter.build)
    first, second, filled = Formatter(), Formatter(), Formatter()
    filled.xterm_colors.append((9, 9, 9))
    for formatter in (filled, first, second):
        build(formatter)
    assert made == [filled, first]
    assert first.xterm_colors == second.xterm_colors == [(0, 0, 0), (1, 2, 3)]
    assert first.xterm_colors is not second.xterm_colors
    assert filled.xterm_colors == [(9, 9, 9), (0, 0, 0), (1, 2, 3)]


def test_the_module_of_a_frame_is_the_one_that_inspect_finds() -> None:
    _, _, traceback = caught("deep(1)")
    frames = []
    following: TracebackType | None = traceback
    while following is not None:
        frames.append(following.tb_frame)
        following = following.tb_next
    tracebacks.name_modules(traceback)
    quickly: list[ModuleType | None] = [inspect.getmodule(frame) for frame in frames]
    assert inspect._filesbymodname == {}  # type: ignore[attr-defined]
    inspect.modulesbyfile.clear()  # type: ignore[attr-defined]
    assert quickly == [inspect.getmodule(frame) for frame in frames]
    assert quickly[-1] is sys.modules["json.decoder"]
    assert None in quickly
