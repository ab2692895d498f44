"""input() and getpass: questions to the client that runs the cell, and to no other."""

from __future__ import annotations

import pytest
from harness import Client


def test_input_asks_and_takes_the_answer(client: Client) -> None:
    cell = client.execute("answer = input('Who? ')\nanswer", allow_stdin=True)
    question = cell.answer("Ada")
    assert question.content == {"prompt": "Who? ", "password": False}
    assert question.parent_header["msg_id"] == cell.request.id
    assert cell.wait().result == "'Ada'"


def test_the_answer_is_text_of_any_kind(client: Client) -> None:
    cell = client.execute("input()", allow_stdin=True)
    cell.answer("ä😀\n \\")
    assert cell.wait().result == repr("ä😀\n \\")


def test_getpass_asks_for_a_password(client: Client) -> None:
    cell = client.execute("import getpass\ngetpass.getpass('Word: ')", allow_stdin=True)
    question = cell.answer("secret")
    assert question.content == {"prompt": "Word: ", "password": True}
    assert cell.wait().result == "'secret'"


def test_the_prompt_may_be_any_object(client: Client) -> None:
    cell = client.execute("input(17)", allow_stdin=True)
    assert cell.answer("").content["prompt"] == "17"
    assert cell.wait().result == "''"


def test_text_before_a_question_is_shown_before_it(client: Client) -> None:
    cell = client.execute("print('hello', end='')\ninput()", allow_stdin=True)
    cell.wait_for_input()
    cell.wait_for_text("hello")
    cell.answer("x")
    cell.wait()


def test_several_questions_in_one_cell(client: Client) -> None:
    cell = client.execute("[input(str(n)) for n in range(3)]", allow_stdin=True)
    for number in (1, 2, 3):
        cell.answer(f"answer {number}", number)
    assert cell.wait().result == "['answer 1', 'answer 2', 'answer 3']"


def test_without_permission_a_question_is_an_error(client: Client) -> None:
    for code in ("input()", "import getpass; getpass.getpass()"):
        cell = client.run(code, allow_stdin=False, expect="error")
        assert cell.reply.content["ename"] == "StdinNotImplementedError"


def test_an_answer_nobody_waits_for_is_not_taken_for_the_next_question(client: Client) -> None:
    client.send("stdin", "input_reply", {"value": "stale"})
    client.run("pass")
    cell = client.execute("input('now? ')", allow_stdin=True)
    cell.answer("fresh")
    assert cell.wait().result == "'fresh'"


def test_an_answer_to_an_interrupted_question_is_not_taken_for_the_next(client: Client) -> None:
    first = client.execute("input('first')", allow_stdin=True)
    question = first.wait_for_input()
    client.request("interrupt_request", channel="control")
    assert first.wait().reply.content["ename"] == "KeyboardInterrupt"
    client.send("stdin", "input_reply", {"value": "stale"}, parent=question)
    second = client.execute("input('second')", allow_stdin=True)
    second.answer("fresh")
    assert second.wait().result == "'fresh'"


def test_the_question_goes_to_the_client_that_runs_the_cell(client: Client) -> None:
    with Client(client.connection, alive=client.check_alive) as other:
        other.wait_ready()
        cell = other.execute("input()", allow_stdin=True)
        cell.answer("from other")
        assert cell.wait().result == "'from other'"
        client.pump()
        assert cell.request.id not in [m.parent_id for m in client.messages["stdin"]]


def test_pdb_talks_through_input(client: Client) -> None:
    code = "import pdb\ndef inner():\n    local = 42\n    pdb.set_trace()\ninner()"
    cell = client.execute(code, allow_stdin=True)
    cell.answer("p local + 1", 1)
    cell.wait_for_text("43")
    cell.answer("c", 2)
    assert cell.wait().status == "ok"


@pytest.mark.parametrize("place", ["thread", "task"])
def test_questions_from_elsewhere_than_the_main_line(client: Client, place: str) -> None:
    if place == "thread":
        code = (
            "import threading, contextvars\n"
            "answers = []\n"
            "thread = threading.Thread(target=lambda: answers.append(input('t')))\n"
            "thread.start(); thread.join(); answers"
        )
    else:
        code = "async def ask(): return [input('t')]\nawait ask()"
    cell = client.execute(code, allow_stdin=True)
    cell.answer("from afar")
    assert cell.wait().result == "['from afar']"


def test_reading_sys_stdin_does_not_hang(client: Client) -> None:
    cell = client.execute("import sys\nsys.stdin.readline()", allow_stdin=True)
    assert cell.wait().status in ("ok", "error")
