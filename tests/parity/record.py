"""What reached the client, as lines which are the same whenever the same thing happened.

One line for each message: which request it belongs to, its channel, type, content, metadata and
buffers. Ids become `<1>`, `<2>`, ... in the order in which they come; addresses, times, process
ids, ports and places become what they are. The text of one stream is joined, since where it is cut
is a matter of time.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from harness.transcript import joined, without_repeated_busy
from harness.wire import Message

# Of the header of a message, or when and by whom it was handled; not what it says.
# `ipyrust` says that jedi, with nothing in its cache yet, had no part in a completion.
OWN_METADATA = ("started", "engine", "dependencies_met", "ipyrust")

# What belongs to no request is shown by no client, but for what goes to a comm.
NOBODYS = ("iopub_welcome", "status", "stream")

NUMBER = r"\d+(?:\.\d+)?(?:e[-+]\d+)?"
REPLACEMENTS = (
    # What ipyparallel knows of an engine's task by then, and its ids; dask's and nbformat's ids.
    (r'"metadata": \{"msg_id": .*?"label": [^{}]*\}', '"metadata": "of a task"'),
    (r"[0-9a-f]{8}-[0-9a-f]{20,24}(?:_(?:<pid>|\d+)_\d+)?", "<session>"),
    (r"worker-[0-9a-z_]{8}", "worker-<id>"),
    (r">[0-9a-f]{8}<", "><id><"),
    (r"inproc://[\d./]+", "inproc://<address>"),
    (r'(\\"id\\": \\")[0-9a-f]{8}\\"', r"\1<id>\""),
    (r"ipykernel_\d+", "ipykernel_<pid>"),
    (r"0x[0-9a-fA-F]{6,}", "<address>"),
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?", "<time>"),
    (r"\b\d{8}_\d{6}\b", "<time>"),
    (r"\b\d\d:\d\d(?::\d\d)?(?:<|&lt;)(?:\d\d:\d\d(?::\d\d)?|\?)", "<elapsed>"),
    (r"(?<=%\|)[^|]*(?=\| \d+/\d+ \[)", "<bar>"),  # As wide as the rate leaves it.
    (r"(?:\?|" + NUMBER + r") ?(?:it/s|s/it|B/s|kB/s|MB/s)", "<rate>"),
    (r"\b" + NUMBER + r" ?(?:s|ms|µs|us|ns|sec|seconds)\b(?! ago)", "<duration>"),
    (r"\b\d:\d\d:\d\d\b", "<duration>"),
    (r"(?:\d+\.\d+\.\d+\.\d+|localhost):\d+", "<address>:<port>"),
    (r"(?<![\d.])\d{12,}(?![\d.])", "<large number>"),  # id(object), or nanoseconds.
)
BASE64 = re.compile(r"[0-9A-Za-z+/]{200,}=*")
IDENTIFIER = re.compile(
    r"(?<![0-9A-Za-z])[0-9a-f]{8}([-_])(?:[0-9a-f]{4}\1){3}[0-9a-f]{12}(?![0-9A-Za-z])"
    r"|(?<![0-9A-Za-z])(?=[0-9a-f]*\d)(?:[0-9a-f]{32}|[0-9a-f]{40})(?![0-9A-Za-z])"
)


def record(
    messages: dict[str, list[Message]],
    requests: Sequence[Message],
    places: dict[str, str],
    pid: int,
) -> list[str]:
    """The lines of a run; `places` says what directories are to be called."""
    lines: list[str] = []
    numbers = {request.id: number for number, request in enumerate(requests, start=1)}
    for number, request in enumerate(requests, start=1):
        lines += [
            f"{number} {channel} {describe(message)}"
            for channel in ("iopub", "stdin", "shell")
            for message in joined(
                without_repeated_busy([m for m in messages[channel] if m.parent_id == request.id])
            )
        ]
    lines += [
        f"- iopub {describe(message)}"
        for message in messages["iopub"]
        if message.parent_id is None and message.type not in NOBODYS
    ]
    assert numbers, "nothing was asked"
    return settled(lines, places, pid)


def describe(message: Message) -> str:
    """A message as text, with the fields of its content in one order: there is none on the wire."""
    content = message.content
    if "traceback" in content:
        content = {**content, "traceback": without_own_frames(content["traceback"])}
    parts = [message.type, text_of(content)]
    metadata = {name: v for name, v in message.metadata.items() if name not in OWN_METADATA}
    if metadata:
        parts.append(f"metadata {text_of(metadata)}")
    parts += [
        f"buffer {len(buffer)} {hashlib.sha256(buffer).hexdigest()[:12]}"
        for buffer in message.buffers
    ]
    return " ".join(parts)


def without_own_frames(traceback: list[str]) -> list[str]:
    """A traceback without the frames of a kernel's own files."""
    return [
        part
        for part in traceback
        if not any(f"/{package}/" in part for package in ("ipyrust", "ipykernel"))
    ]


def text_of(content: dict[str, Any]) -> str:
    return json.dumps({name: content[name] for name in sorted(content)}, ensure_ascii=False)


def settled(lines: Iterable[str], places: dict[str, str], pid: int) -> list[str]:
    names: dict[str, str] = {}

    def digest(match: re.Match[str]) -> str:
        return f"<{len(match[0])} characters {hashlib.sha256(match[0].encode()).hexdigest()[:12]}>"

    def name(match: re.Match[str]) -> str:
        return names.setdefault(match[0], f"<{len(names) + 1}>")

    result = []
    for line in lines:
        line = BASE64.sub(digest, line)  # Images: nothing in them is to be replaced.
        line = re.sub(rf"(?<=[(_]){pid}(?=[)_])", "<pid>", line)
        for place in sorted(places, key=len, reverse=True):
            line = line.replace(place, places[place])
        line = IDENTIFIER.sub(name, line)
        for pattern, replacement in REPLACEMENTS:
            line = re.sub(pattern, replacement, line)
        result.append(line)
    return result
