"""The command behind `ci/bench`: prepare environments, run the groups, write what was found."""

from __future__ import annotations

import argparse
import datetime
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.environments import REQUIREMENTS, Environment, NoKernelError, prepare
from benchmarks.groups import GROUPS
from benchmarks.kernels import Subject, scratch_directory
from benchmarks.rows import Row, Scale, run
from benchmarks.wire import MissingError

RESULTS = Path(__file__).parent / "results"
USUAL = ("ipykernel", "ipyrust", "xeus-python", "ipymini")


def main(arguments: Sequence[str]) -> int:
    options = _arguments(arguments)
    environments = _environments(options)
    if not environments:
        return 1
    scale = Scale(options.quick)
    began = time.monotonic()
    record: dict[str, Any] = {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "quick": options.quick,
        "transport": options.transport,
        "machine": report.machine(),
        "kernels": {environment.name: environment.about for environment in environments},
        "rows": {},
    }
    with scratch_directory() as scratch:
        for environment in list(environments):
            # The first start ever compiles modules and makes databases; no sample may hold that.
            try:
                with Subject(environment, scratch, options.transport).spawn():
                    pass
            except MissingError as error:
                print(f"warning: left out {environment.name}: {error}", file=sys.stderr)
                environments.remove(environment)
                del record["kernels"][environment.name]
        for name, rows in _chosen(options.rows).items():
            print(f"{name} ({time.monotonic() - began:.0f} s)", file=sys.stderr)
            subjects = [
                Subject(environment, scratch, options.transport) for environment in environments
            ]
            results = run(rows, subjects, scale, options.repeats)
            for row, kernels in results.items():
                record["rows"][row] = {kernel: kernels[kernel].as_json() for kernel in kernels}
    record["seconds"] = round(time.monotonic() - began, 1)
    _write(record, options.output)
    return 0


def _arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="ci/bench", description="Kernels side by side.")
    parser.add_argument("--quick", action="store_true", help="few repeats, in some minutes")
    parser.add_argument(
        "--kernels",
        default=",".join(USUAL),
        help=f"with commas, out of: {', '.join(REQUIREMENTS)} (default: %(default)s)",
    )
    parser.add_argument("--rows", default="", help="only rows or groups whose name holds this text")
    parser.add_argument(
        "--repeats", type=int, help="samples of each row, instead of its own number"
    )
    parser.add_argument(
        "--environment",
        action="append",
        default=[],
        metavar="KERNEL=PYTHON",
        help="use a kernel as it is installed for this python, and install nothing",
    )
    parser.add_argument("--update", action="store_true", help="look for newer versions of peers")
    parser.add_argument("--transport", choices=("tcp", "ipc"), default="tcp")
    parser.add_argument(
        "--output", type=Path, default=RESULTS, help="directory for the JSON (default: %(default)s)"
    )
    return parser.parse_args(arguments)


def _environments(options: argparse.Namespace) -> list[Environment]:
    """All that can be had; the rest is said, and the comparison goes on without it."""
    given = dict(word.split("=", 1) for word in options.environment)
    environments = []
    for name in options.kernels.split(","):
        if name not in REQUIREMENTS:
            print(f"error: no such kernel: `{name}`", file=sys.stderr)
            return []
        python = Path(given[name]).absolute() if name in given else None
        try:
            environments.append(
                prepare(name, interpreter=sys.executable, update=options.update, given=python)
            )
        except NoKernelError as error:
            print(f"warning: left out {name}: {error}", file=sys.stderr)
    if not environments:
        print("error: no kernel to measure", file=sys.stderr)
    return environments


def _chosen(text: str) -> dict[str, tuple[Row, ...]]:
    chosen = {}
    for group, rows in GROUPS.items():
        kept = rows if text in group else tuple(row for row in rows if text in row.name)
        if kept:
            chosen[group] = kept
    return chosen


def _write(record: dict[str, Any], directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    kind = "quick" if record["quick"] else "full"
    stamp = record["date"][:19].replace(":", "")
    path = directory / f"{stamp}-{kind}.json"
    path.write_text(json.dumps(record, indent=1) + "\n")
    print(report.table(record))
    print(f"written: {path}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
