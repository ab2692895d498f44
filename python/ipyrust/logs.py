"""The kernel's log: lines on the server's terminal, never in a notebook."""

from __future__ import annotations

import logging
import os

NAME = "ipyrust"


class OriginalStderr(logging.Handler):
    """Writes to what descriptor 2 was before it was captured."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = self.format(record) + "\n"
            os.write(self._descriptor, text.encode("utf-8", "backslashreplace"))
        except Exception:
            # A log that cannot be written is no reason to end a cell.
            return


def logger(descriptor: int, level: int = logging.WARNING) -> logging.Logger:
    """The logger of the kernel."""
    log = logging.getLogger(NAME)
    log.propagate = False  # A cell that configures logging gets its own messages only.
    log.setLevel(level)
    if not log.handlers:
        handler = OriginalStderr(descriptor)
        handler.setFormatter(logging.Formatter("[%(name)s] %(levelname)s: %(message)s"))
        log.addHandler(handler)
    return log
