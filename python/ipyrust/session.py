"""`kernel.session`: what libraries use of jupyter_client's `Session`, on top of the kernel library.

Messages that libraries send themselves take the same way as ours: they are encoded, signed and
sent by the kernel library, in the order of the calls.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from typing import Any

from ipyrust import _core, context


class Socket:
    """Stands for a socket where libraries pass one on; what is sent to it takes our way."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"<ipyrust socket {self.name}>"


class Session:
    """The session of a running kernel."""

    def __init__(self, kernel: _core.Kernel) -> None:
        self._kernel = kernel
        self.session = kernel.session
        self.username = kernel.username
        self.key = kernel.key
        self.bsession = kernel.session.encode("ascii", "replace")
        self.signature_scheme = str(kernel.connection.get("signature_scheme", "hmac-sha256"))
        self.metadata: dict[str, Any] = {}
        self.check_pid = True

    @property
    def msg_id(self) -> str:
        return str(uuid.uuid4())

    def msg_header(self, msg_type: str) -> dict[str, Any]:
        return {
            "msg_id": self.msg_id,
            "msg_type": msg_type,
            "username": self.username,
            "session": self.session,
            "date": datetime.now(timezone.utc),
            "version": "5.5",
        }

    def msg(
        self,
        msg_type: str,
        content: Mapping[str, Any] | None = None,
        parent: Mapping[str, Any] | None = None,
        header: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """A message as jupyter_client has it: nested dictionaries."""
        header = dict(header) if header is not None else self.msg_header(msg_type)
        return {
            "header": header,
            "msg_id": header["msg_id"],
            "msg_type": header["msg_type"],
            "parent_header": _header_of(parent),
            "content": dict(content or {}),
            "metadata": {**self.metadata, **(metadata or {})},
        }

    def send(
        self,
        stream: Any,
        msg_or_type: str | Mapping[str, Any],
        content: Mapping[str, Any] | None = None,
        parent: Mapping[str, Any] | None = None,
        ident: bytes | list[bytes] | None = None,
        buffers: Iterable[Any] | None = None,
        track: bool = False,
        header: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Publish a message. Replies are the kernel's own work, so every socket means IOPub."""
        if isinstance(msg_or_type, str):
            message = self.msg(msg_or_type, content, parent, header, metadata)
        else:
            message = dict(msg_or_type)
            buffers = buffers or message.get("buffers")
        topic = ident if isinstance(ident, bytes) else (ident[0] if ident else None)
        parent_header = message.get("parent_header")
        self._kernel.iopub.publish(
            message["header"]["msg_type"],
            message["content"],
            _core.Parent.from_message({"header": parent_header})
            if parent_header
            else context.current_parent(),
            metadata=message.get("metadata"),
            buffers=buffers,
            topic=topic,
        )
        return message

    def pack(self, value: Any) -> bytes:
        return _core.json_encode(value)

    def unpack(self, text: bytes | str) -> Any:
        return _core.json_decode(text)

    def clone(self) -> Session:
        return Session(self._kernel)


def _header_of(message: Mapping[str, Any] | None) -> dict[str, Any]:
    if not message:
        return {}
    header = message.get("header", message)
    return dict(header) if isinstance(header, Mapping) else {}
