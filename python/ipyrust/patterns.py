"""Regular expressions whose compiled form is known: not compiled again at every start.

Python's library, traitlets and IPython compile fifty regular expressions when they are imported, in
Python code, which is a twelfth of a start, and what makes tracebacks compiles some more. What comes
out is a list of numbers for the engine, and for one text and one version of Python it is always the
same. `patterns_cp*.py` hold these numbers for each version (`ci/patterns` writes them). A text that
is not among them, because a library has changed, is compiled as ever, and so are all of them on a
Python for which there is no such file.
"""

from __future__ import annotations

import _sre  # type: ignore[import-not-found]
import contextlib
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from typing import Any

# By text and flags: the flags of the result, its groups, the numbers, and the names of groups.
Table = dict[tuple[str, int], tuple[int, int, tuple[int, ...], dict[str, int]]]


@contextlib.contextmanager
def known() -> Iterator[None]:
    """Within this block known regular expressions are not compiled."""
    compiler: Any = vars(re).get("_compiler") or vars(re).get("sre_compile")
    table = table_of_this_python()
    # Somebody else's compiler may make something else.
    if not table or getattr(compiler.compile, "__module__", "") != compiler.__name__:
        yield
        return
    original = compiler.compile

    def compiled(pattern: Any, flags: int = 0) -> Any:
        found = table.get((pattern, flags)) if type(pattern) is str else None
        if found is None:
            return original(pattern, flags)
        return built(pattern, *found)

    compiler.compile = compiled
    try:
        yield
    finally:
        compiler.compile = original


def table_of_this_python() -> Table | None:
    """What is known for this version of Python and of its engine."""
    if sys.implementation.name != "cpython" or _sre.CODESIZE != 4:
        return None
    try:
        module = import_module("ipyrust.patterns_cp{}{}".format(*sys.version_info))
    except ImportError:
        return None
    table: Table = module.KNOWN
    return table if module.MAGIC == _sre.MAGIC else None


def built(
    pattern: str, flags: int, groups: int, numbers: tuple[int, ...], names: dict[str, int]
) -> Any:
    """The regular expression, as `re` makes it once it has compiled the text."""
    by_number: list[str | None] = [None] * (groups + 1)
    for name, number in names.items():
        by_number[number] = name
    return _sre.compile(pattern, flags, list(numbers), groups, names, tuple(by_number))
