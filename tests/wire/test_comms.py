"""Comms: opened by either side, with data and binary buffers, also while an async cell awaits."""

from __future__ import annotations

import uuid

import pytest
from harness import Client, Kernel, Message, is_status

TARGET = (
    "from comm import get_comm_manager, create_comm\n"
    "opened, received, closed = [], [], []\n"
    "def target(comm, message):\n"
    "    opened.append((comm, message))\n"
    "    @comm.on_msg\n"
    "    def answer(message):\n"
    "        received.append(message)\n"
    "        data = message['content']['data']\n"
    "        comm.send({'echo': data}, metadata={'m': 1}, buffers=message['buffers'])\n"
    "    comm.on_close(lambda message: closed.append(message))\n"
    "get_comm_manager().register_target('echo', target)\n"
)


@pytest.fixture
def comm(client: Client) -> str:
    """The id of a comm that this client has opened."""
    client.run(TARGET)
    comm_id = uuid.uuid4().hex
    content = {"comm_id": comm_id, "target_name": "echo", "data": {"a": 1}}
    client.wait_idle(client.send("shell", "comm_open", content))
    return comm_id


def send(client: Client, comm_id: str, data: object, buffers: tuple[bytes, ...] = ()) -> Message:
    content = {"comm_id": comm_id, "data": data}
    return client.send("shell", "comm_msg", content, buffers=buffers)


def test_a_client_opens_a_comm(client: Client, comm: str) -> None:
    assert client.run("opened[-1][0].comm_id").result == repr(comm)
    assert client.run("opened[-1][1]['content']['data']").result == "{'a': 1}"


def test_a_message_is_answered_within_its_own_frame(client: Client, comm: str) -> None:
    published = client.wait_idle(send(client, comm, {"n": [1, None, "ä"]}))
    assert [m.type for m in published] == ["status", "comm_msg", "status"]
    assert is_status(published[0], "busy")
    assert published[1].content == {"comm_id": comm, "data": {"echo": {"n": [1, None, "ä"]}}}
    assert published[1].metadata.get("m") == 1


def test_buffers_go_both_ways(client: Client, comm: str) -> None:
    buffers = (b"\x00\xff" * 10, b"", bytes(range(256)) * 4096)
    published = client.wait_idle(send(client, comm, {}, buffers))
    assert published[1].buffers == list(buffers)
    types = client.run("[memoryview(b).nbytes for b in received[-1]['buffers']]").result
    assert types == "[20, 0, 1048576]"


def test_arrays_are_buffers(client: Client, comm: str) -> None:
    code = "import numpy; opened[-1][0].send({}, buffers=[numpy.arange(3, dtype='u1')])"
    assert client.run(code).one("comm_msg").buffers == [b"\x00\x01\x02"]


def test_a_client_closes_a_comm(client: Client, comm: str) -> None:
    content = {"comm_id": comm, "data": {"bye": 1}}
    client.wait_idle(client.send("shell", "comm_close", content))
    assert client.run("closed[-1]['content']['data']").result == "{'bye': 1}"
    assert comm not in client.request("comm_info_request").content["comms"]


def test_the_kernel_opens_and_closes_a_comm(client: Client) -> None:
    code = (
        "from comm import create_comm\n"
        "mine = create_comm('front', data={'x': 1}, metadata={'y': 2}, buffers=[b'z'])\n"
        "mine.send({'n': 1}); mine.close({'end': 1})"
    )
    cell = client.run(code)
    assert cell.types == ["comm_open", "comm_msg", "comm_close"]
    opening = cell.one("comm_open")
    assert opening.content["target_name"] == "front"
    assert opening.content["data"] == {"x": 1}
    assert opening.metadata.get("y") == 2
    assert opening.buffers == [b"z"]
    assert cell.one("comm_close").content["data"] == {"end": 1}


def test_comm_info_lists_and_filters(client: Client, comm: str) -> None:
    every = client.request("comm_info_request").content
    assert every["status"] == "ok"
    assert every["comms"][comm] == {"target_name": "echo"}
    some = client.request("comm_info_request", {"target_name": "other"}).content
    assert comm not in some["comms"]


def test_an_unknown_target_is_closed_at_once(client: Client) -> None:
    comm_id = uuid.uuid4().hex
    content = {"comm_id": comm_id, "target_name": "no-such", "data": {}}
    published = client.wait_idle(client.send("shell", "comm_open", content))
    closing = [m for m in published if m.type == "comm_close"]
    assert [m.content["comm_id"] for m in closing] == [comm_id]


def test_a_message_to_an_unknown_comm_is_survived(client: Client) -> None:
    client.wait_idle(send(client, "no-such", {}))
    assert client.run("1").result == "1"


def test_a_callback_that_raises_is_survived(client: Client, comm: str) -> None:
    client.run("opened[-1][0].on_msg(lambda message: 1/0)")
    client.wait_idle(send(client, comm, {}))
    assert client.run("1").result == "1"
    info = client.request("comm_info_request").content
    assert comm in info["comms"]


def test_a_target_that_raises_closes_its_comm(client: Client) -> None:
    client.run(
        "from comm import get_comm_manager\n"
        "get_comm_manager().register_target('bad', lambda comm, message: 1/0)"
    )
    comm_id = uuid.uuid4().hex
    content = {"comm_id": comm_id, "target_name": "bad", "data": {}}
    client.wait_idle(client.send("shell", "comm_open", content))
    client.run("pass")
    assert comm_id not in client.request("comm_info_request").content["comms"]


def test_what_a_callback_prints_belongs_to_the_message(client: Client, comm: str) -> None:
    client.run("opened[-1][0].on_msg(lambda message: print('from the callback'))")
    published = client.wait_idle(send(client, comm, {}))
    assert [m.content["text"] for m in published if m.type == "stream"] == ["from the callback\n"]


def test_a_comm_is_heard_while_an_async_cell_awaits(
    kernel: Kernel, client: Client, comm: str
) -> None:
    code = (
        "import asyncio\nprint('begun')\n"
        "while not received: await asyncio.sleep(0.01)\n"
        "received[0]['content']['data']"
    )
    cell = client.execute("received.clear()\n" + code).wait_for_text("begun")
    request = send(client, comm, {"in": "time"})
    client.wait(
        lambda: "comm_msg" in [m.type for m in client.published(request)], "the answer in time"
    )
    if not kernel.target.is_ipykernel:  # It publishes no status then, for fear of a false idle.
        client.wait_idle(request)
    assert cell.wait().result == "{'in': 'time'}"


def test_comm_messages_keep_their_order_among_cells(client: Client, comm: str) -> None:
    client.run("received.clear()")
    last = [send(client, comm, {"n": n}) for n in range(100)][-1]
    assert (
        client.run("[m['content']['data']['n'] for m in received] == list(range(100))").result
        == "True"
    )
    client.wait_idle(last)


def test_the_comm_manager_is_one(client: Client) -> None:
    code = "import comm; comm.get_comm_manager() is get_ipython().kernel.comm_manager"
    assert client.run(code).result == "True"


def test_widgets_are_comms(client: Client) -> None:
    code = "import ipywidgets\nslider = ipywidgets.IntSlider(value=3)\nslider"
    cell = client.execute(code).wait()
    if cell.status == "error" and cell.reply.content["ename"] == "ModuleNotFoundError":
        pytest.skip("this environment has no ipywidgets")
    view = cell.one("display_data" if cell.of_type("display_data") else "execute_result")
    model = view.content["data"]["application/vnd.jupyter.widget-view+json"]["model_id"]
    assert model in [m.content["comm_id"] for m in cell.of_type("comm_open")]
    data = {"method": "update", "state": {"value": 7}, "buffer_paths": []}
    client.wait_idle(send(client, model, data))
    assert client.run("slider.value").result == "7"
