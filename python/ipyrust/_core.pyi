"""The kernel library as Python sees it.

Python pulls: nothing here ever calls back into Python, and no thread behind it takes the
interpreter. Every call that waits does so without the interpreter and with no lock held; on the
main thread it runs Python's signal handlers while it waits, so that Control-C ends the wait.

After a fork the child has no kernel: what it writes goes to the descriptors the kernel was
started with, its requests do nothing, and its publishing is dropped.
"""

import builtins
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import ContextVar
from types import CodeType, TracebackType
from typing import Any, Literal, final

from typing_extensions import Buffer, Self

__all__ = [
    "ConnectionFileError",
    "IoPub",
    "Kernel",
    "KernelStartError",
    "Parent",
    "Request",
    "RequestQueue",
    "Stdin",
    "StreamWriter",
    "__version__",
    "base64_text",
    "cached_code",
    "end_children",
    "flush_c_stdio",
    "forked",
    "has_plain_attributes",
    "interrupt_children",
    "interrupt_main",
    "json_decode",
    "json_encode",
    "needs_directory",
    "read_arguments",
]

__version__: str

class ConnectionFileError(ValueError):
    """The connection file cannot be read, written or understood; the text is one sentence."""

class KernelStartError(RuntimeError):
    """The kernel cannot start: a port is taken, say; the text is one sentence."""

if sys.platform == "linux":
    __all__ += ["Idle"]

    @final
    class Idle:
        """The shell socket, to be read by a thread that waits anyway.

        To have the I/O thread read a request first would wake two threads for it.
        """

        def join(self, epoll: int) -> None:
            """Have an epoll tell of requests, too, and before the I/O thread is told.

            `OSError` where the system cannot (Linux before 4.5). One thread may wait by that epoll.
            """

        def leave(self, epoll: int) -> None:
            """Have the I/O thread alone told."""

        def wait(self, epoll: int, timeout: float | None) -> list[tuple[int, int]]:
            """Wait until the epoll tells of something; requests are read and routed meanwhile.

            Gives descriptors and their events, none after `timeout` seconds. Python's signal
            handlers run as in `select`.
            """

@final
class Kernel:
    """A running kernel: its sockets are bound and `kernel_info` is answered."""

    @staticmethod
    def start(
        settings: Sequence[tuple[str, str, Any]],
        *,
        search_path: Sequence[str],
        directory: str | None = None,
    ) -> Kernel:
        """Bind the sockets the connection file names and start to answer.

        `settings` are those of a command line or of `embed_kernel`: class, trait and value. A
        connection file that does not exist is written, with free ports and a new key, to
        `directory` if it was named by its name only; so are ports that are 0 in one that does
        exist. A registration file (JEP 66) is answered with a handshake. `search_path` is where
        IPython is looked for. If Jupyter's launcher says so, the kernel ends when the process that
        started it does.
        """

    @staticmethod
    def started() -> Kernel | None:
        """The kernel that `ipyrust` started in this process before Python was up, if it did."""

    def capture(self) -> None:
        """Take over the descriptors 1 and 2: what is written there is published from now on."""

    if sys.platform == "linux":
        @property
        def idle(self) -> Idle:
            """The shell socket, to be read by a thread that waits anyway."""

    def update_info(self, **fields: object) -> None:
        """Replace fields of `kernel_info_reply`: `banner`, `help_links`, `debugger`, ..."""

    def kernel_info(self) -> dict[str, Any]:
        """The content of `kernel_info_reply`."""

    def create_subshell(self) -> tuple[str, RequestQueue]:
        """A new subshell: its id, and the queue that gets the requests which name it."""

    def delete_subshell(self, subshell_id: str) -> bool:
        """End a subshell's queue; whether there was one."""

    def subshells(self) -> list[str]:
        """The ids of the subshells there are."""

    def watch_sigterm(self) -> None:
        """Let no C code keep the process from ending by `SIGTERM`.

        To be called when Python's handler is installed, which is called as before; but if the
        process is still there when the time of a shutdown is over, it is ended.
        """

    def close(self, grace: float) -> None:
        """End the queues, send what is left within `grace` seconds, and end the sockets."""

    @property
    def connection(self) -> dict[str, Any]:
        """The connection file's fields, with the ports in use, without the key."""

    @property
    def connection_file(self) -> str:
        """The path the kernel was started with."""

    @property
    def is_temporary(self) -> bool:
        """Whether the connection file was not there before, and is to go with the kernel."""

    @property
    def key(self) -> bytes:
        """What messages are signed with."""

    @property
    def session(self) -> str:
        """The id of the session, in the header of every message."""

    @property
    def username(self) -> str:
        """The name of the user, in the header of every message."""

    @property
    def ident(self) -> str:
        """The id of the kernel, in the topic of every published message."""

    @property
    def shell(self) -> RequestQueue:
        """What arrives on shell for the main shell and needs Python."""

    @property
    def control(self) -> RequestQueue:
        """What arrives on control and needs Python."""

    @property
    def iopub(self) -> IoPub:
        """What is published."""

    @property
    def stdin(self) -> Stdin:
        """Questions to the person at the client."""

    @property
    def original_stdout(self) -> int:
        """A descriptor of what descriptor 1 was before it was captured."""

    @property
    def original_stderr(self) -> int:
        """A descriptor of what descriptor 2 was before it was captured."""

@final
class RequestQueue:
    """Requests that wait for Python, in the order they came."""

    def fileno(self) -> int:
        """A descriptor that is readable while a request waits, and once the queue is closed."""

    def try_next(self) -> Request | None:
        """The next request, if there is one; its `busy` is published."""

    def try_next_overdue(self, seconds: float) -> Request | None:
        """A completion, inspection or completeness request that has waited this long already.

        For the control thread, which may answer it while a cell keeps the main thread busy.
        """

    @property
    def closed(self) -> bool:
        """Whether no request will come any more."""

    def __len__(self) -> int: ...
    def __bool__(self) -> Literal[True]:
        """A queue is true also when nothing waits in it."""

@final
class Request:
    """A request to be answered exactly once.

    As a context manager: an exception that leaves the block becomes an error reply (and does not
    leave it further, unless it ends the program), and `idle` is published at the end. If the
    reply was given already, the exception goes to `sys.unraisablehook`.
    """

    @property
    def type(self) -> str:
        """Such as `execute_request`."""

    @property
    def content(self) -> dict[str, Any]:
        """The content, of the shape the specification gives it, with all defaults filled in."""

    @property
    def metadata(self) -> dict[str, Any]: ...
    @property
    def header(self) -> dict[str, Any]: ...
    @property
    def parent_header(self) -> dict[str, Any]: ...
    @property
    def buffers(self) -> list[memoryview]:
        """What came with the message, on the memory it arrived in; read-only."""

    @property
    def identities(self) -> list[bytes]: ...
    @property
    def channel(self) -> Literal["shell", "control"]: ...
    @property
    def subshell_id(self) -> str | None: ...
    @property
    def parent(self) -> Parent:
        """Who asks: what everything published on its behalf is published for."""

    @property
    def replied(self) -> bool: ...
    def reply(
        self,
        content: Mapping[str, Any],
        *,
        metadata: Mapping[str, Any] | None = None,
        buffers: Iterable[Buffer] | None = None,
        abort_others: bool = False,
    ) -> None:
        """Send the reply, after everything published before.

        With `abort_others`, every `execute_request` that has arrived by then is answered
        `aborted`. A second reply, and one to a message that has none (`comm_msg`), is a
        `RuntimeError`.
        """

    def close(self) -> None:
        """Publish `idle`; an unanswered request is answered with an error."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: builtins.type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> bool: ...

@final
class Parent:
    """The message on whose behalf something is published."""

    @staticmethod
    def from_message(message: Mapping[str, Any]) -> Parent:
        """The parent a message as `jupyter_client` has them would be; only `header` matters."""

    @property
    def message(self) -> dict[str, Any]:
        """`header`, `msg_id`, `msg_type`, `parent_header`, `metadata`, `content`, `buffers`."""

    @property
    def header(self) -> dict[str, Any]: ...
    @property
    def msg_id(self) -> str: ...

@final
class IoPub:
    """What is published to all clients; the order of the calls is the order on the wire."""

    def publish(
        self,
        msg_type: str,
        content: Mapping[str, Any],
        parent: Parent | None = None,
        *,
        metadata: Mapping[str, Any] | None = None,
        buffers: Iterable[Buffer] | None = None,
        topic: bytes | None = None,
    ) -> None:
        """Publish a message.

        Waits while the clients are megabytes behind, unless it tells how a cell began or ended.
        """

    def flush(self) -> None:
        """Let stream text that is being gathered leave soon."""

@final
class StreamWriter:
    """The text of one stream on its way to the clients."""

    def __new__(
        cls,
        iopub: IoPub,
        name: Literal["stdout", "stderr"],
        parent: ContextVar[Parent | None],
        other_parent: Callable[[], Parent | None],
    ) -> Self:
        """`other_parent` is asked for whom is written where the variable holds nothing."""

    def write(self, text: str, /) -> int:
        """Append text, and say how many characters; adjacent texts of one parent leave together."""

    @property
    def fast_write(self) -> Callable[[str], int]:
        """`write` as a function, for who calls it twice a line: `sys.stdout.write` itself."""

    def write_for(self, text: str, parent: Parent | None = None, /) -> None:
        """Append text for this parent, past the hook and the record."""

    def set_hook(self, hook: Callable[[str], bool] | None, /) -> None:
        """Ask about every text from here on: what it returns true for, it has dealt with."""

    def begin_record(self) -> None:
        """Keep what is written from here on, for `end_record`."""

    def end_record(self) -> str:
        """The text since `begin_record`, or the end of it if it was long."""

    def flush(self) -> None:
        """Let what was written leave soon."""

    @property
    def name(self) -> Literal["stdout", "stderr"]: ...

@final
class Stdin:
    """Questions to the person at the client."""

    def ask(self, prompt: str, password: bool, parent: Parent) -> str:
        """Wait for the answer: `EOFError` when the kernel closes, and what a signal raises."""

def interrupt_main() -> None:
    """Send `SIGINT` to the main thread: what Control-C does at a terminal."""

def flush_c_stdio() -> None:
    """Write out what C code has printed to its buffered `stdout`."""

def forked() -> bool:
    """Whether this process is a fork of the one that started the kernel."""

def interrupt_children() -> int:
    """Send `SIGINT` to the processes cells have started in our process group; how many."""

def end_children(grace: float) -> int:
    """End all processes that descend from this one, and say how many were there.

    They are asked (`SIGTERM`), then, after `grace` seconds, made to (`SIGKILL`).
    """

def exit_after(seconds: float, status: int) -> None:
    """End the process and its children in so many seconds, unless it has ended by then.

    The thread that waits for it needs no GIL: what hangs may hold it.
    """

def read_arguments(
    argv: Sequence[str],
) -> tuple[list[tuple[str, str, Any]], list[str], list[str], bool, bool]:
    """Read a command line without the program's name.

    Settings (class, trait and value, in the order given), what launchers pass on, what is
    not known, and whether help or the version was asked for.
    """

def needs_directory(settings: Sequence[tuple[str, str, Any]]) -> bool:
    """Whether the connection file of these settings is to be in Jupyter's directory for such files.

    It is if it was named by its name only, or not at all.
    """

def cached_code(source: str, cached: str, magic: bytes, /) -> CodeType | None:
    """The code of a module, if the cache holds what its source says today.

    `None` leaves the module to Python's own loader: there is no cache, or one of another Python,
    of another source, or one that is checked by a hash.
    """

def has_plain_attributes(value: object, /) -> bool:
    """Whether looking for an attribute of the object or its class asks no code of theirs.

    No `__getattr__`, no proxy, nothing that pretends to be of another class. (A property is code,
    where the attribute is one.)
    """

def base64_text(data: bytes, /) -> str:
    """`binascii.b2a_base64(data, newline=False).decode("ascii")`, without the bytes in between."""

def json_encode(value: object, /) -> bytes:
    """The JSON text of an object, as it would stand in a message."""

def json_decode(text: str | bytes, /) -> Any:
    """The object a JSON text stands for."""
