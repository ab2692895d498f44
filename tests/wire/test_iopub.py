"""The published channel: welcomes, the first status, topics, parents, and several subscribers."""

from __future__ import annotations

from typing import Any

import pytest
import zmq
from harness import Client, Kernel, is_status


def without_date(header: dict[str, Any]) -> dict[str, Any]:
    """ipykernel reads dates and writes them in its own way."""
    return {name: value for name, value in header.items() if name != "date"}


def test_the_first_message_is_a_welcome(kernel: Kernel) -> None:
    with kernel.client() as client:
        first = client.messages["iopub"][0]
    assert first.type == "iopub_welcome"
    assert first.content == {"subscription": ""}
    assert first.parent_header == {}


def test_starting_is_published_once(fresh_kernel: Kernel) -> None:
    with fresh_kernel.client(), fresh_kernel.client() as second:
        second.run("1")
        first = fresh_kernel.clients[0]
        first.pump()
        states = [
            m.content["execution_state"] for m in first.messages["iopub"] if m.type == "status"
        ]
        assert states.count("starting") == 1
        assert states[0] == "starting"


@pytest.mark.ipykernel_differs("a second subscriber gets none")
def test_every_subscriber_is_welcomed(kernel: Kernel) -> None:
    for _ in range(3):
        with kernel.client(ready=False) as client:
            client.wait_message("iopub", lambda m: m.type == "iopub_welcome", "the welcome")


@pytest.mark.ipykernel_differs("it welcomes the first subscription only")
def test_a_welcome_names_the_subscription(kernel: Kernel) -> None:
    with kernel.client(iopub=False) as client, client.context.socket(zmq.SUB) as socket:
        socket.linger = 0
        socket.subscribe(b"topic of this test")
        socket.connect(client.endpoint("iopub"))
        assert socket.poll(60_000)
        frames = socket.recv_multipart()
        welcome = client.session.decode("iopub", frames)
        assert frames[0] == b"topic of this test"
        assert welcome.type == "iopub_welcome"
        assert welcome.content == {"subscription": "topic of this test"}


def test_topics_name_the_kernel_and_the_type(client: Client) -> None:
    client.run("print('out')\ndisplay(1)\n2")
    by_type = dict(zip([m.type for m in client.messages["iopub"]], client.topics, strict=True))
    assert by_type["stream"] == b"stream.stdout"
    for message_type in ("status", "execute_input"):
        kernel_word, identity, rest = by_type[message_type].decode().split(".", 2)
        assert kernel_word == "kernel"
        assert len(identity) >= 32
        assert rest == message_type
    for message_type in ("execute_result", "display_data"):
        assert by_type[message_type].decode().endswith(message_type)


def test_everything_has_its_request_as_parent(client: Client) -> None:
    cell = client.run("print('out')\nimport sys; print('err', file=sys.stderr)\ndisplay(1)\n2")
    for message in cell.published:
        assert without_date(message.parent_header) == without_date(cell.request.header)


def test_the_session_of_a_kernel_is_one_and_not_the_clients(client: Client) -> None:
    cell = client.run("print('out')")
    sessions = {m.header["session"] for m in [*cell.published, cell.reply]}
    assert len(sessions) == 1
    assert client.session.id not in sessions


def test_message_ids_are_never_repeated(client: Client) -> None:
    client.run("for n in range(50): display(n)")
    ids = [m.id for messages in client.messages.values() for m in messages]
    assert len(ids) == len(set(ids))


def test_every_header_is_whole(client: Client) -> None:
    cell = client.run("display(1)")
    for message in [*cell.published, cell.reply]:
        assert message.header["version"].startswith("5.")
        assert message.header["username"]
        assert message.header["date"].endswith(("Z", "+00:00"))


@pytest.mark.parametrize(
    ("channel", "message_type", "content"),
    [
        ("shell", "kernel_info_request", {}),
        ("shell", "complete_request", {"code": "a", "cursor_pos": 1}),
        ("shell", "inspect_request", {"code": "a", "cursor_pos": 1, "detail_level": 0}),
        ("shell", "is_complete_request", {"code": "a"}),
        (
            "shell",
            "history_request",
            {"hist_access_type": "tail", "n": 1, "output": False, "raw": True},
        ),
        ("shell", "comm_info_request", {}),
        ("shell", "connect_request", {}),
        ("control", "kernel_info_request", {}),
        ("control", "interrupt_request", {}),
        ("control", "usage_request", {}),
        ("control", "list_subshell_request", {}),
    ],
)
def test_every_request_is_framed_and_answered_once(
    client: Client, channel: str, message_type: str, content: dict[str, Any]
) -> None:
    request = client.send(channel, message_type, content)
    reply = client.reply_to(request)
    assert reply.type == message_type.replace("_request", "_reply")
    # usage_reply has none in ipykernel, is_complete_reply its own.
    assert reply.content.get("status", "ok") in ("ok", "complete")
    assert without_date(reply.parent_header) == without_date(request.header)
    published = client.wait_idle(request)
    assert [m.content["execution_state"] for m in published if m.type == "status"] == [
        "busy",
        "idle",
    ]
    assert is_status(published[-1], "idle")


def test_all_subscribers_see_the_same(kernel: Kernel) -> None:
    with kernel.client() as first, kernel.client() as second:
        cell = first.run("print('seen by all')\n42")
        second.wait_idle(cell.request)
        assert [m.header for m in second.published(cell.request)] == [
            m.header for m in cell.published
        ]


def test_a_subscriber_that_leaves_disturbs_nobody(kernel: Kernel, client: Client) -> None:
    with kernel.client() as leaving:
        cell = leaving.execute("import time\nfor n in range(20): print(n); time.sleep(0.01)")
        cell.wait_for_text("3\n")
    client.wait_idle(cell.request)
    assert client.run("1").result == "1"


def test_signals_that_come_all_the_time_cost_no_message(client: Client) -> None:
    # The thread that ends a cell sends its messages; a signal ends system calls, which must not
    # end the sending.
    client.run(
        "import signal\n"
        "ticks = 0\n"
        "def tick(*_):\n"
        "    global ticks\n"
        "    ticks += 1\n"
        "previous = signal.signal(signal.SIGALRM, tick)\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.00005, 0.00005)"
    )
    for number in range(1000):
        cell = client.run(f"print({number}, flush=True); {number}")
        assert (cell.text(), cell.result) == (f"{number}\n", str(number))
    end = (
        "signal.setitimer(signal.ITIMER_REAL, 0)\n"
        "signal.signal(signal.SIGALRM, previous)\n"
        "ticks > 200"
    )
    assert client.run(end).result == "True"
