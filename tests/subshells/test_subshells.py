"""Subshells (JEP 91): cells beside the main shell's, each with its own output, input and end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from harness import Client, Message, wait_until


class Subshell:
    """A subshell of the kernel a client talks to."""

    def __init__(self, client: Client) -> None:
        self.client = client
        reply = client.request("create_subshell_request", {}, channel="control")
        assert reply.content["status"] == "ok"
        self.id: str = reply.content["subshell_id"]
        self.header = {"subshell_id": self.id}

    def delete(self) -> Message:
        return delete(self.client, self.id)


def delete(client: Client, subshell_id: str) -> Message:
    content = {"subshell_id": subshell_id}
    return client.request("delete_subshell_request", content, channel="control")


def ids(client: Client) -> list[str]:
    reply = client.request("list_subshell_request", {}, channel="control")
    assert reply.content["status"] == "ok"
    found: list[str] = reply.content["subshell_id"]
    return found


@pytest.fixture
def subshell(client: Client) -> Iterator[Subshell]:
    subshell = Subshell(client)
    yield subshell
    if subshell.id in ids(client):
        subshell.delete()


def interrupt(client: Client) -> None:
    client.request("interrupt_request", {}, channel="control")


def test_kernel_info_says_that_there_are_subshells(client: Client) -> None:
    info = client.request("kernel_info_request").content
    assert "kernel subshells" in info["supported_features"]


def test_create_list_delete(client: Client) -> None:
    assert ids(client) == []
    first, second = Subshell(client), Subshell(client)
    assert first.id != second.id
    assert sorted(ids(client)) == sorted([first.id, second.id])
    assert first.delete().content["status"] == "ok"
    assert ids(client) == [second.id]
    assert second.delete().content["status"] == "ok"
    assert ids(client) == []


def test_deleting_twice_is_an_error(subshell: Subshell) -> None:
    assert subshell.delete().content["status"] == "ok"
    reply = subshell.delete().content
    assert reply["status"] == "error"
    assert subshell.id in reply["evalue"]


def test_a_request_for_an_unknown_subshell_is_an_error(client: Client) -> None:
    cell = client.execute("print('never')", header={"subshell_id": "no-such-subshell"}).wait()
    assert cell.status == "error"
    assert cell.text() == ""


def test_a_request_for_a_deleted_subshell_is_an_error(subshell: Subshell) -> None:
    subshell.delete()
    cell = subshell.client.execute("print('never')", header=subshell.header).wait()
    assert cell.status == "error"
    assert cell.text() == ""


def test_the_namespace_is_shared(subshell: Subshell) -> None:
    client = subshell.client
    client.run("shared = 1")
    assert client.execute("shared += 1; shared", header=subshell.header).wait().result == "2"
    assert client.run("shared").result == "2"


def test_cells_run_while_the_main_shell_computes(subshell: Subshell) -> None:
    client = subshell.client
    client.run("go = False")
    main = client.execute("print('started')\nwhile not go: pass\nprint('ended')")
    main.wait_for_text("started")
    other = client.execute("print('beside'); go = True", header=subshell.header).wait()
    assert other.text() == "beside\n"
    assert main.wait().text() == "started\nended\n"


def test_two_subshells_and_the_main_shell_run_at_once(subshell: Subshell) -> None:
    client = subshell.client
    second = Subshell(client)
    client.run("import threading\nmeet = threading.Barrier(3, timeout=50)")
    code = "n = meet.wait()\nprint('met {}')"
    cells = [
        client.execute(code.format("main")),
        client.execute(code.format("one"), header=subshell.header),
        client.execute(code.format("two"), header=second.header),
    ]
    texts = [cell.wait().text() for cell in cells]
    assert texts == ["met main\n", "met one\n", "met two\n"]
    second.delete()


def test_errors_results_and_displays_go_to_their_own_cells(subshell: Subshell) -> None:
    client = subshell.client
    client.run("import threading\nmeet = threading.Barrier(2, timeout=50)")
    main = client.execute("_ = meet.wait(); display('m'); meet.wait(); 1/0")
    beside = client.execute(
        "_ = meet.wait(); display('s'); meet.wait(); undefined", header=subshell.header
    )
    main.wait()
    beside.wait()
    assert main.reply.content["ename"] == "ZeroDivisionError"
    assert beside.reply.content["ename"] == "NameError"
    assert main.one("error").content["ename"] == "ZeroDivisionError"
    assert beside.one("error").content["ename"] == "NameError"
    assert main.one("display_data").content["data"]["text/plain"] == "'m'"
    assert beside.one("display_data").content["data"]["text/plain"] == "'s'"


def test_threads_of_a_subshell_write_to_its_cell(subshell: Subshell) -> None:
    client = subshell.client
    code = (
        "import threading\n"
        "thread = threading.Thread(target=print, args=('from a thread',))\n"
        "thread.start(); thread.join()"
    )
    assert client.execute(code, header=subshell.header).wait().text() == "from a thread\n"


def test_a_subshell_asks_for_input(subshell: Subshell) -> None:
    client = subshell.client
    cell = client.execute("input('name? ')", header=subshell.header, allow_stdin=True)
    question = cell.answer("Ada")
    assert question.content["prompt"] == "name? "
    assert cell.wait().result == "'Ada'"


def test_a_subshell_awaits_on_a_loop_of_its_own(subshell: Subshell) -> None:
    client = subshell.client
    client.run("import asyncio\nmain_loop = asyncio.get_running_loop()")
    cell = client.execute(
        "import asyncio\nawait asyncio.sleep(0.01)\nasyncio.get_running_loop() is main_loop",
        header=subshell.header,
    )
    assert cell.wait().result == "False"
    again = client.execute("await asyncio.sleep(0, 'again')", header=subshell.header)
    assert again.wait().result == "'again'"


def test_other_requests_of_a_subshell(subshell: Subshell) -> None:
    client = subshell.client
    client.run("word_in_the_namespace = 1\ngo = False")
    main = client.execute("print('started')\nwhile not go: pass").wait_for_text("started")
    reply = client.request(
        "complete_request",
        {"code": "word_in_the_n", "cursor_pos": 13},
        header=subshell.header,
    )
    assert "word_in_the_namespace" in reply.content["matches"]
    reply = client.request("comm_info_request", {}, header=subshell.header)
    assert reply.content["status"] == "ok"
    client.execute("go = True", header=subshell.header).wait()
    main.wait()


def test_an_interrupt_goes_to_the_main_shells_cell(subshell: Subshell) -> None:
    client = subshell.client
    client.run("go = False")
    beside = client.execute(
        "print('beside')\nwhile not go: pass\nprint('ended')", header=subshell.header
    ).wait_for_text("beside")
    main = client.execute("print('main')\nwhile True: pass").wait_for_text("main")
    interrupt(client)
    assert main.wait().reply.content["ename"] == "KeyboardInterrupt"
    client.run("go = True")
    assert beside.wait().text() == "beside\nended\n"


@pytest.mark.ipykernel_differs("interrupts do not reach subshells")
@pytest.mark.parametrize(
    "wait",
    [
        "while True: pass",
        "import time\nwhile True: time.sleep(0.05)",
        "import asyncio\nawait asyncio.sleep(1000)",
        "import asyncio\nawait asyncio.Event().wait()",
        "import asyncio\nasync def f(): await asyncio.sleep(1000)\nawait asyncio.gather(f(), f())",
        "input()",
    ],
)
def test_an_interrupt_while_the_main_shell_is_idle_goes_to_the_subshells(
    subshell: Subshell, wait: str
) -> None:
    client = subshell.client
    code = f"print('busy')\n{wait}"
    cell = client.execute(code, header=subshell.header, allow_stdin=True).wait_for_text("busy")
    if wait == "input()":
        cell.wait_for_input()
    interrupt(client)
    cell.wait()
    assert cell.reply.content["ename"] == "KeyboardInterrupt"
    assert cell.one("error").content["ename"] == "KeyboardInterrupt"
    # The subshell goes on, and so does what it awaits.
    again = client.execute(
        "import asyncio\nawait asyncio.wait_for(asyncio.sleep(0.01, 'on'), 50)",
        header=subshell.header,
    )
    assert again.wait().result == "'on'"
    assert client.run("print('main')").text() == "main\n"


@pytest.mark.ipykernel_differs("interrupts do not reach subshells")
def test_a_cell_of_a_subshell_that_has_caught_an_interrupt_gets_the_next(
    subshell: Subshell,
) -> None:
    client = subshell.client
    code = (
        "try:\n"
        "    print('busy')\n"
        "    while True: pass\n"
        "except KeyboardInterrupt:\n"
        "    print('caught')\n"
        "    while True: pass"
    )
    cell = client.execute(code, header=subshell.header).wait_for_text("busy")
    interrupt(client)
    cell.wait_for_text("caught")
    interrupt(client)
    assert cell.wait().reply.content["ename"] == "KeyboardInterrupt"


# The loop is asked to cancel the cell, and before that stands in its queue what `first` puts there.
CANCELLED_AFTER = """\
import asyncio
loop = asyncio.get_running_loop()
later = loop.create_future()
cancel_after = loop.call_soon_threadsafe
def block():
    while True: pass
def call_soon_threadsafe(*args):
    first()
    return cancel_after(*args)
loop.call_soon_threadsafe = call_soon_threadsafe
print('busy')
"""


@pytest.mark.ipykernel_differs("interrupts do not reach subshells")
@pytest.mark.parametrize(
    ("first", "then"),
    [
        pytest.param("cancel_after(block)", "", id="a callback"),
        pytest.param("later.set_result(None)", "while True: pass", id="the next step of the cell"),
    ],
)
def test_an_interrupt_of_a_subshells_cell_that_awaits_stops_what_its_loop_does_first(
    subshell: Subshell, first: str, then: str
) -> None:
    client = subshell.client
    code = f"first = lambda: {first}\n{CANCELLED_AFTER}await later\n{then}"
    cell = client.execute(code, header=subshell.header).wait_for_text("busy")
    interrupt(client)
    assert cell.wait().reply.content["ename"] == "KeyboardInterrupt"
    assert client.execute("'usable'", header=subshell.header).wait().result == "'usable'"


@pytest.mark.ipykernel_differs("interrupts do not reach subshells")
def test_an_interrupt_of_a_subshells_cell_comes_once(subshell: Subshell) -> None:
    client = subshell.client
    code = (
        f"first = lambda: later.set_result(None)\n{CANCELLED_AFTER}await later\n"
        "try: [None for _ in iter(int, 1)]\n"
        "except KeyboardInterrupt: await asyncio.sleep(0.2)\n"
        "'once'"
    )
    cell = client.execute(code, header=subshell.header).wait_for_text("busy")
    interrupt(client)
    assert cell.wait().result == "'once'"


@pytest.mark.ipykernel_differs("interrupts do not reach subshells")
def test_an_interrupt_of_a_subshells_cell_leaves_no_lock_taken(subshell: Subshell) -> None:
    client = subshell.client
    client.run("import threading\nlock = threading.Condition(threading.Lock())")
    for _ in range(20):
        code = "print('busy')\nwhile True:\n    with lock: pass"
        cell = client.execute(code, header=subshell.header).wait_for_text("busy")
        interrupt(client)
        assert cell.wait().reply.content["ename"] == "KeyboardInterrupt"
        assert client.run("lock.acquire(blocking=False) and not lock.release()").result == "True"


@pytest.mark.ipyrust_only("ipykernel waits for the cell, for ever")
@pytest.mark.parametrize(
    "wait", ["while True: pass", "import asyncio\nawait asyncio.Event().wait()", "input()"]
)
def test_deleting_a_busy_subshell_ends_its_cell(subshell: Subshell, wait: str) -> None:
    client = subshell.client
    code = f"import threading\nown = threading.current_thread()\nprint('busy')\n{wait}"
    cell = client.execute(code, header=subshell.header, allow_stdin=True).wait_for_text("busy")
    if wait == "input()":
        cell.wait_for_input()
    waiting = client.execute("print('never')", header=subshell.header)
    assert subshell.delete().content["status"] == "ok"
    assert cell.wait().reply.content["ename"] == "KeyboardInterrupt"
    assert waiting.wait().reply.content["status"] in ("error", "aborted")
    assert waiting.text() == ""
    wait_until(lambda: client.run("own.is_alive()").result == "False", "the end of the thread")


@pytest.mark.ipyrust_only("ipykernel waits for the cell")
def test_deleting_a_subshell_that_cannot_be_interrupted(subshell: Subshell) -> None:
    client = subshell.client
    client.run("import threading\nhold = threading.Lock(); _ = hold.acquire()")
    cell = client.execute("print('busy'); hold.acquire()", header=subshell.header)
    cell.wait_for_text("busy")
    assert subshell.delete().content["status"] == "ok"
    client.run("hold.release()")
    cell.wait()
    assert client.run("print('alive')").text() == "alive\n"


def test_aborting_in_a_subshell_leaves_the_main_shell_alone(subshell: Subshell) -> None:
    client = subshell.client
    client.run("go = False")
    main = client.execute("print('main')\nwhile not go: pass").wait_for_text("main")
    behind = client.execute("print('behind')")
    failing = client.execute("1/0", header=subshell.header)
    assert failing.wait().status == "error"
    client.execute("go = True", header=subshell.header).wait()
    assert main.wait().status == "ok"
    assert behind.wait().text() == "behind\n"


def test_the_magic(subshell: Subshell) -> None:
    client = subshell.client
    text = client.execute("%subshell", header=subshell.header).wait().text()
    assert f"subshell id: {subshell.id}" in text
    assert "subshell id: None" in client.run("%subshell").text()


def test_many_subshells(client: Client) -> None:
    subshells = [Subshell(client) for _ in range(10)]
    cells: list[Any] = [client.execute("21 * 2", header=each.header) for each in subshells]
    assert [cell.wait().result for cell in cells] == ["42"] * 10
    for subshell in subshells:
        subshell.delete()
    assert ids(client) == []
    count = "import threading; [t.name for t in threading.enumerate() if 'subshell-' in t.name]"
    assert client.run(count).result == "[]"
