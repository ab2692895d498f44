"""Waiting for a condition: generous when something is wrong, immediate when it is right."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TypeVar

# Seconds. Never reached by a kernel that works, also on a machine full of other work. Whoever hunts
# a fault sets less.
LIMIT = float(os.environ.get("IPYRUST_TEST_LIMIT", "60"))

T = TypeVar("T")


class TimedOutError(AssertionError):
    """What was waited for did not come."""


def wait_until(condition: Callable[[], T], what: str, limit: float = LIMIT) -> T:
    """Wait for something that sends no message (a file, the end of a process): look every 10 ms."""
    deadline = time.monotonic() + limit
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimedOutError(f"waited {limit:.0f} s for {what}")
        time.sleep(0.01)
    return value
