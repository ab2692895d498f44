"""The client: raw sockets, one signature per message, nothing decoded while a clock runs.

A client that parses every message as it arrives would be measured together with the kernel.
This one keeps frames and the time they came, looks closer only at what may be the `idle` that ends
an exchange, and decodes afterwards.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import zmq

DELIMITER = b"<IDS|MSG>"
PORTS = {"shell": 1, "iopub": 2, "stdin": 3, "control": 4, "hb": 5}
HEADER, PARENT, METADATA, CONTENT, BUFFERS = 2, 3, 4, 5, 6  # Offsets from the delimiter.


class MissingError(Exception):
    """The kernel did not send within the time what the protocol promises."""


@dataclass
class Arrival:
    """A message as it came: its frames, and when (`time.monotonic`)."""

    at: float
    frames: list[bytes]

    def part(self, offset: int) -> Any:
        return json.loads(self.frames[self.frames.index(DELIMITER) + offset])

    @property
    def type(self) -> str:
        return str(self.part(HEADER)["msg_type"])

    @property
    def parent(self) -> str | None:
        try:
            header = self.part(PARENT)
        except ValueError:
            return None  # xeus-python sends an empty frame for what no request caused.
        return str(header["msg_id"]) if header and "msg_id" in header else None

    @property
    def content(self) -> Any:
        return self.part(CONTENT)

    @property
    def buffers(self) -> list[bytes]:
        return self.frames[self.frames.index(DELIMITER) + BUFFERS :]


@dataclass
class Exchange:
    """A request and everything that came back until it was over."""

    message_id: str
    sent: float
    reply: Arrival | None = None
    idle: float | None = None
    published: list[Arrival] = field(default_factory=list)

    def require_ok(self) -> Exchange:
        if self.reply is None:
            raise MissingError("no reply")
        content = self.reply.content
        if content.get("status") in ("error", "aborted"):  # is_complete has its own words.
            raise MissingError(f"status {content['status']}: {content.get('ename', '')}")
        return self

    @property
    def complete(self) -> bool:
        return self.reply is not None and self.idle is not None

    def take(self, channel: str, arrival: Arrival) -> bool:
        """Keep a message that belongs to this exchange; for when several things go on at once."""
        if arrival.parent != self.message_id:
            return False
        if channel != "iopub":
            self.reply = arrival
            return True
        self.published.append(arrival)
        if arrival.type == "status" and arrival.content["execution_state"] == "idle":
            self.idle = arrival.at
        return True

    @property
    def finished(self) -> float:
        """When the later of reply and idle had arrived."""
        if self.reply is None or self.idle is None:
            raise MissingError("no reply" if self.reply is None else "no idle")
        return max(self.reply.at, self.idle)

    @property
    def milliseconds(self) -> float:
        return (self.finished - self.sent) * 1e3

    def of_type(self, wanted: str) -> Iterator[Arrival]:
        return (message for message in self.published if message.type == wanted)

    def text(self, name: str = "stdout") -> str:
        """All text of one stream."""
        contents = (message.content for message in self.of_type("stream"))
        return "".join(content["text"] for content in contents if content["name"] == name)


class Client:
    """One frontend of one kernel."""

    def __init__(
        self, connection: dict[str, Any], *, iopub_limit: int = 0, patience: float = 60.0
    ) -> None:
        """`iopub_limit` is SUB's high water mark: 0 keeps all, Jupyter's clients have 1,000.

        `patience` is how many seconds a request may take if nothing else is said.
        """
        self._patience = patience
        self._connection = connection
        self._hmac = hmac.new(connection["key"].encode(), digestmod=hashlib.sha256)
        self._session = uuid.uuid4().hex
        self._count = 0
        self._context = zmq.Context()
        self.shell = self._connect(zmq.DEALER, "shell")
        self.control = self._connect(zmq.DEALER, "control")
        self.stdin = self._connect(zmq.DEALER, "stdin")
        self.iopub = self._connect(zmq.SUB, "iopub", iopub_limit)
        self._channels = {"shell": self.shell, "control": self.control, "stdin": self.stdin}
        self._poller = zmq.Poller()
        for socket in (self.shell, self.control, self.stdin, self.iopub):
            self._poller.register(socket, zmq.POLLIN)

    def _connect(self, kind: int, name: str, limit: int = 0) -> zmq.Socket[bytes]:
        socket = self._context.socket(kind)
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.RCVHWM, limit)
        socket.setsockopt(zmq.SNDHWM, 0)
        # The kernel binds some time after we connect: with the usual 100 ms between attempts we
        # would measure the attempts.
        socket.setsockopt(zmq.RECONNECT_IVL, 1)
        if kind == zmq.DEALER:
            # One identity for all three, as jupyter_client: input_request goes to the identity
            # that sent the execute_request.
            socket.setsockopt(zmq.IDENTITY, self._session.encode())
        else:
            socket.setsockopt(zmq.SUBSCRIBE, b"")
        separator = ":" if self._connection["transport"] == "tcp" else "-"
        port = self._connection[f"{name}_port"]
        socket.connect(
            f"{self._connection['transport']}://{self._connection['ip']}{separator}{port}"
        )
        return socket

    def close(self) -> None:
        self._context.destroy(linger=0)

    def encode(
        self, kind: str, content: dict[str, Any], buffers: Sequence[bytes] = ()
    ) -> tuple[str, list[bytes]]:
        """A signed message, made before the clock of `send` starts."""
        self._count += 1
        message_id = f"{self._session}_{self._count}"
        header = {
            "msg_id": message_id,
            "session": self._session,
            "username": "bench",
            "date": "2026-01-01T00:00:00.000000Z",
            "msg_type": kind,
            "version": "5.3",
        }
        parts = [json.dumps(header).encode(), b"{}", b"{}", json.dumps(content).encode()]
        signature = self._hmac.copy()
        for part in parts:
            signature.update(part)
        return message_id, [DELIMITER, signature.hexdigest().encode(), *parts, *buffers]

    def send(
        self, channel: str, kind: str, content: dict[str, Any], buffers: Sequence[bytes] = ()
    ) -> Exchange:
        message_id, frames = self.encode(kind, content, buffers)
        sent = time.monotonic()
        self._channels[channel].send_multipart(frames)
        return Exchange(message_id, sent)

    def receive(self, seconds: float) -> list[tuple[str, Arrival]]:
        """What has come, waiting at most so long for the first; each with its channel."""
        ready = dict(self._poller.poll(int(max(0.0, seconds) * 1000)))
        came: list[tuple[str, Arrival]] = []
        # IOPub first: what a kernel publishes before a reply is then also taken before it.
        for name, socket in (
            ("iopub", self.iopub),
            ("shell", self.shell),
            ("control", self.control),
            ("stdin", self.stdin),
        ):
            if socket not in ready:
                continue
            try:
                while True:
                    frames = socket.recv_multipart(zmq.NOBLOCK)
                    came.append((name, Arrival(time.monotonic(), frames)))
            except zmq.Again:
                continue
        return came

    def collect(self, exchanges: Sequence[Exchange], seconds: float) -> None:
        """Receive until each exchange has its reply and its idle.

        Published messages are kept by the first exchange when there is only one, and otherwise
        only looked at for `idle`.
        """
        open_ = {exchange.message_id: exchange for exchange in exchanges if not exchange.complete}
        only = exchanges[0] if len(exchanges) == 1 else None
        limit = time.monotonic() + seconds
        while open_:
            left = limit - time.monotonic()
            if left <= 0:
                raise MissingError(_what_is_missing(open_.values(), seconds))
            for channel, arrival in self.receive(left):
                if channel == "iopub":
                    if only is not None:
                        only.published.append(arrival)
                    done = _idle_of(arrival, open_)
                    if done is not None:
                        done.idle = arrival.at
                elif channel in ("shell", "control"):
                    done = open_.get(arrival.parent or "")
                    if done is not None:
                        done.reply = arrival
                else:
                    continue
                if done is not None and done.complete:
                    del open_[done.message_id]

    def request(
        self,
        channel: str,
        kind: str,
        content: dict[str, Any] | None = None,
        *,
        seconds: float | None = None,
    ) -> Exchange:
        exchange = self.send(channel, kind, content or {})
        self.collect([exchange], seconds or self._patience)
        return exchange

    def ready(self) -> None:
        """Wait until the kernel answers and what it publishes reaches us.

        As jupyter_client's `wait_for_ready`: a subscription takes effect some time after the
        connection, and what was published before is lost with some kernels.
        """
        exchange = None
        limit = time.monotonic() + self._patience
        while time.monotonic() < limit:
            exchange = self.send("shell", "kernel_info_request", {})
            try:
                self.collect([exchange], 1.0)
            except MissingError:
                continue
            self.drain()
            return
        replied = exchange is not None and exchange.reply is not None
        raise MissingError("nothing is published" if replied else "no kernel_info_reply")

    def execute(self, code: str, *, seconds: float | None = None, check: bool = True) -> Exchange:
        exchange = self.request("shell", "execute_request", cell(code), seconds=seconds)
        return exchange.require_ok() if check else exchange

    def await_start(self, exchange: Exchange, kind: str, seconds: float = 30.0) -> Arrival:
        """Wait until a message of that type has come for the exchange, and keep the rest."""
        limit = time.monotonic() + seconds
        while (left := limit - time.monotonic()) > 0:
            found = None
            for channel, arrival in self.receive(left):
                if exchange.take(channel, arrival) and arrival.type == kind:
                    found = found or arrival
            if found is not None:
                return found
        raise MissingError(f"no {kind} in {seconds:.0f} s")

    def drain(self, quiet: float = 0.05) -> None:
        """Throw away what is left of earlier work, until nothing comes for a moment."""
        while self.receive(quiet):
            pass


def cell(code: str, *, store_history: bool = True, allow_stdin: bool = False) -> dict[str, Any]:
    """The content of an execute_request, as notebooks send it."""
    return {
        "code": code,
        "silent": False,
        "store_history": store_history,
        "user_expressions": {},
        "allow_stdin": allow_stdin,
        "stop_on_error": True,
    }


def _idle_of(arrival: Arrival, open_: dict[str, Exchange]) -> Exchange | None:
    """The exchange that this message ends, if it is a `status: idle` at all."""
    frames = arrival.frames
    try:
        start = frames.index(DELIMITER)
        content = frames[start + CONTENT]
    except (ValueError, IndexError):
        return None
    # Cheap first: a flood of 200,000 messages must not be parsed while the clock runs.
    if len(content) > 100 or b"idle" not in content or arrival.type != "status":
        return None
    if arrival.content.get("execution_state") != "idle":
        return None
    return open_.get(arrival.parent or "")


def _what_is_missing(open_: Any, seconds: float) -> str:
    open_ = list(open_)
    replies = sum(exchange.reply is None for exchange in open_)
    idles = sum(exchange.idle is None for exchange in open_)
    return f"after {seconds:.0f} s: {replies} replies and {idles} idles missing"
