"""How many instructions a start takes, by valgrind: what no other program on the machine disturbs.

    python -m benchmarks.instructions .venv/bin/python

Starts ipyrust through each of its doors, up to a first result and its end, and prints the counts.
"""

from __future__ import annotations

import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path

from benchmarks.environments import prepare
from benchmarks.kernels import Subject, scratch_directory

REPEATS = 3
PATIENCE = 600.0  # Seconds; everything takes fifty times as long.


def count(name: str, python: Path, scratch: Path) -> int:
    """The instructions of one start, in user mode and of all threads."""
    environment = prepare(name, interpreter="", update=False, given=python)
    log = scratch / "valgrind.log"
    valgrind = (
        "valgrind",
        "--tool=callgrind",
        "--callgrind-out-file=/dev/null",
        f"--log-file={log}",
    )
    environment = replace(environment, argv=(*valgrind, *environment.argv))
    with Subject(environment, scratch, "ipc", patience=PATIENCE).spawn() as kernel:
        kernel.client.send("control", "shutdown_request", {"restart": False})
        kernel.process.wait(PATIENCE)
    (collected,) = re.findall(r"Collected : (\d+)", log.read_text())
    return int(collected)


def main() -> int:
    if len(sys.argv) != 2 or shutil.which("valgrind") is None:
        print("usage: python -m benchmarks.instructions PYTHON (it needs valgrind)")
        return 1
    for name in ("ipyrust", "ipyrust-program"):
        with scratch_directory() as scratch:
            counts = [
                count(name, Path(sys.argv[1]).absolute(), scratch) for _ in range(REPEATS + 1)
            ]
        # The first start writes what later ones find.
        print(name, *(f"{number / 1e6:.1f} M" for number in counts[1:]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
