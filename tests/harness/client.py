"""A client on the wire: the five sockets, and waiting for messages.

Every message that arrives is kept, by channel and by parent, so that a test may ask for messages
in any order. Nothing here sleeps: a wait ends with the message, with the kernel's death, or after
the limit.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import zmq

from .waiting import LIMIT, TimedOutError
from .wire import Message, Session

SOCKET_TYPES = {"shell": zmq.DEALER, "control": zmq.DEALER, "stdin": zmq.DEALER, "iopub": zmq.SUB}


class Client:
    """One frontend with a session and sockets of its own."""

    def __init__(
        self,
        connection: Mapping[str, Any],
        *,
        alive: Callable[[], None] = lambda: None,
        iopub: bool = True,
        receive_limit: int | None = None,
        curve_server_key: str | None = None,
    ) -> None:
        """Connect, which needs no kernel yet.

        `iopub=False` subscribes to nothing; `receive_limit` is the high-water mark of IOPub;
        `curve_server_key` asks for encryption.
        """
        self.connection = connection
        self.session = Session(connection["key"].encode(), connection["signature_scheme"])
        self.check_alive = alive  # Raises when the kernel has ended.
        self.messages: dict[str, list[Message]] = {channel: [] for channel in SOCKET_TYPES}
        self._published: dict[str | None, list[Message]] = defaultdict(list)
        self._replies: dict[str | None, Message] = {}
        self.topics: list[bytes] = []
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context.instance()
        self.sockets: dict[str, zmq.Socket[bytes]] = {}
        self._curve_server_key = curve_server_key
        identity = self.session.id.encode()
        for channel, socket_type in SOCKET_TYPES.items():
            if channel == "iopub" and not iopub:
                continue
            socket = self.context.socket(socket_type)
            socket.linger = 0
            socket.setsockopt(zmq.RECONNECT_IVL, 10)  # Milliseconds; the kernel may bind later.
            if channel == "iopub":
                socket.setsockopt(zmq.RCVHWM, receive_limit or 0)
                socket.subscribe(b"")
            else:
                socket.setsockopt(zmq.IDENTITY, identity)  # Shell and stdin share it: routing.
            self._encrypt(socket)
            socket.connect(self.endpoint(channel))
            self.sockets[channel] = socket

    # Sending

    def send(
        self, channel: str, message_type: str, content: Mapping[str, Any] | None = None, **more: Any
    ) -> Message:
        """Send a message (`more`: parent, metadata, buffers, header); return what was sent."""
        message = self.session.message(channel, message_type, content, **more)
        self.sockets[channel].send_multipart(self.session.encode(message))
        return message

    def send_frames(self, channel: str, frames: Sequence[bytes]) -> None:
        self.sockets[channel].send_multipart(frames)

    def request(
        self,
        message_type: str,
        content: Mapping[str, Any] | None = None,
        *,
        channel: str = "shell",
        **more: Any,
    ) -> Message:
        """Send a request, wait for its reply and its idle; return the reply."""
        request = self.send(channel, message_type, content, **more)
        reply = self.reply_to(request)
        if "iopub" in self.sockets:
            self.wait_idle(request)
        return reply

    def execute(
        self,
        code: str,
        *,
        metadata: Mapping[str, Any] | None = None,
        header: Mapping[str, Any] | None = None,
        **flags: Any,
    ) -> Execution:
        """Send an execute_request and return at once."""
        content = {
            "code": code,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": True,
            **flags,
        }
        request = self.send("shell", "execute_request", content, metadata=metadata, header=header)
        return Execution(self, request)

    def run(self, code: str, *, expect: str = "ok", **flags: Any) -> Execution:
        """Execute a cell to its end; its reply's status must be the expected one."""
        execution = self.execute(code, **flags).wait()
        content = execution.reply.content
        assert content["status"] == expect, "\n".join(
            [f"{code!r}: {content['status']}", *content.get("traceback", ())]
        )
        return execution

    # Receiving

    def pump(self, timeout: float = 0.0, channels: Sequence[str] | None = None) -> bool:
        """Take what has arrived, waiting up to `timeout` seconds for the first message."""
        poller = zmq.Poller()
        for channel in channels or self.sockets:
            poller.register(self.sockets[channel], zmq.POLLIN)
        ready = dict(poller.poll(int(timeout * 1000)))
        for channel in channels or list(self.sockets):
            if self.sockets[channel] in ready:
                self._drain(channel)
        return bool(ready)

    def wait(
        self,
        condition: Callable[[], Any],
        what: str,
        limit: float = LIMIT,
        channels: Sequence[str] | None = None,
    ) -> Any:
        """Receive (on some channels only) until the condition holds."""
        deadline = time.monotonic() + limit
        while not (value := condition()):
            remaining = deadline - time.monotonic()
            step = max(0.0, min(0.5, remaining))
            if not self.pump(step, channels):
                try:
                    self.check_alive()
                except AssertionError:
                    # The last messages of a kernel that has ended since may still be on their way.
                    if not self.pump(step, channels):
                        raise
            if remaining < 0:
                raise TimedOutError(
                    f"waited {limit:.0f} s for {what}; received last:\n{self.tail()}"
                )
        return value

    def reply_to(self, request: Message, limit: float = LIMIT) -> Message:
        reply: Message = self.wait(
            lambda: self._replies.get(request.id), f"the reply to {request}", limit
        )
        return reply

    def has_reply(self, request: Message) -> bool:
        self.pump()
        return request.id in self._replies

    def wait_idle(self, request: Message, limit: float = LIMIT) -> list[Message]:
        """All that was published for a request, up to its idle."""

        def idle() -> bool:
            return any(is_status(message, "idle") for message in self.published(request))

        self.wait(idle, f"idle after {request}", limit)
        return self.published(request)

    def published(self, request: Message) -> list[Message]:
        """What has arrived on IOPub for a request so far."""
        return self._published[request.id]

    def wait_message(
        self, channel: str, accept: Callable[[Message], bool], what: str, limit: float = LIMIT
    ) -> Message:
        """The first message of a channel, past or to come, that is accepted."""
        seen = 0

        def find() -> Message | None:
            nonlocal seen
            while seen < len(self.messages[channel]):
                message = self.messages[channel][seen]
                seen += 1
                if accept(message):
                    return message
            return None

        message: Message = self.wait(find, what, limit)
        return message

    def wait_ready(self) -> None:
        """Until the kernel answers, and what it publishes arrives here."""
        if "iopub" not in self.sockets:
            self.request("kernel_info_request")
            return
        deadline = time.monotonic() + LIMIT
        while True:
            request = self.send("shell", "kernel_info_request")
            self.reply_to(request)
            try:
                # Published before the subscription arrived: ask again.
                self.wait_idle(request, limit=0.1)
                return
            except TimedOutError:
                if time.monotonic() > deadline:
                    raise

    def heartbeat(self, payload: bytes = b"ping", limit: float = LIMIT) -> bytes:
        with self.context.socket(zmq.REQ) as socket:
            socket.linger = 0
            self._encrypt(socket)
            socket.connect(self.endpoint("hb"))
            socket.send(payload)
            if not socket.poll(int(limit * 1000)):
                raise TimedOutError("no heartbeat")
            return bytes(socket.recv())

    def _encrypt(self, socket: zmq.Socket[bytes]) -> None:
        if self._curve_server_key is not None:
            socket.curve_publickey, socket.curve_secretkey = zmq.curve_keypair()
            socket.curve_serverkey = self._curve_server_key.encode()

    def endpoint(self, channel: str) -> str:
        port = self.connection[f"{channel}_port"]
        separator = ":" if self.connection["transport"] == "tcp" else "-"
        return f"{self.connection['transport']}://{self.connection['ip']}{separator}{port}"

    def tail(self, count: int = 12) -> str:
        """The last messages of each channel, for the report of a failure."""
        lines = [str(m) for channel in self.messages for m in self.messages[channel][-count:]]
        return "\n".join(lines) or "(nothing)"

    def close(self) -> None:
        for socket in self.sockets.values():
            socket.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _drain(self, channel: str) -> None:
        while True:
            try:
                frames = self.sockets[channel].recv_multipart(zmq.DONTWAIT)
            except zmq.Again:
                return
            message = self.session.decode(channel, frames)
            self.messages[channel].append(message)
            if channel == "iopub":
                self.topics.append(b"".join(message.identities))
                self._published[message.parent_id].append(message)
            elif channel != "stdin":
                previous = self._replies.get(message.parent_id)
                assert previous is None, f"two replies to one request: {previous}; {message}"
                self._replies[message.parent_id] = message


class Execution:
    """One execute_request and what came of it."""

    def __init__(self, client: Client, request: Message) -> None:
        self.client = client
        self.request = request

    def wait(self, limit: float = LIMIT) -> Execution:
        """Until the reply and the idle are here."""
        self.client.reply_to(self.request, limit)
        self.client.wait_idle(self.request, limit)
        return self

    @property
    def reply(self) -> Message:
        return self.client.reply_to(self.request)

    @property
    def status(self) -> str:
        return str(self.reply.content["status"])

    @property
    def published(self) -> list[Message]:
        return self.client.published(self.request)

    @property
    def types(self) -> list[str]:
        """The types of what was published, without the frame that every cell has."""
        frame = ("status", "execute_input")
        return [message.type for message in self.published if message.type not in frame]

    def of_type(self, message_type: str) -> list[Message]:
        return [message for message in self.published if message.type == message_type]

    def one(self, message_type: str) -> Message:
        messages = self.of_type(message_type)
        assert len(messages) == 1, f"{len(messages)} {message_type}: {list(map(str, messages))}"
        return messages[0]

    def text(self, name: str = "stdout") -> str:
        """All that a stream was given."""
        streams = self.of_type("stream")
        return "".join(m.content["text"] for m in streams if m.content["name"] == name)

    @property
    def result(self) -> str | None:
        """The text of the last expression's value."""
        results = self.of_type("execute_result")
        return results[0].content["data"]["text/plain"] if results else None

    def wait_for(self, message_type: str) -> Message:
        """The first published message of a type, as soon as it is here."""
        self.client.wait(lambda: self.of_type(message_type), f"{message_type} of {self.request}")
        return self.of_type(message_type)[0]

    def wait_for_text(self, text: str, name: str = "stdout") -> Execution:
        self.client.wait(lambda: text in self.text(name), f"{text!r} on {name}")
        return self

    def wait_for_input(self, number: int = 1) -> Message:
        """The cell's `number`th input_request."""

        def found() -> Message | None:
            asked = [m for m in self.client.messages["stdin"] if m.parent_id == self.request.id]
            return asked[number - 1] if len(asked) >= number else None

        message: Message = self.client.wait(found, f"input_request {number}")
        return message

    def answer(self, value: str, number: int = 1) -> Message:
        """Answer the cell's `number`th question; return the question."""
        question = self.wait_for_input(number)
        self.client.send("stdin", "input_reply", {"value": value}, parent=question)
        return question


def is_status(message: Message, state: str) -> bool:
    return message.type == "status" and message.content.get("execution_state") == state
