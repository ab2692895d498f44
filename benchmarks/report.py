"""From samples to a table: medians of the reference in its unit, ratios for all others."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.environments import REFERENCE
from benchmarks.groups import GROUPS
from benchmarks.rows import BUSY_CLIENT, Metric


def machine() -> dict[str, Any]:
    """What a reader needs to judge the figures: they say nothing from a busy machine."""
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return {
        "processor": models[0] if models else platform.machine(),
        "processors": len(os.sched_getaffinity(0)),
        "system": platform.platform(),
        "load": os.getloadavg()[0],
    }


def table(record: Mapping[str, Any], *, short: bool = False) -> str:
    """The whole record as Markdown; `short` keeps the headline figures."""
    kernels = list(record["kernels"])
    reference = REFERENCE if REFERENCE in kernels else kernels[0]
    others = [kernel for kernel in kernels if kernel != reference]
    lines = []
    for group, rows in GROUPS.items():
        done = [row for row in rows if row.name in record["rows"]]
        if not done:
            continue
        lines += ["", f"### {group[0].upper()}{group[1:]}", ""]
        lines.append(f"| work | figure | {' | '.join([reference, *others])} |")
        lines.append("|---|---|" + "---:|" * len(kernels))
        for row in done:
            results = record["rows"][row.name]
            for metric in row.metrics:
                if short and not metric.headline:
                    continue
                cells = [_absolute(results[reference], metric)]
                cells += [_relative(results[other], results[reference], metric) for other in others]
                unit = f", {metric.unit}" if metric.unit else ""
                lines.append(f"| {row.name} | {metric.label}{unit} | {' | '.join(cells)} |")
    return "\n".join([*_heading(record, reference), *lines, "", *_remarks(record)]).rstrip() + "\n"


def _heading(record: Mapping[str, Any], reference: str) -> list[str]:
    about = record["machine"]
    lines = [
        f"{record['date']}, {'quick' if record['quick'] else 'full'} run, "
        f"{about['processors']} x {about['processor']}, load {about['load']:.1f} at the start.",
        f"Medians of {reference} in the unit named; the others as ratios to it, with their own",
        "medians in parentheses. Less is better everywhere.",
        "",
    ]
    if about["load"] > 0.5:
        lines.insert(0, "**The machine was not quiet: take no figure from this run.**")
    for name, kernel in record["kernels"].items():
        parts = ", ".join(f"{key} {version}" for key, version in kernel["with"].items())
        lines.append(f"- {name} {kernel['version']} on CPython {kernel['python']} ({parts})")
    return lines


def _remarks(record: Mapping[str, Any]) -> list[str]:
    """Why a cell of the table says `fails`, and which rows measured the client too."""
    remarks = []
    for row, results in record["rows"].items():
        for kernel, result in results.items():
            if result["failure"]:
                remarks.append(f"- {kernel} fails {row}: {result['failure']}")
            elif result["client_busy"] > BUSY_CLIENT:
                remarks.append(
                    f"- {row}, {kernel}: the client was busy {100 * result['client_busy']:.0f} %"
                    " of the time, its wall time is a bound from above"
                )
    return ["Remarks:", "", *remarks] if remarks else []


def _absolute(result: Mapping[str, Any], metric: Metric) -> str:
    value = result["medians"].get(metric.key)
    if value is None:
        return "fails" if result["failure"] else "-"
    return _number(value)


def _relative(result: Mapping[str, Any], base: Mapping[str, Any], metric: Metric) -> str:
    value, compared = result["medians"].get(metric.key), base["medians"].get(metric.key)
    if value is None or not compared or not metric.ratio:
        return _absolute(result, metric)
    ratio = value / compared
    return (
        f"**{ratio:.2f}** ({_number(value)})" if ratio >= 0.005 else f"**<0.01** ({_number(value)})"
    )


def _number(value: float) -> str:
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.report", description=__doc__)
    parser.add_argument("record", type=Path, help="a JSON file from benchmarks/results")
    parser.add_argument("--short", action="store_true", help="headline figures only")
    options = parser.parse_args(arguments)
    print(table(json.loads(options.record.read_text()), short=options.short), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
