"""Formatters that are not asked would have had no answer."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

import pytest
from ipyrust.formatters import DisplayFormatter
from IPython.core import formatters as theirs
from IPython.core.interactiveshell import InteractiveShell


class Plain:
    def __repr__(self) -> str:
        return "plain\ntext"


class WithMethod(Plain):
    def _repr_html_(self) -> str:
        return "<b>"


class WithMetadata(Plain):
    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        return b"png", {"width": 1}


class WithProperty(Plain):
    @property
    def _repr_latex_(self) -> Callable[[], str]:
        return lambda: "$x$"


class WithBundle(Plain):
    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/html": "<i>", "x/y": "z"}


class ShowsItself(Plain):
    shown = 0

    def _ipython_display_(self) -> None:
        ShowsItself.shown += 1


class Claims(Plain):
    """Has any attribute it is asked for."""

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **kwargs: name


class Delegates(Plain):
    def __getattr__(self, name: str) -> Any:
        if name == "_repr_html_":
            return lambda: "<u>"
        raise AttributeError(name)


class Pretends(Plain):
    """Says that it is of another class."""

    @property  # type: ignore[misc]
    def __class__(self) -> type:  # type: ignore[override]
        return WithMethod


class Colour(enum.Enum):
    RED = 1


class Slotted:
    __slots__ = ()

    def __repr__(self) -> str:
        return "slotted"


def with_own_method() -> Plain:
    thing = Plain()
    thing._repr_svg_ = lambda: "<svg>"  # type: ignore[attr-defined]
    return thing


OBJECTS: list[Any] = [
    *(0, -1, 2**70, True, None, 1.5, 1j, "text", "two\nlines", "\u2028", b"\x00", ..., "x" * 200),
    *([1, 2], {"a": 1}, (), {1}, range(3), list(range(2000)), ["x" * 50] * 3),
    *(int, Plain, WithMethod, Colour, Colour.RED, len, pytest, ValueError("x")),
    *(Plain(), WithMethod(), WithMetadata(), WithProperty(), WithBundle(), ShowsItself()),
    *(Claims(), Delegates(), Pretends(), Slotted(), with_own_method()),
]


@pytest.fixture
def pair() -> tuple[Any, Any]:
    InteractiveShell.clear_instance()
    return theirs.DisplayFormatter(), DisplayFormatter()


def assert_same(pair: tuple[Any, Any], objects: list[Any] = OBJECTS) -> None:
    for thing in objects:
        ShowsItself.shown = 0
        expected = pair[0].format(thing), ShowsItself.shown
        ShowsItself.shown = 0
        assert (pair[1].format(thing), ShowsItself.shown) == expected
        for choice in ({"include": ["text/html"]}, {"exclude": ["text/plain"]}):
            assert pair[1].format(thing, **choice) == pair[0].format(thing, **choice)


def test_every_kind_of_object_looks_the_same(pair: tuple[Any, Any]) -> None:
    assert_same(pair)
    assert_same(pair)  # And again, now that the formatters are known.


def for_class(formatter: Any) -> None:
    formatter.formatters["text/html"].for_type(int, lambda number: f"<p>{number}")


def for_base_class(formatter: Any) -> None:
    formatter.formatters["text/markdown"].for_type(Plain, lambda thing: "*plain*")


def for_class_by_name(formatter: Any) -> None:
    formatter.formatters["text/html"].for_type_by_name(__name__, "Slotted", lambda thing: "<s>")


def for_text(formatter: Any) -> None:
    formatter.formatters["text/plain"].for_type(str, lambda text, p, cycle: p.text("a text"))


def for_singleton(formatter: Any) -> None:
    formatter.formatters["text/html"].singleton_printers[id(None)] = lambda thing: "<none>"


def for_bundle(formatter: Any) -> None:
    formatter.mimebundle_formatter.for_type(int, lambda number: {"x/number": number})


def for_display(formatter: Any) -> None:
    formatter.ipython_display_formatter.for_type(str, lambda text: None)


def new_dictionary(formatter: Any) -> None:
    formatter.formatters["text/html"].type_printers = {float: lambda number: "<float>"}


def another_method(formatter: Any) -> None:
    formatter.formatters["text/html"].print_method = "__repr__"


def fewer_types(formatter: Any) -> None:
    formatter.active_types = ["text/plain"]


def precision(formatter: Any) -> None:
    formatter.formatters["text/plain"].float_precision = 3


def no_pretty_printing(formatter: Any) -> None:
    formatter.formatters["text/plain"].pprint = False


def another_formatter(formatter: Any) -> None:
    class Shouting(theirs.HTMLFormatter):  # type: ignore[misc]
        def __call__(self, thing: Any) -> str:
            return "<h1>"

    formatter.formatters["text/html"] = Shouting(parent=formatter)
    formatter.formatters["x/z"] = Shouting(parent=formatter)


@pytest.mark.parametrize(
    "change",
    [
        *(for_class, for_base_class, for_class_by_name, for_text, for_singleton, for_bundle),
        *(for_display, new_dictionary, another_method, fewer_types, precision),
        *(no_pretty_printing, another_formatter),
    ],
)
def test_what_is_changed_later_counts(pair: tuple[Any, Any], change: Callable[[Any], None]) -> None:
    pair[1].format(1)
    for formatter in pair:
        change(formatter)
    assert_same(pair)


def test_a_method_that_is_added_later_counts(pair: tuple[Any, Any]) -> None:
    class Growing:
        def __repr__(self) -> str:
            return "growing"

    thing = Growing()
    assert_same(pair, [thing])
    Growing._repr_html_ = lambda self: "<em>"  # type: ignore[attr-defined]
    assert pair[1].format(thing)[0] == {"text/plain": "growing", "text/html": "<em>"}
    assert_same(pair, [thing])


def test_an_object_without_text_is_shown_as_by_ipython(
    pair: tuple[Any, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    class Broken:
        def __repr__(self) -> str:
            raise ValueError("no text")

    assert_same(pair, [Broken(), 10**5000])
    assert "no text" in capsys.readouterr().err
