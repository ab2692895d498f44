"""Frames of the Jupyter protocol: what a message is, how it is signed, and how it is read.

identities... | <IDS|MSG> | signature | header | parent_header | metadata | content | buffers...
"""

from __future__ import annotations

import hashlib
import hmac
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

DELIMITER = b"<IDS|MSG>"


@dataclass(frozen=True)
class Message:
    """One message as it was on the wire."""

    channel: str
    header: dict[str, Any]
    parent_header: dict[str, Any]
    metadata: dict[str, Any]
    content: dict[str, Any]
    buffers: list[bytes] = field(default_factory=list)
    identities: list[bytes] = field(default_factory=list)

    @property
    def type(self) -> str:
        return str(self.header["msg_type"])

    @property
    def id(self) -> str:
        return str(self.header["msg_id"])

    @property
    def parent_id(self) -> str | None:
        return self.parent_header.get("msg_id")

    def __str__(self) -> str:
        content = json.dumps(self.content)
        return f"{self.channel:7} {self.type:20} {content[:300]}"


class Session:
    """Signs what a client sends, and checks the signature of all that it receives."""

    def __init__(self, key: bytes, signature_scheme: str = "hmac-sha256") -> None:
        self.key = key
        self.digest = signature_scheme.removeprefix("hmac-")
        self.id = uuid.uuid4().hex

    def header(self, message_type: str) -> dict[str, Any]:
        return {
            "msg_id": uuid.uuid4().hex,
            "msg_type": message_type,
            "username": "tester",
            "session": self.id,
            "date": datetime.now(timezone.utc).isoformat(),
            "version": "5.5",
        }

    def message(
        self,
        channel: str,
        message_type: str,
        content: Mapping[str, Any] | None = None,
        *,
        parent: Message | None = None,
        metadata: Mapping[str, Any] | None = None,
        buffers: Sequence[bytes] = (),
        header: Mapping[str, Any] | None = None,
    ) -> Message:
        return Message(
            channel=channel,
            header={**self.header(message_type), **(header or {})},
            parent_header=parent.header if parent else {},
            metadata=dict(metadata or {}),
            content=dict(content or {}),
            buffers=list(buffers),
        )

    def sign(self, parts: Sequence[bytes]) -> bytes:
        if not self.key:
            return b""
        signer = hmac.new(self.key, digestmod=getattr(hashlib, self.digest))
        for part in parts:
            signer.update(part)
        return signer.hexdigest().encode()

    def encode(self, message: Message) -> list[bytes]:
        parts = [
            json.dumps(part).encode()
            for part in (
                message.header,
                message.parent_header,
                message.metadata,
                message.content,
            )
        ]
        return self.frames(parts, message.buffers)

    def frames(self, parts: Sequence[bytes], buffers: Sequence[bytes] = ()) -> list[bytes]:
        """Signed frames of any parts, also of parts that no honest client would send."""
        return [DELIMITER, self.sign(parts), *parts, *buffers]

    def decode(self, channel: str, frames: Sequence[bytes]) -> Message:
        """Read a message; whatever is not as the specification says is an assertion error."""
        assert DELIMITER in frames, f"no delimiter on {channel}: {frames!r}"
        start = list(frames).index(DELIMITER)
        assert len(frames) >= start + 6, f"too few frames on {channel}: {frames!r}"
        signature, *parts = frames[start + 1 : start + 6]
        assert hmac.compare_digest(signature, self.sign(parts)), f"bad signature on {channel}"
        values = [json.loads(part) for part in parts]
        names = ("header", "parent_header", "metadata", "content")
        for name, value in zip(names, values, strict=True):
            assert isinstance(value, dict), f"{name} is not an object on {channel}: {value!r}"
        header, parent_header, metadata, content = values
        for name in ("msg_id", "msg_type", "username", "session", "date", "version"):
            assert isinstance(header.get(name), str), f"no {name} in {header!r}"
        return Message(
            channel=channel,
            header=header,
            parent_header=parent_header,
            metadata=metadata,
            content=content,
            buffers=list(frames[start + 6 :]),
            identities=list(frames[:start]),
        )
