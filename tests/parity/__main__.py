"""`ci/parity`: every library on both kernels, and the table in docs/compatibility.md.

Names of libraries choose some of them; then nothing is written. Differences are printed, and left
in build/parity. The exit status says whether there were any.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from harness import Target

from .catalogue import LIBRARIES
from .comparison import Run, differences, run, versions
from .registry import Library

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "compatibility.md"
BEGIN, END = "<!-- parity: begin -->", "<!-- parity: end -->"
WITHOUT = str(ROOT / ".venvs" / "parity-without-ipykernel" / "bin" / "python")
WITH = str(ROOT / ".venvs" / "parity-with-ipykernel" / "bin" / "python")

REFERENCE = Target("ipykernel", WITH, "ipykernel_launcher")
OURS = {
    "without": Target("ipyrust", WITHOUT, "ipyrust"),
    "beside": Target("ipyrust", WITH, "ipyrust"),
}


def main(names: list[str]) -> int:
    if unknown := [name for name in names if name not in LIBRARIES]:
        print(f"error: no library {unknown}; there are: {', '.join(LIBRARIES)}", file=sys.stderr)
        return 2
    chosen = [LIBRARIES[name] for name in names] or list(LIBRARIES.values())
    folder = ROOT / "build" / "parity"
    folder.mkdir(parents=True, exist_ok=True)
    rows, different = [], 0
    installed = versions(WITH)
    for library in chosen:
        begun = time.monotonic()
        reference = run(library, REFERENCE, REFERENCE)
        save(folder, library, "ipykernel", reference)
        outcomes = []
        for name, target in OURS.items():
            own = run(library, target, REFERENCE)
            save(folder, library, name, own)
            found = differences(own, reference)
            outcomes.append(f"{len(found)} differ" if found else "same")
            different += bool(found)
            for line in found:
                print(f"  {name}: {line[:300]}")
        messages = len(reference.lines)
        took = time.monotonic() - begun
        print(f"{library.name}: {messages} messages; {', '.join(outcomes)} ({took:.0f} s)")
        needs = ", ".join(f"{need} {installed[need]}" for need in library.needs[:1])
        rows.append((library.name, needs, library.shows, str(messages), *outcomes))
    if not names:
        write(rows, installed)
    return int(different > 0)


def save(folder: Path, library: Library, kernel: str, result: Run) -> None:
    name = library.name.replace(" ", "-").replace("%", "")
    text = "\n".join([*result.lines, *([f"failed: {result.failure}"] if result.failure else [])])
    (folder / f"{name}.{kernel}.txt").write_text(text + "\n")


def write(rows: list[tuple[str, ...]], installed: dict[str, str]) -> None:
    """Put the table between its marks."""
    heading = ("library", "version", "what is done", "messages", "ipyrust", "beside ipykernel")
    table = [heading, ("---",) * len(heading), *rows]
    lines = [f"| {' | '.join(row)} |" for row in table]
    python = ".".join(map(str, sys.version_info[:3]))
    said = (
        f"CPython {python}, IPython {installed['ipython']}, "
        f"ipykernel {installed['ipykernel']}, {time.strftime('%Y-%m-%d', time.gmtime())}."
    )
    text = DOCUMENT.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    DOCUMENT.write_text("\n".join([before + BEGIN, said, "", *lines, END + after]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
