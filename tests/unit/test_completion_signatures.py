"""The signatures that are read directly are those that IPython gets out of jedi."""

from __future__ import annotations

import functools
import importlib
import inspect
import os
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import jedi  # type: ignore[import-untyped]
import pytest
from ipyrust.completion_signatures import Signatures, directly
from IPython.core import completer


def decorated(function: Any) -> Any:
    @functools.wraps(function)
    def wrapper(*arguments: Any, **options: Any) -> Any:
        return function(*arguments, **options)

    return wrapper


class Documented:
    """Whose text has brackets (and an arrow) -> but no type."""

    def positional(self, first, /, second, third=(1, "a"), *, only, other=None):  # type: ignore
        """positional(first) -> int

        More.
        """

    def only_positional(self, /):  # type: ignore
        """Takes nothing."""

    def all_positional(first, second=2, /):  # type: ignore  # noqa: N805
        """all_positional(first) -> new list of names"""

    def stars(*arguments: int, **options: "str") -> bool:  # type: ignore  # noqa: UP037
        """Stars."""

    def stars_and_names(self, *rest, name, more=[1], **options):  # type: ignore  # noqa: B006
        """More stars."""

    def names(self, *, name: int = 3) -> None:
        """A name."""

    def without_a_word(self, value):  # type: ignore
        pass

    @classmethod
    def of_the_class(cls, value: dict[str, int] | None = None) -> Documented:
        """Of the class."""
        return cls()

    @staticmethod
    def of_nothing(value=0.5, /, *, scale=1e-5):  # type: ignore
        """Of nothing."""

    @decorated
    def behind_another(self, value: int = 1) -> str:
        """Behind another."""
        return ""

    @functools.lru_cache  # noqa: B019
    def cached(self, value):  # type: ignore
        """Cached."""


def signed(value: int) -> None:
    """Says what it takes."""


signed.__signature__ = inspect.signature(Documented.names)  # type: ignore


class Dispatcher:
    """Calls a function, as numpy's do for those in C."""

    def __init__(self, function: Any) -> None:
        self.__wrapped__ = function
        self.__doc__ = "Dispatches."
        self.__name__ = "dispatcher"

    def __call__(self, *arguments: Any) -> None:
        """Calls it."""

    def __get__(self, instance: Any, owner: Any) -> Any:
        return self


class WithSignature(Dispatcher):
    """Says what it takes."""

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(self.__wrapped__)


class Functions:
    """What only has the name of a method."""

    renamed = staticmethod(decorated(Documented.positional))
    partial = staticmethod(functools.partial(Documented.positional, 1))
    bound = staticmethod(Documented().positional)
    wrapped_bound = staticmethod(decorated(Documented().positional))
    of_all_stars = staticmethod(Documented().stars)
    signed = staticmethod(signed)
    c_code = staticmethod(os.getcwd)
    c_code_with_names = staticmethod(os.open)
    c_code_of_a_list = staticmethod([].append)


# jedi looks for the source of a module by its file.
MODULE = ModuleType("made_here")
MODULE.__file__ = __file__
vars(MODULE).update(
    dispatching=Dispatcher(os.fstat),
    dispatching_a_signature=WithSignature(Documented.positional),
)

OBJECTS = {
    "class": Documented,
    "instance": Documented(),
    "functions": Functions,
    "module": MODULE,
    **{
        name: importlib.import_module(name)
        for name in ("asyncio", "functools", "inspect", "json", "os", "subprocess", "typing")
    },
}


def functions(target: object) -> Iterator[Any]:
    """The functions among the completions of its attributes, as IPython finds them."""
    for completion in jedi.Interpreter("target.", [{"target": target}]).complete():
        if completion.type == "function":
            yield completion


@pytest.mark.parametrize("name", OBJECTS)
def test_the_text_is_that_of_jedi(name: str) -> None:
    original = completer._make_signature
    by_jedi = original._by_jedi if isinstance(original, Signatures) else original
    read = 0
    for completion in functions(OBJECTS[name]):
        text = directly(completion)
        if text is not None:
            read += 1
            assert (completion.name, text) == (completion.name, by_jedi(completion))
        assert Signatures(by_jedi)(completion) == by_jedi(completion)
    assert read >= 2


def test_where_a_function_refuses_jedi_is_asked() -> None:
    def told(completion: Any) -> str:
        return str(completion.get_signatures())

    class Odd:
        def get_signatures(self) -> str:
            return "jedi's"

    assert Signatures(told)(Odd()) == "jedi's"


def test_what_is_read_directly() -> None:
    read = {
        completion.name: directly(completion)
        for target in (Functions, MODULE)
        for completion in functions(target)
    }
    plain = {"renamed", "bound", "signed", "c_code", "c_code_with_names"}
    dispatching = {"dispatching", "dispatching_a_signature"}
    assert {name for name in plain | dispatching if read[name] is None} == set()
    assert {name for name in ("wrapped_bound", "c_code_of_a_list") if read[name]} == set()
