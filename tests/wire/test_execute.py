"""execute_request: every flag, results, errors, expressions, payloads, and what the reply says."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from harness import Client, Kernel, is_status, wait_until


def test_a_cell_is_framed_by_busy_and_idle(client: Client) -> None:
    cell = client.run("1 + 1")
    assert [m.type for m in cell.published] == [
        "status", "execute_input", "execute_result", "status",
    ]  # fmt: skip
    assert is_status(cell.published[0], "busy")
    assert is_status(cell.published[-1], "idle")


def test_execute_input_repeats_the_code_with_its_number(client: Client) -> None:
    cell = client.run("a = 'ä\\n'\n")
    content = cell.one("execute_input").content
    assert content["code"] == "a = 'ä\\n'\n"
    assert content["execution_count"] == cell.reply.content["execution_count"]


def test_a_result_has_the_number_of_its_cell(client: Client) -> None:
    cell = client.run("6 * 7")
    result = cell.one("execute_result").content
    assert result["data"] == {"text/plain": "42"}
    assert result["metadata"] == {}
    assert result["execution_count"] == cell.reply.content["execution_count"]


def test_cells_are_counted(client: Client) -> None:
    first = client.run("pass").reply.content["execution_count"]
    assert client.run("pass").reply.content["execution_count"] == first + 1


def test_a_silent_cell_shows_nothing_and_is_not_counted(client: Client) -> None:
    before = client.run("pass").reply.content["execution_count"]
    cell = client.run("silent_was_here = 1\nsilent_was_here", silent=True)
    assert [m.type for m in cell.published] == ["status", "status"]
    after = client.run("silent_was_here")
    assert after.result == "1"
    assert after.reply.content["execution_count"] == before + 1


def test_a_silent_cell_still_prints(client: Client) -> None:
    assert client.run("print('heard')", silent=True).text() == "heard\n"


def test_a_silent_error_is_in_the_reply(client: Client) -> None:
    cell = client.run("1/0", silent=True, expect="error")
    assert cell.reply.content["ename"] == "ZeroDivisionError"


def test_without_store_history_the_cell_is_not_counted(client: Client) -> None:
    before = client.run("pass").reply.content["execution_count"]
    client.run("'forget me'", store_history=False)
    assert client.run("pass").reply.content["execution_count"] == before + 1
    content = {"hist_access_type": "tail", "n": 3, "output": False, "raw": True}
    history = client.request("history_request", content).content["history"]
    assert "'forget me'" not in [entry[2] for entry in history]


def test_an_error_is_published_and_replied(client: Client) -> None:
    cell = client.run("1/0", expect="error")
    error = cell.one("error").content
    reply = cell.reply.content
    for content in (error, reply):
        assert content["ename"] == "ZeroDivisionError"
        assert content["evalue"] == "division by zero"
        assert "ZeroDivisionError" in "\n".join(content["traceback"])
    assert reply["execution_count"] == cell.one("execute_input").content["execution_count"]


def test_the_name_of_an_error_is_the_plain_class_name(client: Client) -> None:
    code = "class Special(Exception): pass\nraise Special('why')"
    content = client.run(code, expect="error").reply.content
    assert (content["ename"], content["evalue"]) == ("Special", "why")


def test_a_syntax_error_is_an_error(client: Client) -> None:
    cell = client.run("def f(:", expect="error")
    assert cell.one("error").content["ename"] == "SyntaxError"


def test_sys_exit_is_an_error_and_not_the_end(client: Client) -> None:
    cell = client.run("import sys; sys.exit(3)", expect="error")
    assert cell.reply.content["ename"] == "SystemExit"
    assert client.run("1").result == "1"


def test_an_exception_whose_text_fails_is_survived(client: Client) -> None:
    code = "class Bad(Exception):\n def __str__(self): raise TypeError('no')\nraise Bad()"
    # IPython shows either error, by its version.
    assert client.run(code, expect="error").reply.content["ename"] in ("Bad", "TypeError")
    assert client.run("1").result == "1"


def test_user_expressions_are_evaluated_one_by_one(client: Client) -> None:
    expressions = {"good": "2 + 3", "bad": "1/0"}
    reply = client.run("x = 1", user_expressions=expressions).reply.content
    good, bad = reply["user_expressions"]["good"], reply["user_expressions"]["bad"]
    assert good == {"status": "ok", "data": {"text/plain": "5"}, "metadata": {}}
    assert (bad["status"], bad["ename"]) == ("error", "ZeroDivisionError")


def test_user_expressions_are_not_evaluated_after_an_error(client: Client) -> None:
    reply = client.run("1/0", expect="error", user_expressions={"a": "1"}).reply.content
    assert reply.get("user_expressions", {}) == {}


def test_the_reply_says_when_the_cell_started(client: Client) -> None:
    metadata = client.run("pass").reply.metadata
    started = datetime.datetime.fromisoformat(metadata["started"].replace("Z", "+00:00"))
    assert started.tzinfo is not None
    assert metadata["dependencies_met"] is True
    assert metadata["status"] == "ok"
    assert metadata["engine"]


def test_the_metadata_of_a_failed_cell_says_error(client: Client) -> None:
    assert client.run("1/0", expect="error").reply.metadata["status"] == "error"


def test_the_reply_always_has_a_payload_and_expressions(client: Client) -> None:
    content = client.run("pass").reply.content
    assert content["payload"] == []
    assert content["user_expressions"] == {}


def test_set_next_input_is_a_payload(client: Client) -> None:
    code = "get_ipython().set_next_input('next', replace=True)"
    payload = client.run(code).reply.content["payload"]
    assert payload == [{"source": "set_next_input", "text": "next", "replace": True}]


def test_the_last_of_several_next_inputs_counts(client: Client) -> None:
    code = "get_ipython().set_next_input('a'); get_ipython().set_next_input('b')"
    assert [p["text"] for p in client.run(code).reply.content["payload"]] == ["b"]


def test_help_goes_to_the_pager(client: Client) -> None:
    payload = client.run("len?").reply.content["payload"]
    assert [p["source"] for p in payload] == ["page"]
    assert payload[0]["start"] == 0
    assert "Return the number of items" in payload[0]["data"]["text/plain"]


def test_edit_is_a_payload(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text("x = 1\n")
    payload = client.run(f"%edit -n 3 {path}").reply.content["payload"]
    assert [p["source"] for p in payload] == ["edit_magic"]
    assert payload[0]["filename"] == str(path)
    assert int(payload[0]["line_number"]) == 3  # Text in ipykernel, a number in the specification.


@pytest.mark.parametrize("code", ["exit", "quit()"])
def test_exit_tells_the_client_and_ends_the_kernel(fresh_kernel: Kernel, code: str) -> None:
    client = fresh_kernel.client()
    payload = client.run(code).reply.content["payload"]
    assert payload == [{"source": "ask_exit", "keepkernel": False}]
    assert fresh_kernel.wait_for_exit() == 0


def test_exit_with_keep_keeps_the_kernel(fresh_client: Client) -> None:
    payload = fresh_client.run("exit(keep_kernel=True)").reply.content["payload"]
    assert payload == [{"source": "ask_exit", "keepkernel": True}]
    assert fresh_client.run("1").result == "1"


def test_payloads_belong_to_their_cell(client: Client) -> None:
    client.run("get_ipython().set_next_input('a')")
    assert client.run("pass").reply.content["payload"] == []


def test_the_cell_id_reaches_ipython(client: Client) -> None:
    code = (
        "def note(info): cell_ids.append(info.cell_id)\n"
        "cell_ids = []; get_ipython().events.register('pre_run_cell', note)"
    )
    client.run(code)
    client.run("pass", metadata={"cellId": "the-cell"})
    ids = client.run("get_ipython().events.unregister('pre_run_cell', note); cell_ids")
    assert ids.result is not None
    assert "the-cell" in ids.result


def test_the_previous_results_are_remembered(client: Client) -> None:
    client.run("'first'")
    number = client.run("'second'").reply.content["execution_count"]
    assert client.run(f"_, __, Out[{number}], _{number}").result == (
        "('second', 'first', 'second', 'second')"
    )


def test_in_holds_the_code(client: Client) -> None:
    number = client.run("'unusual'").reply.content["execution_count"]
    assert client.run(f"In[{number}]").result == repr("'unusual'")


def test_a_semicolon_hides_the_result(client: Client) -> None:
    assert client.run("1;").types == []


def test_only_the_last_expression_is_shown_unless_asked(client: Client) -> None:
    assert client.run("1\n2").result == "2"
    client.run("get_ipython().ast_node_interactivity = 'all'")
    shown = client.run("1\n2").of_type("execute_result")
    client.run("get_ipython().ast_node_interactivity = 'last_expr'")
    assert [m.content["data"]["text/plain"] for m in shown] == ["1", "2"]


def test_an_empty_cell_is_ok(client: Client) -> None:
    for code in ("", "  \n", "# nothing"):
        assert client.run(code).types == []


def test_requests_are_answered_to_the_client_that_sent_them(client: Client) -> None:
    other = Client(client.connection, alive=client.check_alive)
    with other:
        other.wait_ready()
        mine, theirs = client.execute("'mine'"), other.execute("'theirs'")
        assert mine.wait().result == "'mine'"
        assert theirs.wait().result == "'theirs'"
        assert other.session.id != client.session.id
        # Published output goes to all.
        client.wait_idle(theirs.request)


def test_a_subshell_that_does_not_exist_is_an_error(client: Client) -> None:
    cell = client.execute("1", header={"subshell_id": "no-such"}).wait()
    assert cell.status == "error"
    assert cell.types == []


def test_megabytes_of_code_are_run(client: Client) -> None:
    code = "x = '" + "a" * 3_000_000 + "'\nlen(x)"
    assert client.run(code, store_history=False).result == "3000000"
    client.run("del x")


def test_text_with_lone_surrogates_is_survived(client: Client) -> None:
    client.execute("print('\\ud800 and more')").wait()
    assert client.run("1").result == "1"


def test_a_result_whose_repr_fails_shows_the_failure(client: Client) -> None:
    code = "class Bad:\n def __repr__(self): raise ValueError('in repr')\nBad()"
    cell = client.execute(code).wait()
    assert "in repr" in str([m.content for m in cell.published])
    assert client.run("1").result == "1"


def test_requests_of_unknown_type_are_framed_and_survived(client: Client) -> None:
    for channel in ("shell", "control"):
        request = client.send(channel, "no_such_request", {"a": 1})
        published = client.wait_idle(request)
        assert is_status(published[0], "busy")
        client.run("pass")
        assert not client.has_reply(request)


def test_a_stack_too_small_for_cells_does_not_end_the_kernel(fresh_client: Client) -> None:
    fresh_client.run("import sys, threading; before = sys.getrecursionlimit()")
    for limit in range(32, 60, 4):
        fresh_client.execute(
            "threading.Timer(0.1, sys.setrecursionlimit, [before]).start()\n"
            f"sys.setrecursionlimit({limit})"
        ).wait()
        for _ in range(3):
            fresh_client.execute("1 + 1").wait()
        wait_until(lambda: fresh_client.execute("1 + 1").wait().status == "ok", "a larger stack")
