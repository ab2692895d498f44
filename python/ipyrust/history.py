"""History: the answers to `history_request`, how inputs reach the disk, and what `%notebook` keeps.

IPython's history thread commits every input by itself, which costs more than running a small cell.
`group_commits` lets it gather what comes within a moment; the end of the kernel writes the rest.
"""

from __future__ import annotations

import sys
import threading
import weakref
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ipyrust.shell import ZMQInteractiveShell

# A cell that prints in a loop for days must not fill the memory for the sake of `%notebook`.
RECORDED_WRITES = 10_000
# Seconds that an input may wait for others before it is committed; what a crash can cost.
GATHER = 0.25


def history_reply(shell: ZMQInteractiveShell, content: dict[str, Any]) -> dict[str, Any]:
    """The content of `history_reply`."""
    manager = shell.history_manager
    raw = bool(content.get("raw", True))
    output = bool(content.get("output", False))
    kind = content.get("hist_access_type", "tail")
    if manager is None:
        entries: Any = []
    elif kind == "tail":
        entries = manager.get_tail(
            int(content.get("n") or 0), raw=raw, output=output, include_latest=True
        )
    elif kind == "range":
        entries = manager.get_range(
            int(content.get("session") or 0),
            int(content.get("start") or 0),
            content.get("stop"),
            raw=raw,
            output=output,
        )
    elif kind == "search":
        entries = manager.search(
            content.get("pattern") or "*",
            raw=raw,
            output=output,
            n=content.get("n"),
            unique=bool(content.get("unique", False)),
        )
    else:
        raise ValueError(
            f"history_request: `hist_access_type` is tail, range or search, not {kind!r}"
        )
    return {"status": "ok", "history": list(entries)}


def group_commits(manager: Any) -> None:
    """Let the manager's thread commit inputs in groups.

    After a fork IPython makes a new thread, which commits singly again: slower, not wrong.
    """
    thread = getattr(manager, "save_thread", None)
    if thread is None:
        return
    flag = _GatheringFlag(thread)
    # The flag is the thread's own since IPython 9, the manager's before.
    owner = thread if "save_flag" in vars(thread) else manager
    before = owner.save_flag
    owner.save_flag = flag
    before.set()  # The thread waits for this one; it writes nothing and waits for ours then.


class _GatheringFlag(threading.Event):
    """An event whose waiter sleeps on for a moment, so that more comes together."""

    def __init__(self, thread: Any) -> None:
        super().__init__()
        self._thread = weakref.ref(thread)
        self._hurry = threading.Event()

    def set(self) -> None:
        # A thread that is to end is told so first, then woken.
        thread = self._thread()
        if getattr(thread, "_stop_now", False) or getattr(thread, "stop_now", False):
            self._hurry.set()
        super().set()

    def wait(self, timeout: float | None = None) -> bool:
        found = super().wait(timeout)
        if found:
            self._hurry.wait(GATHER)
        return found


class OutputRecorder:
    """Keeps the text of the running cell where IPython looks for it (IPython 9 and later).

    IPython does it by replacing the streams' `write` for every cell, which costs more than the
    write itself. The streams call `append` of a bounded queue instead: long pieces (data more than
    text) and all but the last ten thousand writes of a cell are not kept.
    """

    def __init__(self, shell: ZMQInteractiveShell) -> None:
        self._shell = shell
        self._open: set[str] = set()
        self._count = 0

    @contextmanager
    def recording(self, channel: str) -> Iterator[None]:
        """Keep what is written to this stream until the block ends."""
        stream = getattr(sys, channel)
        record = getattr(stream, "record", None)
        if record is None or channel in self._open:
            # A stream of somebody else's, or a cell that runs within a cell.
            yield
            return
        self._open.add(channel)
        self._count = self._shell.execution_count
        self._begin_piece(channel, stream)
        try:
            yield
        finally:
            record(None)
            self._open.discard(channel)
            self._finish()

    def split(self) -> None:
        """Something else was displayed: text from here on stands after it."""
        for channel in self._open:
            stream = getattr(sys, channel)
            if hasattr(stream, "record"):
                self._begin_piece(channel, stream)

    def _begin_piece(self, channel: str, stream: Any) -> None:
        from IPython.core.history import HistoryOutput

        outputs = self._outputs(channel)
        if outputs is None:
            return
        text: deque[str] = deque(maxlen=RECORDED_WRITES)
        kind = "out_stream" if channel == "stdout" else "err_stream"
        outputs.append(HistoryOutput(output_type=kind, bundle={"stream": text}))
        stream.record(text.append)

    def _outputs(self, channel: str) -> list[Any] | None:
        manager = self._shell.history_manager
        outputs = getattr(manager, "outputs", None)
        return None if outputs is None else outputs[self._count]

    def _finish(self) -> None:
        # Once both streams have ended, most pieces of most cells are empty.
        if self._open:
            return
        outputs = getattr(self._shell.history_manager, "outputs", None)
        if not outputs:
            return
        count = self._count
        kept = []
        for output in outputs[count]:
            if output.output_type in ("out_stream", "err_stream"):
                if not output.bundle["stream"]:
                    continue
                # `%notebook` takes nothing else than a list for pieces of text.
                output.bundle["stream"] = list(output.bundle["stream"])
            kept.append(output)
        if kept:
            outputs[count] = kept
        else:
            del outputs[count]
