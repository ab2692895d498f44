"""Debuggers as fixtures."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import Client

sys.path.insert(0, str(Path(__file__).parent))

from debugger_client import DebuggerClient


@pytest.fixture
def debugger(client: Client) -> DebuggerClient:
    return DebuggerClient(client)


@pytest.fixture
def attached(debugger: DebuggerClient) -> Iterator[DebuggerClient]:
    """A debugger that is attached, and detached when the test is over."""
    debugger.attach()
    yield debugger
    debugger.detach()
