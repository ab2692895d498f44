"""Transcripts: what a person does, and what the wire carries, as text that a person reads.

    >>> input("Who? ") + "!"             a cell; `... ` continues it
    with {"allow_stdin": true}           entries of the request's content
    <<< Ada                              the answer to the cell's next question
    !!! "begun"                          an interrupt, once this text is on stdout
    ==> shell complete_request {...}     any other request

Requests without an empty line between them are sent together. The expected lines follow: one for
each message, channel by channel, since order is promised only within a channel; text of one stream
is joined. A line that begins with `+ ` is of ipyrust alone, one with `- ` of ipykernel alone, and
the comment before them says why.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .client import Client, Execution
from .wire import Message

MARKS = {"ipyrust": "+ ", "ipykernel": "- "}
NO_REASON = "# Because: ?"
COMMANDS = (">>> ", "... ", "with ", "<<< ", "!!! ", "==> ")
WITHOUT_REPLY = {"comm_open", "comm_msg", "comm_close"}


@dataclass
class Step:
    """One request, with what a person does while it is answered."""

    channel: str = "shell"
    message_type: str = "execute_request"
    content: dict[str, Any] = field(default_factory=dict)
    answers: list[str] = field(default_factory=list)
    interrupt_after: str | None = None


@dataclass
class Group:
    """Requests that are sent together, the lines that say so, and what is expected of them."""

    source: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)

    def expected_of(self, kernel: str) -> list[str]:
        mark = MARKS[kernel]
        shared = [line for line in self.expected if not line.startswith(("#", *MARKS.values()))]
        if len(shared) == len(self.expected):
            return shared
        others = tuple(other for other in MARKS.values() if other != mark)
        return [
            line.removeprefix(mark) for line in self.expected if not line.startswith(("#", *others))
        ]


@dataclass
class Transcript:
    path: Path
    introduction: list[str]
    groups: list[Group]

    @classmethod
    def read(cls, path: Path) -> Transcript:
        transcript = cls(path, [], [])
        between = True
        for line in path.read_text().splitlines():
            if not line.strip():
                between = True
            elif line.startswith(COMMANDS) or line in (">>>", "..."):
                if between or transcript.groups[-1].expected:
                    transcript.groups.append(Group())
                between = False
                transcript.groups[-1].source.append(line)
                parse_command(transcript.groups[-1].steps, line)
            elif transcript.groups:
                transcript.groups[-1].expected.append(line)
            else:
                transcript.introduction.append(line)
        return transcript

    def expected_of(self, kernel: str) -> list[list[str]]:
        return [group.source + group.expected_of(kernel) for group in self.groups]

    def record(self, client: Client) -> list[list[str]]:
        """Do what the transcript says, and write down what comes."""
        client.run("%reset -f")
        scribe = Scribe(first_count=client.run("pass").reply.content["execution_count"])
        return [group.source + scribe.record(client, group.steps) for group in self.groups]

    def differences_without_reason(self) -> list[str]:
        """Differences between the kernels that no comment explains."""
        found = []
        for group in self.groups:
            previous = ""
            for line in group.expected:
                explained = previous.startswith(("#", *MARKS.values())) and previous != NO_REASON
                if line.startswith(tuple(MARKS.values())) and not explained:
                    found.append(line)
                previous = line
        return found

    def write(self, ipyrust: list[list[str]], ipykernel: list[list[str]]) -> None:
        """Write down two recordings, keeping the reasons of differences that were there before."""
        blocks = []
        for group, ours, theirs in zip(self.groups, ipyrust, ipykernel, strict=True):
            length = len(group.source)
            reasons = reasons_of(group.expected)
            lines = merge(ours[length:], theirs[length:], reasons)
            blocks.append("\n".join(group.source + lines))
        introduction = "\n".join(self.introduction)
        self.path.write_text("\n\n".join([introduction, *blocks]) + "\n")


def parse_command(steps: list[Step], line: str) -> None:
    command, _, rest = line.partition(" ")
    match command:
        case ">>>":
            steps.append(Step(content={"code": rest}))
        case "...":
            steps[-1].content["code"] += "\n" + rest
        case "with":
            steps[-1].content |= json.loads(rest)
        case "<<<":
            steps[-1].answers.append(rest)
        case "!!!":
            steps[-1].interrupt_after = json.loads(rest)
        case "==>":
            channel, message_type, content = rest.split(" ", 2)
            steps.append(Step(channel, message_type, json.loads(content)))


def merge(ours: list[str], theirs: list[str], reasons: dict[tuple[str, ...], str]) -> list[str]:
    """One text of two recordings."""
    lines: list[str] = []
    matcher = difflib.SequenceMatcher(None, theirs, ours, autojunk=False)
    for tag, their_start, their_end, our_start, our_end in matcher.get_opcodes():
        if tag == "equal":
            lines += ours[our_start:our_end]
            continue
        block = [MARKS["ipykernel"] + line for line in theirs[their_start:their_end]]
        block += [MARKS["ipyrust"] + line for line in ours[our_start:our_end]]
        lines += [reasons.get(tuple(block), NO_REASON), *block]
    return lines


def reasons_of(expected: list[str]) -> dict[tuple[str, ...], str]:
    """The comment before each block of differences."""
    reasons = {}
    for index, line in enumerate(expected):
        if line.startswith("#"):
            block = []
            for following in expected[index + 1 :]:
                if not following.startswith(tuple(MARKS.values())):
                    break
                block.append(following)
            reasons[tuple(block)] = line
    return reasons


class Scribe:
    """Writes messages as lines, with counts and ids that do not change from run to run."""

    def __init__(self, first_count: int) -> None:
        self.first_count = first_count
        self.names: dict[str, str] = {}

    def record(self, client: Client, steps: Iterable[Step]) -> list[str]:
        requests = []
        for step in steps:
            content = step.content
            if step.message_type == "execute_request":
                flags = {"allow_stdin": False, "silent": False, "stop_on_error": True}
                content = {**flags, "store_history": True, "user_expressions": {}, **content}
            requests.append(client.send(step.channel, step.message_type, content))
        for step, request in zip(steps, requests, strict=True):
            execution = Execution(client, request)
            for number, answer in enumerate(step.answers, start=1):
                execution.answer(answer, number)
            if step.interrupt_after is not None:
                execution.wait_for_text(step.interrupt_after)
                client.request("interrupt_request", channel="control")
            if step.message_type.endswith("_request") and "unknown" not in step.message_type:
                client.reply_to(request)
            client.wait_idle(request)
        ids = {request.id for request in requests}
        lines: list[str] = []
        for channel in ("iopub", "stdin", "shell", "control"):
            mine = [m for m in client.messages[channel] if m.parent_id in ids]
            lines += [
                f"{channel:7} {message.type:15} {self.describe(message)}".rstrip()
                for message in joined(without_repeated_busy(mine))
            ]
        return lines

    def describe(self, message: Message) -> str:
        content = message.content
        match message.type:
            case "status":
                return str(content["execution_state"])
            case "stream":
                return f"{content['name']} {without_addresses(quoted(content['text']))}"
            case "execute_input":
                code = quoted(content["code"])[1:-1].replace('\\"', '"')
                return f"{self.count(content)} {code}"
            case "error":
                return f"{content['ename']}: {content['evalue']}"
            case "execute_result":
                return f"{self.count(content)} {self.bundle(content)}"
            case "display_data" | "update_display_data":
                display_id = content["transient"].get("display_id")
                name = self.name(display_id) + " " if display_id else ""
                return name + self.bundle(content)
            case "execute_reply":
                return self.execute_reply(content)
            case "inspect_reply" if content["found"]:
                return f"found {' '.join(sorted(content['data']))}"
            case "complete_reply":
                start, end = content["cursor_start"], content["cursor_end"]
                return f"{start}-{end} {' '.join(content['matches'][:8])}".rstrip()
            case _:
                text = json.dumps(self.stable(content), ensure_ascii=False, sort_keys=True)
                buffers = f" and {len(message.buffers)} buffers" if message.buffers else ""
                return text + buffers

    def execute_reply(self, content: dict[str, Any]) -> str:
        words = [content["status"]]
        if "execution_count" in content:
            words.append(self.count(content))
        if content["status"] == "error":
            words.append(content["ename"])
        if content.get("payload"):
            words.append(f"payload {json.dumps(self.stable(content['payload']))}")
        for name, value in (content.get("user_expressions") or {}).items():
            word = value["ename"] if value["status"] == "error" else self.bundle(value)
            words.append(f"{name}={word}")
        return " ".join(words)

    def bundle(self, content: dict[str, Any]) -> str:
        """The data of a display, and its metadata if it has any."""
        words = []
        for mime, value in sorted(content["data"].items()):
            if mime.startswith("image/"):
                words.append(mime)
            else:
                text = quoted(value) if isinstance(value, str) else json.dumps(value)
                words.append(f"{mime} {without_addresses(text)}")
        if content.get("metadata"):
            words.append(f"metadata {json.dumps(content['metadata'], sort_keys=True)}")
        return ", ".join(words)

    def count(self, content: dict[str, Any]) -> str:
        count = content["execution_count"]
        return f"[{count - self.first_count}]" if isinstance(count, int) else f"[{count}]"

    def name(self, identity: str) -> str:
        """`<1>` for the first id that comes, and so on; words are kept."""
        if not re.fullmatch(r"[0-9a-f-]{16,}", identity):
            return identity
        return self.names.setdefault(identity, f"<{len(self.names) + 1}>")

    def stable(self, value: Any) -> Any:
        """The value without what changes from run to run."""
        match value:
            case dict():
                return {
                    self.name(key): self.stable(item)
                    for key, item in value.items()
                    if key not in ("execution_count", "traceback", "engine_info")
                }
            case list():
                return [self.stable(item) for item in value]
            case str():
                return without_addresses(self.name(value))
            case _:
                return value


def without_repeated_busy(messages: list[Message]) -> list[Message]:
    """Messages without the `busy` that ipyrust repeats for a cell when another request ends.

    It is for clients that look at the newest status only, and comes when the other request comes.
    """
    busy: set[str | None] = set()
    result = []
    for message in messages:
        if message.content.get("execution_state") == "busy":
            if message.parent_id in busy:
                continue
            busy.add(message.parent_id)
        result.append(message)
    return result


def joined(messages: list[Message]) -> list[Message]:
    """Messages with adjacent text of one stream made one: where it is cut is a matter of time."""
    result: list[Message] = []
    for message in messages:
        last = result[-1] if result else None
        if (
            last is not None
            and message.type == last.type == "stream"
            and message.content["name"] == last.content["name"]
            and message.parent_id == last.parent_id
        ):
            text = last.content["text"] + message.content["text"]
            content = {**last.content, "text": text}
            result[-1] = Message("iopub", last.header, last.parent_header, last.metadata, content)
        else:
            result.append(message)
    return result


def quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def without_addresses(text: str) -> str:
    """The text without what belongs to one machine: addresses, and where libraries are."""
    text = re.sub(r"0x[0-9a-f]{6,}", "0x…", text)
    text = re.sub(r"/[^\s\"']*/site-packages/", "…/", text)
    return re.sub(r"\.py:\d+:", ".py:…:", text)
