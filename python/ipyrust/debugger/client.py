"""A client of the Debug Adapter Protocol over TCP: requests with a time limit, events in order.

A `Client` owns one connection and two threads. The reader takes messages off the socket: a response
goes to whoever waits for it, an event to the second thread, which hands events out one by one. The
event handler may itself send requests, which is why it does not run on the reader.
"""

from __future__ import annotations

import contextlib
import json
import queue
import socket
import threading
from collections.abc import Callable
from typing import Any

Message = dict[str, Any]


class DebugError(Exception):
    """A debug request failed; the text is written for the person at the debugger."""


class Client:
    """One connection to a debug adapter."""

    def __init__(
        self,
        address: tuple[str, int],
        on_event: Callable[[Message], None],
        on_lost: Callable[[], None],
    ) -> None:
        """Connect; `on_lost` is called when the adapter, and not we, ends the connection."""
        self._on_event = on_event
        self._on_lost = on_lost
        self._lock = threading.Lock()
        self._seq = 0
        self._waiting: dict[int, queue.SimpleQueue[Message | None]] = {}
        self._events: queue.SimpleQueue[Message | Callable[[], None] | None] = queue.SimpleQueue()
        self._closed = False
        self.leaving = False  # Then the end of the connection is no surprise.
        self._socket = socket.create_connection(address, timeout=10)
        self._socket.settimeout(None)
        # A debug session is small messages in both directions.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for name, target in (("reader", self._read), ("events", self._hand_out)):
            start_hidden_thread(f"ipyrust-debug-{name}", target)

    def request(self, command: str, arguments: Any, timeout: float) -> Message:
        """Send a request and wait for its response."""
        return self.send(command, arguments).result(timeout)

    def send(self, command: str, arguments: Any) -> Pending:
        """Send a request; its response is asked of what is returned."""
        message: Message = {"type": "request", "command": command}
        if arguments is not None:
            message["arguments"] = arguments
        answer: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        with self._lock:
            if self._closed:
                raise DebugError(f"`{command}` failed: the debug adapter has closed the connection")
            # Ours, not the client's: its numbers would collide with those of our own requests.
            self._seq += 1
            message["seq"] = self._seq
            self._waiting[self._seq] = answer
            body = json.dumps(message).encode()
            try:
                self._socket.sendall(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
            except OSError as error:
                del self._waiting[self._seq]
                raise DebugError(f"`{command}` did not reach the debug adapter: {error}") from error
        return Pending(self, command, message["seq"], answer)

    def call_soon(self, function: Callable[[], None]) -> None:
        """Call a function on the thread of events; may be said in a signal handler."""
        self._events.put(function)

    def close(self) -> None:
        """End the connection and both threads; what still waits is told so."""
        with self._lock:
            self._closed = True
        with contextlib.suppress(OSError):  # The other side was quicker.
            self._socket.shutdown(socket.SHUT_RDWR)

    def forget(self, seq: int) -> None:
        """Nobody waits for this response any longer."""
        with self._lock:
            self._waiting.pop(seq, None)

    def _read(self) -> None:
        stream = self._socket.makefile("rb")
        try:
            while (message := _read_message(stream)) is not None:
                if message.get("type") == "response":
                    with self._lock:
                        answer = self._waiting.pop(message.get("request_seq", 0), None)
                    if answer is not None:
                        answer.put(message)
                elif message.get("type") == "event":
                    self._events.put(message)
                # A request of the adapter (`runInTerminal`) asks for what a kernel cannot do.
        except (OSError, ValueError):
            pass  # A broken connection ends as a closed one does.
        finally:
            with self._lock:
                lost, self._closed = not self._closed, True
                waiting, self._waiting = self._waiting, {}
            for answer in waiting.values():
                answer.put(None)
            self._events.put(None)
            stream.close()
            self._socket.close()
            if lost and not self.leaving:
                self._on_lost()

    def _hand_out(self) -> None:
        while (event := self._events.get()) is not None:
            if callable(event):
                event()
            else:
                self._on_event(event)


class Pending:
    """A request that was sent."""

    def __init__(
        self, client: Client, command: str, seq: int, answer: queue.SimpleQueue[Message | None]
    ) -> None:
        self._client = client
        self._command = command
        self._seq = seq
        self._answer = answer

    def result(self, timeout: float) -> Message:
        """The response; a `DebugError` when there is none in time."""
        try:
            message = self._answer.get(timeout=timeout)
        except queue.Empty:
            self._client.forget(self._seq)
            raise DebugError(
                f"`{self._command}` timed out: no answer from debugpy within {timeout:g} s"
            ) from None
        if message is None:
            raise DebugError(
                f"`{self._command}` failed: the debug adapter closed the connection before it"
                " answered"
            )
        return message


def start_hidden_thread(name: str, target: Callable[[], None]) -> None:
    """Start a daemon thread which the debugger neither traces, stops nor lists."""
    thread = threading.Thread(target=target, name=name, daemon=True)
    hide_from_debugger(thread)
    thread.start()


def hide_from_debugger(thread: threading.Thread) -> None:
    """Keep a thread out of the debugger's hands: what must answer while a cell is stopped."""
    # pydevd reads these from the thread object itself.
    thread.pydev_do_not_trace = True  # type: ignore[attr-defined]
    thread.is_pydev_daemon_thread = True  # type: ignore[attr-defined]


def _read_message(stream: Any) -> Message | None:
    """The next message, or None at the end of the stream."""
    length: int | None = None
    while line := stream.readline():
        if line == b"\r\n":
            if length is None:
                raise ValueError("a message of the debug adapter has no `Content-Length`")
            body = stream.read(length)
            if len(body) < length:
                return None
            message = json.loads(body)
            if not isinstance(message, dict):
                raise ValueError("a message of the debug adapter is not an object")
            return message
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            length = int(value)
    return None
