"""A chart of a record, as SVG: what each kernel needs, as a part of what the reference needs.

`python -m benchmarks.chart RECORD.json docs/performance.svg`; no library is needed.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from benchmarks.environments import REFERENCE

# The rows that stand for the others: name in the record, figure, what the chart calls it.
SHOWN = (
    ("start to kernel_info_reply", "wall", "start to kernel_info, wall"),
    ("start to first result, `1`", "cpu", "start to first result, CPU"),
    ("start to `import numpy` done", "cpu", "start to import numpy, CPU"),
    ("idle after the first result; exit", "pss", "memory after the first result"),
    ("`pass`", "cpu", "a cell, CPU"),
    ("100,000 prints", "cpu", "100,000 prints, CPU"),
    ("50 MB in writes of 64 KB", "cpu", "50 MB of text, CPU"),
    ("2,000 displays", "cpu", "2,000 displays, CPU"),
    ("comm echo", "cpu", "a comm message, CPU"),
    ("completion of `np.`", "cpu", "completion of np., CPU"),
    ("queued cells, each", "cpu", "a queued cell, CPU"),
    ("abort of 1,000 queued cells", "cpu", "abort of 1,000 cells, CPU"),
)
COLOURS = {"ipyrust": "#c2410c", "xeus-python": "#64748b", "ipymini": "#94a3b8"}
OTHER_COLOUR = "#cbd5e1"

LEAST, MOST = 0.01, 16.0  # The axis is logarithmic; what is beyond touches its end.
LEFT, WIDTH, RIGHT = 220, 480, 60
BAR, GAP, TOP = 11, 12, 56


def draw(record: Mapping[str, Any]) -> str:
    """The whole chart."""
    kernels = [name for name in record["kernels"] if name != REFERENCE]
    kernels.sort(key=lambda name: name != "ipyrust")
    rows = [row for row in SHOWN if _medians(record, row[0], REFERENCE).get(row[1])]
    height = TOP + len(rows) * (len(kernels) * BAR + GAP) + 24
    width = LEFT + WIDTH + RIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="11">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        *_legend(kernels),
        *_axis(height - 20),
    ]
    top = TOP
    for name, key, label in rows:
        middle = top + len(kernels) * BAR / 2 + 4
        parts.append(_text(LEFT - 8, middle, label, "end"))
        for number, kernel in enumerate(kernels):
            parts += _bar(record, name, key, kernel, top + number * BAR)
        top += len(kernels) * BAR + GAP
    return "\n".join([*parts, "</svg>"]) + "\n"


def _legend(kernels: Sequence[str]) -> Iterator[str]:
    yield _text(LEFT, 16, f"{REFERENCE} = 1; shorter is better; logarithmic", "start")
    x = LEFT
    for kernel in kernels:
        yield f'<rect x="{x}" y="24" width="10" height="10" fill="{_colour(kernel)}"/>'
        yield _text(x + 14, 33, kernel, "start")
        x += 110


def _axis(bottom: float) -> Iterator[str]:
    for value in (0.01, 0.03, 0.1, 0.3, 1, 3, 10):
        x = _place(value)
        colour, thickness = ("#0f172a", 1.5) if value == 1 else ("#e2e8f0", 1)
        yield (
            f'<line x1="{x:.1f}" y1="{TOP - 6}" x2="{x:.1f}" y2="{bottom - 10}" '
            f'stroke="{colour}" stroke-width="{thickness}"/>'
        )
        yield _text(x, bottom + 4, f"{value:g}", "middle")


def _bar(record: Mapping[str, Any], name: str, key: str, kernel: str, top: float) -> Iterator[str]:
    value = _medians(record, name, kernel).get(key)
    if value is None:
        yield _text(LEFT + 4, top + BAR - 2, "fails", "start")
        return
    ratio = value / _medians(record, name, REFERENCE)[key]
    length = _place(ratio) - LEFT
    yield (
        f'<rect x="{LEFT}" y="{top:.1f}" width="{max(length, 1):.1f}" height="{BAR - 2}" '
        f'fill="{_colour(kernel)}"/>'
    )
    yield _text(LEFT + max(length, 1) + 4, top + BAR - 2, f"{ratio:.2f}", "start")


def _medians(record: Mapping[str, Any], row: str, kernel: str) -> Mapping[str, float]:
    result = record["rows"].get(row, {}).get(kernel, {})
    medians: Mapping[str, float] = result.get("medians", {})
    return medians


def _place(ratio: float) -> float:
    inside = min(max(ratio, LEAST), MOST)
    return LEFT + WIDTH * math.log(inside / LEAST) / math.log(MOST / LEAST)


def _colour(kernel: str) -> str:
    return COLOURS.get(kernel, OTHER_COLOUR)


def _text(x: float, y: float, text: str, anchor: str) -> str:
    where = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {where} fill="#0f172a">{escape(text)}</text>'


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.chart", description=__doc__)
    parser.add_argument("record", type=Path, help="a JSON file from benchmarks/results")
    parser.add_argument("chart", type=Path, help="the SVG to write")
    options = parser.parse_args()
    options.chart.write_text(draw(json.loads(options.record.read_text())))


if __name__ == "__main__":
    main()
