"""Does the instrument show what is there? `ci/bench --self-check` measures faults of known size.

The kernel is `floor.py`, which loses, delays, burns and grows as it is told. Nothing here says how
fast anything must be: every bound follows from the fault itself.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Mapping
from pathlib import Path

from benchmarks.environments import prepare
from benchmarks.groups import GROUPS
from benchmarks.kernels import Subject, scratch_directory
from benchmarks.rows import Result, Row, Scale, run

SCALE = Scale(quick=True)


def main() -> int:
    wrong = []
    with scratch_directory() as scratch:

        def measure(row: str, **faults: float) -> Result:
            return _measure(scratch, row, faults)

        def check(what: str, holds: bool, found: object) -> None:
            print(f"{'ok' if holds else 'WRONG':6} {what}: {found}")
            if not holds:
                wrong.append(what)

        sound = measure("100,000 prints").medians()
        check("a sound kernel loses nothing", sound["lost"] == 0, sound)
        lossy = measure("100,000 prints", lose_every=5).medians()
        check("every fifth message lost is seen", 10 < lossy["lost"] < 30, lossy)
        sound = measure("`pass`").medians()
        check("a cell is busy, execute_input, idle", sound["messages"] == 3, sound)
        burning = measure("`pass`", burn=0.02).medians()
        more = burning["cpu"] - sound["cpu"]
        check("20 ms of CPU more are CPU", 15 < more < 40, burning)
        waiting = measure("`pass`", delay=0.05).medians()
        check("50 ms of waiting are wall time", waiting["p50"] >= 50, waiting)
        check("50 ms of waiting are not CPU", waiting["cpu"] < 25, waiting)
        large = measure("50 MB in writes of 64 KB", allocate=200e6).medians()
        check("200 MB that are given back are in the peak", 190 < large["peak"] < 390, large)
        restless = measure("idle after the first result; exit", wakeups=50).medians()
        check("50 wake-ups a second are seen", 35 < restless["wakeups"] < 80, restless)
        late = measure("line printed before C code holds the GIL for 1 s").medians()
        check("text that is held back 1 s is late by 1 s", late["p50"] >= 1000, late)
        held = measure("control reply while C code holds the GIL for 2 s").medians()
        check("a deaf control channel is late", held["p50"] >= 1000, held)
        deaf = measure("`pass`", deaf=1)
        check("a missing reply is a failure", deaf.failure is not None, deaf.failure)
        unable = measure("comm echo")
        check("a kernel without comms fails that row", unable.failure is not None, unable.failure)
    print(f"wrong: {', '.join(wrong)}" if wrong else "the instrument shows what is there")
    return 1 if wrong else 0


def _measure(scratch: Path, name: str, faults: Mapping[str, float]) -> Result:
    row = _row(name)
    environment = prepare(
        "floor", interpreter=sys.executable, update=False, given=Path(sys.executable)
    )
    environment = dataclasses.replace(environment, variables={"BENCH_FAULTS": json.dumps(faults)})
    # The kernel that never replies is what the short patience is for.
    subject = Subject(environment, scratch, "tcp", patience=3.0 if faults.get("deaf") else 60.0)
    return run([row], [subject], SCALE, 1)[name]["floor"]


def _row(name: str) -> Row:
    return next(row for rows in GROUPS.values() for row in rows if row.name == name)


if __name__ == "__main__":
    sys.exit(main())
