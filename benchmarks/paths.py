"""What the hot paths cost, counted in instructions: the same on a busy machine as on a quiet one.

Rust's paths are tests of the kernel library (`src/kernel/src/hot_paths.rs`), of which callgrind
counts one function. The encoder of Python objects needs a Python around it: a script that encodes a
thousand times is counted, less one that does not encode. Compared with what is recorded, figures
say whether a change made a path dearer; they depend on the compiler, and are not times.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RECORD = ROOT / "benchmarks" / "results" / "paths.json"
TIMES = 1_000  # As in hot_paths.rs.
TOLERANCE = 0.05  # From run to run the counts differ by less than a thousandth.

PATHS = (
    "decode_and_verify",
    "check_the_content",
    "encode_and_sign",
    "append_to_a_stream",
    "flush_a_stream",
    "send_and_receive",
)

# What a small table of pandas publishes.
ENCODING = """
from ipyrust import _core
rows = "".join(f"<tr><td>{n}</td><td>{n / 7}</td></tr>" for n in range(20))
bundle = {"text/plain": "   a  b\\n" * 20, "text/html": rows, "x/y": {"a": [1, 2.5, None]}}
content = {"data": bundle, "metadata": {}, "transient": {"display_id": "1d8a"}}
for _ in range(times):
    _core.json_encode(content)
"""


def main(arguments: list[str]) -> int:
    found = {path: count_path(binary, path) for binary in [build_tests()] for path in PATHS}
    found["encode_a_mime_bundle"] = (count_python(TIMES) - count_python(0)) / TIMES
    if arguments == ["--record"]:
        record = {"compiler": compiler(), "instructions": found}
        RECORD.write_text(json.dumps(record, indent=1) + "\n")
        print(table(found, found))
        return 0
    record = json.loads(RECORD.read_text())
    print(table(found, record["instructions"]))
    if record["compiler"] != compiler():
        print(f"recorded with {record['compiler']}, this is {compiler()}: compare by eye")
        return 0
    dearer = [name for name, count in found.items() if count > limit(record, name)]
    if dearer:
        print(f"dearer by more than {TOLERANCE:.0%}: {', '.join(dearer)}")
    return 1 if dearer else 0


def limit(record: Mapping[str, Mapping[str, float]], name: str) -> float:
    return record["instructions"].get(name, float("inf")) * (1 + TOLERANCE)


def table(found: Mapping[str, float], before: Mapping[str, float]) -> str:
    lines = ["| path | instructions | recorded | ratio |", "|---|---:|---:|---:|"]
    for name, count in found.items():
        known = before.get(name)
        ratio = f"{count / known:.2f}" if known else ""
        lines.append(f"| {name.replace('_', ' ')} | {count:,.0f} | {known or 0:,.0f} | {ratio} |")
    return "\n".join(lines)


def build_tests() -> str:
    """The test program of the kernel library, built as it is released."""
    command = "cargo test --quiet --release --locked -p ipyrust-kernel --lib --no-run"
    built = run([*command.split(), "--message-format=json"])
    for line in built.splitlines():
        message = json.loads(line)
        if message.get("executable"):
            return str(message["executable"])
    raise SystemExit("error: cargo has built no test program")


def count_path(binary: str, path: str) -> float:
    test = [binary, f"hot_paths::{path}", "--exact", "--test-threads=1"]
    return (
        callgrind(["--collect-atstart=no", "--toggle-collect=*hot_paths::counted*"], test) / TIMES
    )


def count_python(times: int) -> float:
    python = str(ROOT / ".venv" / "bin" / "python")
    return callgrind([], [python, "-c", f"times = {times}\n{ENCODING}"])


def callgrind(options: list[str], command: list[str]) -> float:
    with tempfile.TemporaryDirectory() as directory:
        out = f"--callgrind-out-file={directory}/out"
        run(["valgrind", "--tool=callgrind", out, *options, *command])
        totals = re.findall(
            r"^(?:totals|summary): (\d+)", (Path(directory) / "out").read_text(), re.M
        )
    if not totals or int(totals[0]) == 0:
        raise SystemExit(f"error: nothing was counted: {command}")
    return float(totals[0])


def compiler() -> str:
    return run(["rustc", "--version"]).strip()


def run(command: list[str]) -> str:
    # Hashes of strings decide the order of some loops.
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT)
    if done.returncode:
        raise SystemExit(f"error: {' '.join(command)} failed:\n{done.stderr[-2000:]}")
    return done.stdout


if __name__ == "__main__":
    if sys.argv[1:] not in ([], ["--record"]):
        raise SystemExit("usage: ci/instructions [--record]")
    sys.exit(main(sys.argv[1:]))
