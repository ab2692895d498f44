"""Completion that leaves Python's list of warning filters alone.

IPython and jedi change that list for a moment, with `warnings.catch_warnings`. The list is the
process's: when two threads do so at once, each may put back what the other had changed. So a
completion failed as use of a provisional API, and a cell's own warnings could be lost for good.
Here completion runs on threads beside a cell, so it has to do without.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any


class _Warnings:
    """The module `warnings`, for a module that is given this in its place."""

    def __getattr__(self, name: str) -> Any:
        return getattr(warnings, name)


class _AcceptingProvisional(_Warnings):
    """Says nothing of the completer's API, which IPython calls provisional and clients rely on."""

    def __init__(self, provisional: type[Warning]) -> None:
        self._provisional = provisional

    def warn(self, message: Any, category: Any = None, stacklevel: int = 1, **more: Any) -> None:
        if category is not self._provisional:
            warnings.warn(message, category, stacklevel + 1, **more)


class _WithoutFilters(_Warnings):
    """Changes no filter."""

    def catch_warnings(self, **options: Any) -> contextlib.nullcontext[list[Any]]:
        return contextlib.nullcontext([])

    def simplefilter(self, *options: Any, **more: Any) -> None:
        pass


def accept_provisional() -> None:
    """Let IPython's completer be used without `provisionalcompleter`, which changes the filters."""
    from IPython.core import completer

    if not isinstance(completer.warnings, _AcceptingProvisional):
        completer.warnings = _AcceptingProvisional(completer.ProvisionalCompleterWarning)


@contextlib.contextmanager
def without_filters() -> Iterator[None]:
    """Within this block jedi changes no filter, whatever thread uses it."""
    from jedi.inference import docstrings  # type: ignore[import-untyped]
    from jedi.inference.compiled import access  # type: ignore[import-untyped]

    modules = [module for module in (access, docstrings) if hasattr(module, "warnings")]
    for module in modules:
        module.warnings = _WithoutFilters()
    try:
        yield
    finally:
        for module in modules:
            module.warnings = warnings
