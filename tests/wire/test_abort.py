"""After an error the cells that wait are aborted: all of them, and no others."""

from __future__ import annotations

from typing import Any

import pytest
from harness import Client, Execution, is_status


def queue_behind_an_error(client: Client, count: int, **flags: Any) -> list[Execution]:
    """An error, and cells that are on their way before it can happen."""
    failing = client.execute("import time; time.sleep(0.3); 1/0", **flags)
    others = [client.execute(f"'ran {n}'") for n in range(count)]
    assert failing.wait().status == "error"
    return [other.wait() for other in others]


def test_queued_cells_are_aborted_after_an_error(client: Client) -> None:
    for cell in queue_behind_an_error(client, 3):
        assert cell.status == "aborted"
        assert cell.types == []
        assert is_status(cell.published[0], "busy")
        assert is_status(cell.published[-1], "idle")
        assert "execute_input" not in [m.type for m in cell.published]


def test_an_aborted_cell_has_the_metadata_of_one(client: Client) -> None:
    (cell,) = queue_behind_an_error(client, 1)
    assert cell.reply.metadata["status"] == "aborted"


def test_stop_on_error_false_lets_queued_cells_run(client: Client) -> None:
    cells = queue_behind_an_error(client, 3, stop_on_error=False)
    assert [cell.status for cell in cells] == ["ok"] * 3


def test_hundreds_of_cells_sent_before_the_error_are_all_aborted(client: Client) -> None:
    before = client.run("ran = []").reply.content["execution_count"]
    failing = client.execute("import time; time.sleep(0.5); 1/0")
    others = [client.execute("ran.append(1)") for _ in range(300)]
    assert failing.wait().status == "error"
    assert {cell.wait().status for cell in others} == {"aborted"}
    after = client.run("len(ran)")
    assert after.result == "0"
    assert after.reply.content["execution_count"] == before + 2


@pytest.mark.ipykernel_differs("it may abort what comes within the same moment")
def test_a_cell_sent_after_the_reply_of_an_error_runs(client: Client) -> None:
    """No timer swallows what a person runs next."""
    for _ in range(5):
        failing = client.execute("1/0")
        client.reply_to(failing.request)
        assert client.run("'next'").result == "'next'"


def test_a_flood_right_after_an_error_is_aborted_to_a_point_and_then_runs(client: Client) -> None:
    """Cells that race with the error: aborted ones first, then ones that run, none in between."""
    client.run("ran = 0")
    cells = [client.execute("1/0")]
    cells += [client.execute("ran += 1") for _ in range(300)]
    statuses = [cell.wait().status for cell in cells[1:]]
    assert set(statuses) <= {"aborted", "ok"}
    assert statuses == sorted(statuses), "a cell ran between aborted ones"
    assert client.run("ran").result == str(statuses.count("ok"))


def test_other_requests_are_answered_while_cells_are_aborted(client: Client) -> None:
    failing = client.execute("import time; time.sleep(0.3); 1/0")
    cell = client.execute("1")
    complete = client.send("shell", "complete_request", {"code": "prin", "cursor_pos": 4})
    last = client.execute("2")
    failing.wait()
    assert cell.wait().status == "aborted"
    assert last.wait().status == "aborted"
    assert "print" in client.reply_to(complete).content["matches"]


def test_an_interrupt_aborts_what_waits(client: Client) -> None:
    running = client.execute("print('begun')\nwhile True: pass")
    waiting = client.execute("'waited'")
    running.wait_for_text("begun")
    client.request("interrupt_request", channel="control")
    assert running.wait().status == "error"
    assert waiting.wait().status == "aborted"


def test_an_error_of_one_client_aborts_the_others_cells(client: Client) -> None:
    with Client(client.connection, alive=client.check_alive) as other:
        other.wait_ready()
        failing = client.execute("print('begun')\nimport time; time.sleep(0.5); 1/0")
        failing.wait_for_text("begun")
        cell = other.execute("1")
        failing.wait()
        assert cell.wait().status == "aborted"


def test_an_error_in_user_expressions_aborts_nothing(client: Client) -> None:
    first = client.execute("import time; time.sleep(0.2)", user_expressions={"bad": "1/0"})
    second = client.execute("'ran'")
    assert first.wait().status == "ok"
    assert second.wait().result == "'ran'"


@pytest.mark.parametrize("silent", [False, True])
def test_a_silent_error_aborts_as_well(client: Client, silent: bool) -> None:
    (cell,) = queue_behind_an_error(client, 1, silent=silent)
    assert cell.status == ("ok" if silent else "aborted")
