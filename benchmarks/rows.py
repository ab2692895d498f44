"""What a row of the table is, and how rows are run: interleaved, with failures kept as results."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.kernels import Running, Subject
from benchmarks.wire import MissingError

# A client that works more than this part of the time may itself be what was measured.
BUSY_CLIENT = 0.8


@dataclass(frozen=True)
class Scale:
    """How much work: `--quick` keeps the kind of work and lowers the counts."""

    quick: bool

    def pick(self, quick: int, full: int) -> int:
        return quick if self.quick else full


@dataclass(frozen=True)
class Metric:
    """One figure of a row. Its ratio is taken to the reference kernel's median."""

    key: str
    label: str
    unit: str
    # Whether a ratio says something: two times as many of 0 bytes lost does not.
    ratio: bool = True
    # Whether the figure stands in the short table.
    headline: bool = True


Measure = Callable[[Subject, Scale], Mapping[str, float]]


@dataclass(frozen=True)
class Row:
    """One piece of work, the same for all kernels."""

    name: str
    metrics: tuple[Metric, ...]
    measure: Measure
    quick: int = 3  # Repeats.
    full: int = 7

    def repeats(self, scale: Scale) -> int:
        return scale.pick(self.quick, self.full)


@dataclass
class Result:
    """All samples of one kernel on one row."""

    samples: list[dict[str, float]] = field(default_factory=list)
    failure: str | None = None
    # The largest part of the time that our own process was busy.
    client_busy: float = 0.0

    def medians(self) -> dict[str, float]:
        keys = sorted({key for sample in self.samples for key in sample})
        return {
            key: statistics.median(sample[key] for sample in self.samples if key in sample)
            for key in keys
        }

    def as_json(self) -> dict[str, Any]:
        return {
            "medians": self.medians(),
            "samples": self.samples,
            "failure": self.failure,
            "client_busy": round(self.client_busy, 3),
        }


def run(
    rows: Sequence[Row], subjects: Sequence[Subject], scale: Scale, repeats: int | None
) -> dict[str, dict[str, Result]]:
    """Run the rows of one group: row by row, repeat by repeat, kernel beside kernel.

    What disturbs the machine for a while then disturbs all kernels alike, and the order changes
    with each repeat, so that none always runs after the same one.
    """
    results: dict[str, dict[str, Result]] = {}
    try:
        for row in rows:
            began = time.monotonic()
            results[row.name] = {subject.name: Result() for subject in subjects}
            for repeat in range(repeats or row.repeats(scale)):
                turn = repeat % len(subjects)
                for subject in [*subjects[turn:], *subjects[:turn]]:
                    _sample(row, subject, scale, results[row.name][subject.name])
            print(f"  {row.name}: {time.monotonic() - began:.1f} s", file=sys.stderr)
    finally:
        for subject in subjects:
            subject.close()
    return results


def _sample(row: Row, subject: Subject, scale: Scale, result: Result) -> None:
    if result.failure is not None:
        return  # It failed before, and most failures cost a whole time limit.
    wall, cpu = time.monotonic(), time.process_time()
    try:
        sample = dict(row.measure(subject, scale))
    except (MissingError, OSError, LookupError, ValueError) as error:
        # The last two come of answers that lack what the protocol says.
        said = str(error) if isinstance(error, MissingError) else repr(error)
        result.failure = " - ".join(filter(None, [said, subject.log()]))
        print(f"    {subject.name} fails: {result.failure}", file=sys.stderr)
        # What the kernel still does, and what is still on its way, must not reach the next row.
        subject.close()
        return
    wall, cpu = time.monotonic() - wall, time.process_time() - cpu
    result.client_busy = max(result.client_busy, cpu / wall)
    result.samples.append({key: round(value, 4) for key, value in sample.items()})


@dataclass
class Cost:
    """CPU and wall time of a piece of work, in ms."""

    cpu: float = 0.0
    wall: float = 0.0


class Measured:
    """`with Measured(kernel) as cost:` - the kernel's CPU and the wall time of the block.

    The kernel may still be busy when its `idle` arrives (threads that write history, buffers that
    are freed): the CPU is read again until it stands still, and all of it is counted.
    """

    def __init__(self, kernel: Running, *, linger: float = 0.0) -> None:
        """`linger` waits so many seconds for work that is done some time after the `idle`."""
        self._kernel = kernel
        self._linger = linger
        self.cost = Cost()

    def __enter__(self) -> Cost:
        self._cpu = settle(self._kernel)
        self._wall = time.monotonic()
        return self.cost

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.cost.wall = (time.monotonic() - self._wall) * 1e3
            time.sleep(self._linger)
            self.cost.cpu = settle(self._kernel) - self._cpu


def settle(kernel: Running, *, limit: float = 1.0) -> float:
    """The kernel's CPU time once it has stopped growing by more than a trickle."""
    before = kernel.process.cpu()
    end = time.monotonic() + limit
    while time.monotonic() < end:
        time.sleep(0.02)
        now = kernel.process.cpu()
        if now - before < 0.2:
            return now
        before = now
    return before


def percentile(values: Sequence[float], part: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]
