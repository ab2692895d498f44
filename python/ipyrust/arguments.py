"""What a kernel is told at its start: by a command line, or by who embeds it.

The command line is read by `_core`, which also has to read it where there is no Python yet.
"""

from __future__ import annotations

import os

from ipyrust import _core

# As type checkers know it, without the import: dataclasses and typing take longer than binding.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any


class Arguments:
    """A command line, read."""

    def __init__(
        self,
        settings: Iterable[tuple[str, str, Any]] = (),
        extra: Iterable[str] = (),
        unknown: Iterable[str] = (),
        help: bool = False,  # noqa: A002  As the option is named, and `help()` is not called here.
        version: bool = False,
    ) -> None:
        # (class, trait, value) in the order given; a text is not interpreted yet.
        self.settings = list(settings)
        self.extra = list(extra)  # What launchers pass on; the arguments of `-c` and `-m`.
        self.unknown = list(unknown)
        self.help = help
        self.version = version

    def last(self, section: str, trait: str) -> Any:
        """The value that was given last for a trait."""
        values = [v for s, t, v in self.settings if (s, t) == (section, trait)]
        return values[-1] if values else None

    def directory(self) -> str | None:
        """Where Jupyter keeps connection files, if ours is to be there."""
        if not _core.needs_directory(self.settings):
            return None
        from jupyter_core.paths import jupyter_runtime_dir

        directory = jupyter_runtime_dir()
        os.makedirs(directory, mode=0o700, exist_ok=True)
        return directory


def read(argv: Sequence[str]) -> Arguments:
    """Read a command line without the program's name."""
    return Arguments(*_core.read_arguments(argv))
