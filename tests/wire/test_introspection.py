"""complete, inspect, is_complete and history: what an editor asks between cells and during them."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest
from harness import Client, Kernel, StartKernel


def complete(client: Client, code: str, cursor: int | None = None) -> dict[str, Any]:
    position = len(code) if cursor is None else cursor
    content = {"code": code, "cursor_pos": position}
    return client.request("complete_request", content).content


def complete_in_full(client: Client, code: str) -> dict[str, Any]:
    """Asks until the answer is jedi's, too, which makes itself ready beside the kernel's work."""
    content = {"code": code, "cursor_pos": len(code)}
    limit = time.monotonic() + 120
    while time.monotonic() < limit:
        reply = client.request("complete_request", content)
        if "ipyrust" not in reply.metadata:
            return reply.content
    raise AssertionError("jedi did not become ready")


def test_completion_of_names(client: Client) -> None:
    client.run("alphabetical_order = 1")
    content = complete(client, "x = alphabetical_")
    assert content["status"] == "ok"
    assert content["matches"] == ["alphabetical_order"]
    assert (content["cursor_start"], content["cursor_end"]) == (4, 17)


def test_completion_says_the_types(client: Client) -> None:
    client.run("def alphabetical_function(a): pass")
    types = complete_in_full(client, "alphabetical_f")["metadata"]["_jupyter_types_experimental"]
    assert types[0]["text"] == "alphabetical_function"
    assert types[0]["type"] == "function"
    assert types[0]["start"] == 0
    assert types[0]["end"] == 14


def test_the_cursor_counts_characters_not_bytes(client: Client) -> None:
    client.run("alphabetical_order = 1")
    code = "'äöü😀'; alphabetical_o"
    content = complete(client, code)
    assert content["matches"] == ["alphabetical_order"]
    assert content["cursor_start"] == len("'äöü😀'; ")
    assert content["cursor_end"] == len(code)


def test_completion_in_the_middle(client: Client) -> None:
    client.run("alphabetical_order = 1")
    content = complete(client, "alphabetical_ + 1\n2", 13)
    assert (content["cursor_start"], content["cursor_end"]) == (0, 13)


def test_completion_of_attributes_and_magics(client: Client) -> None:
    matches = complete_in_full(client, "''.up")["matches"]
    assert "upper" in [match.rpartition(".")[2] for match in matches]
    assert "%timeit" in complete(client, "%timei")["matches"]


@pytest.mark.ipykernel_differs("the first answer waits for jedi")
def test_the_first_answer_does_not_wait_for_jedi_to_fill_its_cache(
    start_kernel: StartKernel, tmp_path: Path
) -> None:
    client = start_kernel(environment={"XDG_CACHE_HOME": str(tmp_path)}).client()
    # A jedi that never becomes ready.
    client.run("import jedi, threading; jedi.Interpreter = lambda *_: threading.Event().wait()")
    client.run("alphabetical_order = 1")
    reply = client.request("complete_request", {"code": "alphabetical_", "cursor_pos": 13})
    assert reply.content["matches"] == ["alphabetical_order"]
    assert reply.metadata["ipyrust"] == {"partial": True}


def test_the_first_answer_is_jedis_where_its_cache_is_filled(
    start_kernel: StartKernel, tmp_path: Path
) -> None:
    for first in (True, False):
        kernel = start_kernel(environment={"XDG_CACHE_HOME": str(tmp_path)})
        client = kernel.client()
        client.run("def alphabetical_function(a): pass")
        if first:
            complete_in_full(client, "alphabetical_f")
        else:
            reply = client.request("complete_request", {"code": "alphabetical_f", "cursor_pos": 14})
            assert "ipyrust" not in reply.metadata
            (found,) = reply.content["metadata"]["_jupyter_types_experimental"]
            assert (found["type"], found["signature"]) == ("function", "(a)")


def test_nothing_to_complete(client: Client) -> None:
    assert complete(client, "no_such_name_at_all_")["matches"] == []


def test_inspect_shows_signature_and_text(client: Client) -> None:
    client.run("def explained(a, b=2):\n    'Explains itself.'\n    return a")
    request = {"code": "explained(", "cursor_pos": 9, "detail_level": 0}
    content = client.request("inspect_request", request).content
    assert content["found"] is True
    plain = re.sub(r"\x1b\[[0-9;]*m", "", content["data"]["text/plain"])
    assert "explained(a, b=2)" in plain
    assert "Explains itself." in plain


def test_inspect_in_detail_shows_the_source(client: Client) -> None:
    client.run("def explained(a, b=2):\n    'Explains itself.'\n    return 4321")
    request = {"code": "explained", "cursor_pos": 3, "detail_level": 1}
    assert "4321" in client.request("inspect_request", request).content["data"]["text/plain"]


def test_inspect_inside_the_brackets_is_about_the_function(client: Client) -> None:
    request = {"code": "print('a', 'b')", "cursor_pos": 8, "detail_level": 0}
    content = client.request("inspect_request", request).content
    assert "stream" in content["data"]["text/plain"]


def test_inspect_finds_nothing(client: Client) -> None:
    request = {"code": "no_such_name_at_all", "cursor_pos": 3, "detail_level": 0}
    content = client.request("inspect_request", request).content
    assert (content["status"], content["found"], content["data"]) == ("ok", False, {})


@pytest.mark.parametrize(
    ("code", "status", "indent"),
    [
        ("1 + 1", "complete", None),
        ("for a in b:", "incomplete", "    "),
        ("if a:\n    pass", "incomplete", "    "),
        ("a = (", "incomplete", ""),
        ("'''", "incomplete", ""),
        ("a b", "invalid", None),
        ("", "complete", None),
        ("%%bash", "incomplete", ""),
    ],
)
def test_is_complete(client: Client, code: str, status: str, indent: str | None) -> None:
    content = client.request("is_complete_request", {"code": code}).content
    assert content["status"] == status
    assert content.get("indent") == indent


@pytest.fixture(scope="module")
def remembered(kernel: Kernel) -> int:
    """The number of the first of three cells in the history."""
    with kernel.client() as client:
        first = client.run("'history one'").reply.content["execution_count"]
        client.run("'history two'")
        client.run("%time 'history three'")
    return int(first)


def history(client: Client, **content: Any) -> list[Any]:
    request = {"output": False, "raw": True, **content}
    reply = client.request("history_request", request).content
    assert reply["status"] == "ok"
    entries = reply["history"]
    assert isinstance(entries, list)
    return entries


def test_the_tail_of_history(client: Client, remembered: int) -> None:
    client.run("'history four'")
    entries = history(client, hist_access_type="tail", n=2)
    assert entries[-1][2] == "'history four'"
    assert len(entries) == 2


def test_a_range_of_history(client: Client, remembered: int) -> None:
    entries = history(
        client, hist_access_type="range", session=0, start=remembered, stop=remembered + 2
    )
    assert [(n, code) for _, n, code in entries] == [
        (remembered, "'history one'"),
        (remembered + 1, "'history two'"),
    ]


def test_a_range_with_output(client: Client, remembered: int) -> None:
    entries = history(
        client,
        hist_access_type="range",
        output=True,
        session=0,
        start=remembered,
        stop=remembered + 1,
    )
    assert entries[0][2] == ["'history one'", "'history one'"]


def test_history_translated_to_python(client: Client, remembered: int) -> None:
    start = remembered + 2
    entries = history(
        client, hist_access_type="range", raw=False, session=0, start=start, stop=start + 1
    )
    assert entries[0][2].startswith("get_ipython().run_line_magic('time'")


def test_a_search_in_history(client: Client, remembered: int) -> None:
    client.run("pass")  # The last cell may not be written yet.
    entries = history(client, hist_access_type="search", pattern="'history t*", n=10)
    assert "'history two'" in [code for _, _, code in entries]
    assert "'history one'" not in [code for _, _, code in entries]


def test_a_search_for_unique_entries(client: Client, remembered: int) -> None:
    for _ in range(2):
        client.run("'history again'")
    client.run("pass")
    found = history(client, hist_access_type="search", pattern="'history again*", n=10, unique=True)
    assert [code for _, _, code in found] == ["'history again'"]


@pytest.mark.ipykernel_differs("everything waits for the cell")
@pytest.mark.parametrize(
    ("message_type", "content"),
    [
        ("complete_request", {"code": "known_na", "cursor_pos": 8}),
        ("inspect_request", {"code": "known_name", "cursor_pos": 5, "detail_level": 0}),
        ("is_complete_request", {"code": "for a in b:"}),
    ],
)
def test_an_editor_is_answered_while_a_cell_computes(
    client: Client, message_type: str, content: dict[str, Any]
) -> None:
    client.run("known_name = 'a known value'")
    cell = client.execute("print('begun')\nwhile True: pass")
    cell.wait_for_text("begun")
    request = client.send("shell", message_type, content)
    reply = client.reply_to(request).content
    assert not client.has_reply(cell.request)
    match message_type:
        case "complete_request":
            assert "known_name" in reply["matches"]
        case "inspect_request":
            assert reply["found"] is True
        case _:
            assert (reply["status"], reply["indent"]) == ("incomplete", "    ")
    client.request("interrupt_request", channel="control")
    assert cell.wait().status == "error"
