"""The rows of the table: a library, what it needs, and the notebook that uses it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .notebook import Notebook


@dataclass(frozen=True)
class Library:
    name: str
    needs: tuple[str, ...]
    shows: str
    play: Callable[[Notebook], None]


LIBRARIES: dict[str, Library] = {}


def library(
    name: str, *needs: str, shows: str
) -> Callable[[Callable[[Notebook], None]], Callable[[Notebook], None]]:
    """Put a notebook into the table."""

    def register(play: Callable[[Notebook], None]) -> Callable[[Notebook], None]:
        LIBRARIES[name] = Library(name, needs, shows, play)
        return play

    return register
