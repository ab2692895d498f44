"""Bad input gets a clear error and loses nothing: the next good request is answered."""

from __future__ import annotations

import json
from typing import Any

import pytest
from harness import Client, Kernel, wait_until

ANSWERING = {"shell", "control"}


def assert_well(client: Client) -> None:
    """The kernel answers on every channel and its cells run."""
    assert client.run("1 + 1").result == "2"
    client.request("kernel_info_request", channel="control")
    assert client.heartbeat() == b"ping"


def parts(client: Client, **changes: Any) -> list[bytes]:
    """The four parts of an execute_request, with any replaced by bytes."""
    header = client.session.header("execute_request")
    content = {"code": "ran = True", "silent": False, "store_history": True}
    values = {"header": header, "parent_header": {}, "metadata": {}, "content": content, **changes}
    return [v if isinstance(v, bytes) else json.dumps(v).encode() for v in values.values()]


@pytest.fixture(autouse=True)
def nothing_ran(client: Client) -> None:
    client.run("ran = False")


@pytest.mark.parametrize("channel", ["shell", "control", "stdin"])
def test_a_wrong_signature_is_refused(client: Client, channel: str) -> None:
    frames = client.session.frames(parts(client))
    frames[1] = b"0" * 64
    client.send_frames(channel, frames)
    assert_well(client)
    assert client.run("ran").result == "False"


@pytest.mark.parametrize("signature", [b"", b"0", b"\xff" * 64, b"0" * 100_000])
def test_no_signature_of_any_shape_is_taken(client: Client, signature: bytes) -> None:
    frames = client.session.frames(parts(client))
    frames[1] = signature
    client.send_frames("shell", frames)
    assert_well(client)
    assert client.run("ran").result == "False"


def test_a_message_changed_on_its_way_is_refused(client: Client) -> None:
    frames = client.session.frames(parts(client))
    frames[5] = frames[5].replace(b"True", b"1234")
    client.send_frames("shell", frames)
    assert_well(client)
    assert client.run("ran").result == "False"


@pytest.mark.parametrize("channel", ["shell", "control"])
def test_a_replayed_message_is_refused(client: Client, channel: str) -> None:
    client.run("count = 0")
    request = client.session.message("shell", "execute_request", {"code": "count += 1"})
    frames = client.session.encode(request)
    client.send_frames("shell", frames)
    client.reply_to(request)
    client.send_frames(channel, frames)
    assert_well(client)
    assert client.run("count").result == "1"


@pytest.mark.parametrize("channel", ["shell", "control", "stdin"])
@pytest.mark.parametrize("length", range(6))
def test_a_truncated_message_is_survived(client: Client, channel: str, length: int) -> None:
    frames = client.session.frames(parts(client))[:length] or [b""]
    client.send_frames(channel, frames)
    assert_well(client)
    assert client.run("ran").result == "False"


@pytest.mark.parametrize("channel", ["shell", "control", "stdin"])
@pytest.mark.parametrize(
    "changes",
    [
        {"header": b"not json"},
        {"header": b"[]"},
        {"header": b"{}"},
        {"header": b'{"msg_id": 1, "msg_type": 2}'},
        {"header": b"\xff\xfe"},
        {"header": b""},
        {"header": b'{"msg_type": "execute_request"'},
        {"content": b"not json"},
        {"content": b"[1, 2]"},
        {"content": b"null"},
        {"content": b"\xff\xfe\x00"},
        {"content": b"{" * 10_000},
        {"content": b'{"code": "1", "code":'},
        {"metadata": b"not json"},
        {"parent_header": b"not json"},
    ],
    ids=lambda changes: " ".join(f"{k}={v[:24]!r}" for k, v in changes.items()),
)
def test_a_malformed_message_is_survived(
    client: Client, channel: str, changes: dict[str, bytes]
) -> None:
    client.send_frames(channel, client.session.frames(parts(client, **changes)))
    assert_well(client)
    assert client.run("ran").result == "False"


def test_a_message_without_delimiter_is_survived(client: Client) -> None:
    client.send_frames("shell", [b"x"] * 20)
    assert_well(client)


def test_an_oversized_frame_is_survived(client: Client) -> None:
    client.send_frames("shell", [b"x" * 20_000_000])
    client.send_frames("control", client.session.frames(parts(client), [b"b" * 20_000_000])[1:])
    assert_well(client)


def test_a_message_of_ten_thousand_frames_is_survived(client: Client) -> None:
    client.send_frames("shell", [b"x"] * 10_000)
    assert_well(client)


@pytest.mark.ipykernel_differs("its words do not name the field")
@pytest.mark.parametrize(
    ("message_type", "content", "field"),
    [
        ("execute_request", {"code": 5}, "code"),
        ("execute_request", {}, "code"),
        ("execute_request", {"code": "1", "silent": "perhaps"}, "silent"),
        ("execute_request", {"code": "1", "user_expressions": [1]}, "user_expressions"),
        ("complete_request", {"code": "a", "cursor_pos": "x"}, "cursor_pos"),
        ("complete_request", {"cursor_pos": 1}, "code"),
        ("inspect_request", {"code": "a", "cursor_pos": {}}, "cursor_pos"),
        ("is_complete_request", {}, "code"),
        ("history_request", {"hist_access_type": "sideways"}, "hist_access_type"),
    ],
)
def test_content_of_the_wrong_shape_is_an_error_that_names_the_field(
    client: Client, message_type: str, content: dict[str, Any], field: str
) -> None:
    reply = client.request(message_type, content).content
    assert reply["status"] == "error"
    assert reply["ename"]
    assert field in reply["evalue"]
    assert isinstance(reply["traceback"], list)
    assert_well(client)


@pytest.mark.parametrize(
    ("message_type", "content"),
    [
        ("comm_open", {}),
        ("comm_open", {"comm_id": 5, "target_name": []}),
        ("comm_msg", {"data": 1}),
        ("comm_close", {"comm_id": None}),
    ],
)
def test_a_comm_message_of_the_wrong_shape_is_survived(
    client: Client, message_type: str, content: dict[str, Any]
) -> None:
    client.wait_idle(client.send("shell", message_type, content))
    assert_well(client)


@pytest.mark.ipykernel_differs("it has no limits of its own")
@pytest.mark.parametrize("cursor", [-5, 10**9, 2**70])
def test_a_cursor_outside_of_the_code_is_survived(client: Client, cursor: int) -> None:
    for message_type in ("complete_request", "inspect_request"):
        reply = client.request(message_type, {"code": "prin", "cursor_pos": cursor}).content
        assert reply["status"] in ("ok", "error")
    assert_well(client)


def test_replies_without_a_question_are_survived(client: Client) -> None:
    client.send("shell", "execute_reply", {"status": "ok"})
    client.send("stdin", "execute_request", {"code": "ran = True"})
    client.send("control", "execute_request", {"code": "pass"})
    assert_well(client)


def test_what_was_wrong_is_in_the_log_and_the_key_is_not(kernel: Kernel, client: Client) -> None:
    frames = client.session.frames(parts(client))
    frames[1] = b"0" * 64
    client.send_frames("shell", frames)
    assert_well(client)
    assert "signature" in kernel.output.lower()
    assert kernel.connection["key"] not in kernel.output


def test_an_unknown_message_is_in_the_log(kernel: Kernel, client: Client) -> None:
    client.wait_idle(client.send("shell", "no_such_request_at_all"))
    assert_well(client)
    assert "no_such_request_at_all" in kernel.output


def test_a_connection_that_speaks_no_zmq_is_survived(start_kernel: Any) -> None:
    import socket

    kernel = start_kernel(transport="tcp")
    client = kernel.client()
    for channel in ("shell", "control", "iopub", "stdin", "hb"):
        with socket.create_connection(("127.0.0.1", kernel.connection[f"{channel}_port"])) as raw:
            raw.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" + b"\xff" * 1000)
    assert_well(client)


@pytest.mark.ipyrust_only("its log says nothing of it")
def test_who_speaks_no_zmq_is_in_the_log_once_a_minute(start_kernel: Any) -> None:
    import socket

    kernel = start_kernel(transport="tcp")
    client = kernel.client()
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", kernel.connection["shell_port"])) as raw:
            raw.sendall(b"GET / HTTP/1.1\r\n\r\n")
            while raw.recv(4096):
                pass
    assert_well(client)
    refused = "refused a connection to shell: the client does not speak ZMTP 3"
    wait_until(lambda: refused in kernel.output, "the line in the log")
    assert kernel.output.count("refused a connection to shell") == 1
