"""`input()` and `getpass()`: questions to the person at the client.

Whether the cell's client takes questions is said in its request (`allow_stdin`), and a thread asks
for the cell it belongs to.
"""

from __future__ import annotations

import builtins
import getpass
import sys
from typing import Any

from IPython.core.error import StdinNotImplementedError

from ipyrust import _core, context, lazy


class Questions:
    """Asks through the kernel's stdin channel."""

    def __init__(self, stdin: _core.Stdin) -> None:
        self._stdin = stdin

    def install(self) -> None:
        """Take the place of the terminal's functions."""
        builtins.input = self.raw_input
        lazy.when_loaded(getpass, self._take_getpass)

    def _take_getpass(self) -> None:
        getpass.getpass = self.getpass

    def raw_input(self, prompt: object = "") -> str:
        """Ask for a line of text."""
        return self._ask(str(prompt), False, "raw_input")

    def getpass(self, prompt: object = "Password: ", stream: Any = None, **_: Any) -> str:
        """Ask for a line that is not to be shown; `stream` and `echo_char` have no meaning here."""
        return self._ask(str(prompt), True, "getpass")

    def _ask(self, prompt: str, password: bool, function: str) -> str:
        parent = context.current_parent()
        if parent is None or not parent.message["content"].get("allow_stdin", False):
            raise StdinNotImplementedError(
                f"{function} was called, but this frontend does not support input requests."
            )
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        return self._stdin.ask(prompt, password, parent)
