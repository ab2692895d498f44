"""What Linux knows about a process: CPU time, memory, threads, wake-ups.

Everything is read from outside through `/proc` and the process's CPU clock, so that measuring
costs the kernel under test nothing.
"""

from __future__ import annotations

import os
import select
import signal
import time
from dataclasses import dataclass
from pathlib import Path

CPU_CLOCK = 2  # CPUCLOCK_SCHED of the Linux kernel: user and system time in nanoseconds.


@dataclass(frozen=True)
class Memory:
    """Memory in MB (10^6 bytes): resident, and with shared pages divided among their users."""

    rss: float
    pss: float


class Process:
    """A process we started. It and its group end with `kill`, at the latest."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        # A pid may be used again; this descriptor always means our process.
        self._descriptor = os.pidfd_open(pid)
        self._reaped = False
        self._final_cpu = 0.0

    def cpu(self) -> float:
        """CPU milliseconds so far, of all threads, also of those that have ended.

        `/proc/PID/stat` counts in ticks of 10 ms, more than a request costs; the process's own CPU
        clock counts nanoseconds. Children that still run are added.
        """
        if self._reaped:
            return self._final_cpu
        total = 0
        for pid in [self.pid, *_descendants(self.pid)]:
            try:
                total += time.clock_gettime_ns((~pid << 3) | CPU_CLOCK)
            except OSError:
                continue  # A child that ended meanwhile.
        return total / 1e6

    def memory(self) -> Memory:
        fields = _fields(Path(f"/proc/{self.pid}/smaps_rollup"))
        return Memory(rss=fields["Rss"] * 1.024e-3, pss=fields["Pss"] * 1.024e-3)

    def reset_peak(self) -> None:
        """Make `peak` start again from what is resident now."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def peak(self) -> float:
        """The most that was resident since the last reset, in MB."""
        return _fields(Path(f"/proc/{self.pid}/status"))["VmHWM"] * 1.024e-3

    def threads(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/task"))

    def switches(self) -> int:
        """How often the threads were scheduled: each wake-up of an idle thread counts once."""
        total = 0
        for task in os.listdir(f"/proc/{self.pid}/task"):
            fields = _fields(Path(f"/proc/{self.pid}/task/{task}/status"))
            total += fields["voluntary_ctxt_switches"] + fields["nonvoluntary_ctxt_switches"]
        return total

    def alive(self) -> bool:
        return not self.wait(0)

    def wait(self, seconds: float) -> bool:
        """Whether the process ends within that time."""
        if self._reaped:
            return True
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        if not poll.poll(seconds * 1000):
            return False
        _, _, usage = os.wait4(self.pid, 0)
        self._final_cpu = (usage.ru_utime + usage.ru_stime) * 1e3
        self._reaped = True
        os.close(self._descriptor)
        return True

    def interrupt(self) -> None:
        """What a client does that is configured to interrupt by signal."""
        os.kill(self.pid, signal.SIGINT)

    def kill(self) -> None:
        """End the process and its group, which our `start_new_session` made."""
        if not self.wait(0):
            os.killpg(self.pid, signal.SIGKILL)
            self.wait(10)


def _descendants(pid: int) -> list[int]:
    """The children, and theirs: a kernel may be started by a launcher."""
    found: list[int] = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            for child in Path(f"/proc/{pid}/task/{task}/children").read_text().split():
                found += [int(child), *_descendants(int(child))]
    except OSError:
        pass  # It ended while we looked.
    return found


def _fields(path: Path) -> dict[str, int]:
    """The numbers of a `Name:  123 kB` file."""
    numbers = {}
    for line in path.read_text().splitlines():
        name, _, value = line.partition(":")
        words = value.split()
        if words and words[0].isdigit():
            numbers[name] = int(words[0])
    return numbers
