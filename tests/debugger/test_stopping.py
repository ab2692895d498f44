"""Cells that are stopped: by breakpoints, exceptions and `breakpoint()`; and what works then."""

from __future__ import annotations

import pytest
from debugger_client import DebuggerClient
from harness import Client

CODE = """

def add_one(x):
    y = x + 1
    return y

z = add_one(3)
print(z)
"""
BODY = 4  # The line of `y = x + 1`, counting the empty lines at the beginning.


def test_a_breakpoint_stops_the_cell(attached: DebuggerClient) -> None:
    path = attached.break_at(CODE, BODY)
    cell, thread = attached.run_to_stop(CODE)
    info = attached.info()
    assert info["isStarted"] is True
    assert info["breakpoints"] == [{"source": path, "breakpoints": [{"line": BODY}]}]
    assert thread in info["stoppedThreads"]
    assert thread in [each["id"] for each in attached.ask("threads")["threads"]]
    frames = attached.frames(thread)
    assert [(frame["name"], frame["line"]) for frame in frames] == [
        ("add_one", BODY),
        ("<module>", BODY + 3),
    ]
    assert {frame["source"]["path"] for frame in frames} == {path}
    assert attached.variables(frames[0]["id"]) == {"x": "3"}
    attached.ask("continue", threadId=thread)
    assert cell.wait().text() == "4\n"
    assert attached.info()["stoppedThreads"] == []


def test_steps(attached: DebuggerClient) -> None:
    attached.break_at(CODE, BODY + 3)
    cell, thread = attached.run_to_stop(CODE)

    def where() -> tuple[str, int]:
        frame = attached.frames(thread)[0]
        return frame["name"], frame["line"]

    assert where() == ("<module>", BODY + 3)
    for command, place in [
        ("stepIn", ("add_one", BODY)),
        ("next", ("add_one", BODY + 1)),
        ("stepOut", ("<module>", BODY + 3)),
        ("next", ("<module>", BODY + 4)),
    ]:
        attached.ask(command, threadId=thread)
        assert attached.stopped() == thread
        assert where() == place
    # Past the last line is no code of the person's: the cell ends.
    attached.ask("next", threadId=thread)
    assert cell.wait().text() == "4\n"
    assert attached.info()["stoppedThreads"] == []


def test_evaluate_and_assign_in_the_stopped_frame(attached: DebuggerClient) -> None:
    attached.break_at(CODE, BODY)
    cell, thread = attached.run_to_stop(CODE)
    frame = attached.frames(thread)[0]["id"]
    body = attached.ask("evaluate", expression="x * 100", frameId=frame, context="repl")
    assert body["result"] == "300"
    attached.ask("evaluate", expression="x = 10", frameId=frame, context="repl")
    response = attached.request(
        "evaluate", {"expression": "no_such_name", "frameId": frame, "context": "repl"}
    )
    assert response["success"] is False
    assert "no_such_name" in response["message"]
    attached.ask("continue", threadId=thread)
    assert cell.wait().text() == "11\n"


def test_a_conditional_breakpoint(attached: DebuggerClient) -> None:
    code = "for i in range(20):\n    i\nprint('end')"
    attached.break_at(code, 2, condition="i == 7")
    cell, thread = attached.run_to_stop(code)
    frame = attached.frames(thread)[0]["id"]
    assert attached.ask("evaluate", expression="i", frameId=frame)["result"] == "7"
    attached.ask("continue", threadId=thread)
    assert cell.wait().text() == "end\n"


def test_a_function_of_an_earlier_cell(attached: DebuggerClient) -> None:
    code = "def earlier(a):\n    b = a\n    return b"
    attached.client.run(code)
    attached.break_at(code, 3)
    cell, thread = attached.run_to_stop("earlier(5)")
    frames = attached.frames(thread)
    assert [frame["name"] for frame in frames] == ["earlier", "<module>"]
    assert attached.variables(frames[0]["id"]) == {"a": "5", "b": "5"}
    attached.ask("continue", threadId=thread)
    assert cell.wait().result == "5"


def test_a_cell_that_awaits(attached: DebuggerClient) -> None:
    code = "import asyncio\nawait asyncio.sleep(0.01)\nvalue = 1\nprint(value)"
    attached.break_at(code, 4)
    cell, thread = attached.run_to_stop(code)
    assert [frame["line"] for frame in attached.frames(thread)] == [4]
    attached.ask("continue", threadId=thread)
    assert cell.wait().text() == "1\n"


def test_breakpoint_call(attached: DebuggerClient) -> None:
    code = "def f():\n    inner = 5\n    breakpoint()\n    return inner\nf()"
    attached.dump(code)
    cell, thread = attached.run_to_stop(code)
    frame = attached.frames(thread)[0]
    assert frame["name"] == "f"
    assert attached.variables(frame["id"])["inner"] == "5"
    attached.ask("continue", threadId=thread)
    assert cell.wait().result == "5"


def test_exception_breakpoints(attached: DebuggerClient) -> None:
    code = "def divide(by):\n    return 1 / by\ndivide(0)"
    attached.dump(code)
    attached.ask("setExceptionBreakpoints", filters=["raised"])
    cell = attached.client.execute(code)
    body = attached.event("stopped").content["body"]
    assert (body["reason"], body["text"]) == ("exception", "ZeroDivisionError")
    thread = body["threadId"]
    info = attached.ask("exceptionInfo", threadId=thread)
    assert info["exceptionId"] == "ZeroDivisionError"
    assert attached.frames(thread)[0]["line"] == 2
    attached.ask("setExceptionBreakpoints", filters=[])
    attached.ask("continue", threadId=thread)
    cell.wait()
    assert cell.reply.content["ename"] == "ZeroDivisionError"


def test_the_kernel_answers_while_a_cell_is_stopped(attached: DebuggerClient) -> None:
    client = attached.client
    attached.break_at(CODE, BODY)
    cell, thread = attached.run_to_stop(CODE)
    assert client.request("kernel_info_request", channel="control").content["status"] == "ok"
    assert client.heartbeat() == b"ping"
    waiting = client.execute("print('after')")
    attached.ask("continue", threadId=thread)
    assert cell.wait().text() == "4\n"
    assert waiting.wait().text() == "after\n"


def test_events_belong_to_a_debug_request(attached: DebuggerClient) -> None:
    attached.break_at(CODE, BODY)
    cell = attached.client.execute(CODE)
    event = attached.event("stopped")
    assert event.parent_header["msg_type"] == "debug_request"
    assert event.content["body"]["reason"] == "breakpoint"
    assert event.content["body"]["allThreadsStopped"] is True
    attached.ask("continue", threadId=event.content["body"]["threadId"])
    cell.wait()


def test_an_interrupt_ends_the_stop(attached: DebuggerClient) -> None:
    attached.break_at(CODE, BODY)
    cell, _ = attached.run_to_stop(CODE)
    attached.client.request("interrupt_request", channel="control")
    cell.wait()
    assert cell.reply.content["ename"] == "KeyboardInterrupt"
    attached.event("continued")
    assert attached.info()["stoppedThreads"] == []


@pytest.mark.ipykernel_differs("tracing of the main thread is off after an interrupt (its #821)")
def test_breakpoints_work_after_interrupts(attached: DebuggerClient) -> None:
    attached.break_at(CODE, BODY)
    cell, _ = attached.run_to_stop(CODE)
    attached.client.request("interrupt_request", channel="control")
    cell.wait()
    busy = attached.client.execute("print('busy')\nwhile True: pass")
    busy.wait_for_text("busy")
    attached.client.request("interrupt_request", channel="control")
    busy.wait()
    cell, thread = attached.run_to_stop(CODE)
    assert attached.frames(thread)[0]["line"] == BODY
    attached.ask("continue", threadId=thread)
    assert cell.wait().text() == "4\n"


@pytest.mark.ipykernel_differs("the second attach is not answered")
def test_a_debugger_may_leave_and_come_back(debugger: DebuggerClient) -> None:
    for _ in range(2):
        debugger.attach()
        debugger.break_at(CODE, BODY)
        cell, thread = debugger.run_to_stop(CODE)
        debugger.ask("continue", threadId=thread)
        assert cell.wait().text() == "4\n"
        debugger.detach()
        info = debugger.info()
        assert info["isStarted"] is False
        assert info["breakpoints"] == []
        assert debugger.client.run(CODE).text() == "4\n"


def test_leaving_while_a_cell_is_stopped_lets_it_run(debugger: DebuggerClient) -> None:
    debugger.attach()
    debugger.break_at(CODE, BODY)
    cell, _ = debugger.run_to_stop(CODE)
    debugger.detach()
    assert cell.wait().text() == "4\n"


@pytest.mark.ipyrust_only("the frontend's request would end ipykernel's process")
def test_a_debugger_that_leaves_does_not_take_the_kernel_along(client: Client) -> None:
    debugger = DebuggerClient(client)
    debugger.attach()
    debugger.ask("disconnect", restart=False, terminateDebuggee=True)
    assert client.run("print('alive')").text() == "alive\n"


@pytest.mark.ipykernel_differs("threads of subshells are not traced")
def test_a_breakpoint_in_a_subshell(attached: DebuggerClient) -> None:
    client = attached.client
    created = client.request("create_subshell_request", {}, channel="control")
    subshell = {"subshell_id": created.content["subshell_id"]}
    attached.break_at(CODE, BODY)
    cell = client.execute(CODE, header=subshell)
    thread = attached.stopped()
    assert [frame["name"] for frame in attached.frames(thread)] == ["add_one", "<module>"]
    attached.ask("continue", threadId=thread)
    assert cell.wait().text() == "4\n"
    client.request("delete_subshell_request", subshell, channel="control")
