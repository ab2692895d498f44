"""The rows, one module per kind of work; the order is that of the table."""

from __future__ import annotations

from benchmarks.groups import busy, comms, displays, output, queries, queue, roundtrip, slow, start
from benchmarks.rows import Row

GROUPS: dict[str, tuple[Row, ...]] = {
    "start and rest": start.ROWS,
    "round trip": roundtrip.ROWS,
    "output": output.ROWS,
    "displays": displays.ROWS,
    "comms": comms.ROWS,
    "queries": queries.ROWS,
    "a busy kernel": busy.ROWS,
    "the queue": queue.ROWS,
    "slow subscribers": slow.ROWS,
}
