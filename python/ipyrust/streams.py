"""`sys.stdout` and `sys.stderr` of the kernel: complete text streams.

What is written goes to the cell that the writing thread or task belongs to. The kernel library
joins it into few messages and keeps the order; a write costs an append here. The bytes beneath
(`buffer`) and the captured descriptor (`fileno`) lead to the same cell, in the order of the calls.
"""

from __future__ import annotations

import abc
import codecs
import io
import os
import threading
import weakref
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Literal, cast

from ipyrust import _core, context, threads

if TYPE_CHECKING:
    from typing_extensions import Buffer

Hook = Callable[[dict[str, Any]], "dict[str, Any] | None"]


class _StreamClass(abc.ABCMeta):
    """Lets who replaces `write` of the class replace that of its streams, too."""

    def __setattr__(cls, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name == "write":
            for stream in tuple(_streams):
                if isinstance(stream, cls):
                    stream._forget_fast_write()


_streams: weakref.WeakSet[OutStream] = weakref.WeakSet()


class OutStream(context.ThreadParents, io.TextIOBase, metaclass=_StreamClass):
    """A text stream whose reader is the clients of the kernel.

    `print` calls `write` twice for a line, so each stream has the kernel library's own function
    under that name: no Python is in between, unless a subclass or a library has put it there.
    """

    # What ipykernel's stream has and libraries look at.
    topic: bytes
    echo = None
    watch_fd_thread = None
    _thread_to_parent = threads.Origins()

    def __init__(
        self,
        iopub: _core.IoPub,
        name: Literal["stdout", "stderr"],
        descriptor: int,
        session: Any = None,
    ) -> None:
        super().__init__()
        self._name = name
        self._iopub = iopub
        self._writer = _core.StreamWriter(iopub, name, context._parent, context.parent_of_thread)
        self._descriptor = descriptor
        self._local = threading.local()
        self._buffer = _ByteStream(self)
        # What IPython's history keeps of a cell; see `history.OutputRecorder`.
        self.begin_record = self._writer.begin_record
        self.end_record = self._writer.end_record
        if type(self).write is _write:
            self.write = self._writer.fast_write  # type: ignore[method-assign]
        _streams.add(self)
        self.session = session
        self.topic = b"stream." + name.encode("ascii")

    @property
    def name(self) -> str:
        """`stdout` or `stderr`, as the messages say."""
        return self._name

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "UTF-8"

    @property
    def errors(self) -> str:  # type: ignore[override]
        # Any text can be written; lone surrogates leave as replacement characters.
        return "replace"

    @property
    def newlines(self) -> None:  # type: ignore[override]
        return None

    @property
    def mode(self) -> str:
        return "w"

    @property
    def line_buffering(self) -> bool:
        return True

    @property
    def write_through(self) -> bool:
        return False

    @property
    def buffer(self) -> io.BufferedIOBase:
        """The bytes beneath the text: UTF-8, where what is no text is replaced."""
        return self._buffer

    def write(self, text: str, /) -> int:
        """Append text for the cell this thread or task belongs to."""
        return self._writer.write(text)

    def writelines(self, lines: Iterable[str], /) -> None:  # type: ignore[override]
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Let what was written leave soon."""
        self._writer.flush()

    def fileno(self) -> int:
        """The captured descriptor: what a child process writes to it reaches the notebook."""
        return self._descriptor

    def isatty(self) -> bool:
        return False

    def readable(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def detach(self) -> Any:
        raise io.UnsupportedOperation("detach")

    def reconfigure(self, **options: Any) -> None:
        """Accepted as on any standard stream; the encoding on the wire is fixed."""

    def close(self) -> None:
        """Nothing: like descriptors 1 and 2, the streams of a kernel end with it."""

    # What ipykernel's streams offer beyond a text stream.

    @property
    def parent_header(self) -> dict[str, Any]:
        parent = context.current_parent()
        return parent.header if parent is not None else {}

    def set_parent(self, parent: dict[str, Any]) -> None:
        """Write for this message from here on, in this thread or task."""
        context.set_parent(_core.Parent.from_message(parent))

    def register_hook(self, hook: Hook) -> None:
        """Let `hook` see, change or (by returning `None`) take this thread's messages."""
        self._hooks().append(hook)
        self._writer.set_hook(self._run_hooks)

    def unregister_hook(self, hook: Hook) -> bool:
        try:
            self._hooks().remove(hook)
        except ValueError:
            return False
        return True

    def _hooks(self) -> list[Hook]:
        try:
            return cast("list[Hook]", self._local.hooks)
        except AttributeError:
            self._local.hooks = []
            return cast("list[Hook]", self._local.hooks)

    def _run_hooks(self, text: str) -> bool:
        """Whether hooks have dealt with the text."""
        hooks = self._hooks()
        if not hooks:
            return False
        parent = context.current_parent()
        message: dict[str, Any] | None = {
            "header": {"msg_type": "stream"},
            "msg_type": "stream",
            "parent_header": parent.header if parent is not None else {},
            "metadata": {},
            "content": {"name": self._name, "text": text},
        }
        for hook in tuple(hooks):
            message = hook(cast("dict[str, Any]", message))
            if message is None:
                return True
        content = cast("dict[str, Any]", message)["content"]
        self._writer.write_for(str(content["text"]), parent)
        return True

    def _forget_fast_write(self) -> None:
        if vars(self).get("write") == self._writer.fast_write:
            del self.write


_write = OutStream.write


class _ByteStream(io.BufferedIOBase):
    """`sys.stdout.buffer`: bytes in, text out, in order with the text that is written beside it."""

    def __init__(self, stream: OutStream) -> None:
        super().__init__()
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._lock = threading.Lock()
        self.raw = self
        self.mode = "wb"

    @property
    def name(self) -> str:
        return self._stream.name

    def write(self, data: Buffer, /) -> int:
        if isinstance(data, str):
            raise TypeError("a bytes-like object is required, not 'str'")
        data = bytes(data)
        with self._lock:
            text = self._decoder.decode(data)
        if text:
            self._stream.write(text)
        return len(data)

    def flush(self) -> None:
        self._stream.flush()

    def fileno(self) -> int:
        return self._stream.fileno()

    def isatty(self) -> bool:
        return False

    def readable(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def detach(self) -> Any:
        raise io.UnsupportedOperation("detach")

    def close(self) -> None:
        """Nothing, as for the text stream."""


def original_stream(descriptor: int) -> io.TextIOWrapper:
    """A text stream on the descriptor of the time before it was captured: the server's log."""
    return open(os.dup(descriptor), "w", encoding="utf-8", errors="backslashreplace", buffering=1)
