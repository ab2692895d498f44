"""Runs a library's notebook on a kernel, and says where two runs differ."""

from __future__ import annotations

import difflib
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from harness import Kernel, Target

from .notebook import Notebook
from .record import record
from .registry import Library

# So that sets, and what is made of them, come in one order.
ENVIRONMENT = {"PYTHONHASHSEED": "0", "COLUMNS": "80"}


@dataclass
class Run:
    """What reached the client, or why the notebook did not come to its end."""

    lines: list[str]
    failure: str | None = None


def run(library: Library, target: Target, reference: Target) -> Run:
    """Run a library's notebook on a new kernel, with a home of its own."""
    with tempfile.TemporaryDirectory(prefix="parity-", dir="/tmp") as directory:
        home = {
            "HOME": directory,
            "XDG_CACHE_HOME": f"{directory}/cache",
            "MPLCONFIGDIR": f"{directory}/matplotlib",
        }
        kernel = Kernel(
            target, environment={**ENVIRONMENT, **home}, working_directory=Path(directory)
        )
        with kernel, kernel.client() as client:
            for messages in client.messages.values():
                messages.clear()
            notebook = Notebook(client, reference.python)
            failure = None
            try:
                library.play(notebook)
            except AssertionError as error:
                failure = str(error) or "an assertion failed"
            places = {
                str(Path(target.python).parents[1]): "<environment>",
                str(Path(reference.python).parents[1]): "<environment>",
                directory: "<home>",
                str(kernel.directory): "<runtime>",
            }
            return Run(record(client.messages, notebook.requests, places, kernel.pid), failure)


def differences(ours: Run, theirs: Run) -> list[str]:
    """The messages in which two runs differ, `+` ours and `-` theirs."""
    found = [line for line in difflib.ndiff(theirs.lines, ours.lines) if line[0] in "+-"]
    for mark, one in (("-", theirs), ("+", ours)):
        if one.failure:
            found.append(f"{mark} {one.failure}")
    return found


def versions(python: str) -> dict[str, str]:
    """The distributions of an environment."""
    code = (
        "import importlib.metadata as m\n"
        "for d in m.distributions(): print(d.metadata['Name'], d.version)"
    )
    text = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout
    pairs = (line.split() for line in text.splitlines())
    return {name.lower().replace("-", "_"): version for name, version in pairs}
