"""Variables while nothing is stopped and while a cell is; rich values; copies to the notebook."""

from __future__ import annotations

from typing import Any

import pytest
from debugger_client import DebuggerClient

CODE = "def f(inner):\n    shown = [inner]\n    return shown\nf({'key': 'value'})"


def by_name(variables: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {variable["name"]: variable for variable in variables}


def inspect(debugger: DebuggerClient) -> dict[str, dict[str, Any]]:
    return by_name(debugger.ask("inspectVariables")["variables"])


def test_inspect_variables_before_a_session(debugger: DebuggerClient) -> None:
    debugger.client.run("number = 12\nlisted = [1, {'two': 2}]\n_under = 3")
    found = inspect(debugger)
    assert (found["number"]["value"], found["number"]["type"]) == ("12", "int")
    assert found["number"]["variablesReference"] == 0
    assert found["listed"]["value"] == "[1, {'two': 2}]"
    assert "_under" in found
    # What IPython keeps there is no variable of the person's.
    assert not {"In", "Out", "exit", "quit", "get_ipython", "_", "_i1", "_oh"} & set(found)


@pytest.mark.ipykernel_differs("it has no children of variables before a session")
def test_children_of_a_live_variable(debugger: DebuggerClient) -> None:
    debugger.client.run("listed = [1, {'two': 2}]")
    reference = inspect(debugger)["listed"]["variablesReference"]
    children = by_name(debugger.ask("variables", variablesReference=reference)["variables"])
    assert children["0"]["value"] == "1"
    assert children["1"]["value"] == "{'two': 2}"


def test_rich_value_of_a_live_variable(debugger: DebuggerClient) -> None:
    debugger.client.run(
        "class Rich:\n"
        "    def _repr_html_(self): return '<b>rich</b>'\n"
        "    def _repr_png_(self): return b'\\x89PNG'\n"
        "rich = Rich()"
    )
    body = debugger.request("richInspectVariables", {"variableName": "rich"})["body"]
    assert body["data"]["text/html"] == "<b>rich</b>"
    assert body["data"]["image/png"] == "iVBORw=="
    assert "text/plain" in body["data"]


def test_rich_value_where_a_cell_is_stopped(attached: DebuggerClient) -> None:
    attached.break_at(CODE, 3)
    cell, thread = attached.run_to_stop(CODE)
    frame = attached.frames(thread)[0]["id"]
    response = attached.request("richInspectVariables", {"variableName": "inner", "frameId": frame})
    assert response["success"] is True
    assert response["body"]["data"]["text/plain"] == "{'key': 'value'}"
    attached.ask("continue", threadId=thread)
    cell.wait()


@pytest.mark.parametrize("name", ["nothing.here", "f()", "1", ""])
def test_only_names_are_inspected(debugger: DebuggerClient, name: str) -> None:
    response = debugger.request("richInspectVariables", {"variableName": name})
    assert response["success"] is False
    assert response["body"] == {"data": {}, "metadata": {}}


@pytest.mark.parametrize("name", ["special variables", "function variables"])
def test_groups_have_nothing_to_show(debugger: DebuggerClient, name: str) -> None:
    response = debugger.request("richInspectVariables", {"variableName": name})
    assert response["success"] is True
    assert response["body"] == {"data": {}, "metadata": {}}


def test_variables_of_a_stopped_cell_are_the_persons(attached: DebuggerClient) -> None:
    attached.client.run("mine = 1")
    attached.break_at(CODE, 3)
    cell, thread = attached.run_to_stop(CODE)
    frame = attached.frames(thread)[0]["id"]
    assert attached.variables(frame) == {
        "inner": "{'key': 'value'}",
        "shown": "[{'key': 'value'}]",
    }
    found = attached.variables(frame, "Globals")
    assert found["mine"] == "1"
    assert not {"In", "Out", "exit", "quit", "get_ipython", "_", "_i1", "_oh"} & set(found)
    attached.ask("continue", threadId=thread)
    cell.wait()


def test_copy_to_globals(attached: DebuggerClient) -> None:
    attached.break_at(CODE, 3)
    cell, thread = attached.run_to_stop(CODE)
    frame = attached.frames(thread)[0]["id"]
    arguments = {"srcVariableName": "inner", "dstVariableName": "kept", "srcFrameId": frame}
    response = attached.request("copyToGlobals", arguments)
    assert response["success"] is True
    for names in (
        {"srcVariableName": "inner); print('injected'"},
        {"dstVariableName": "x']; import os; globals()['y"},
        {"dstVariableName": "a.b"},
    ):
        assert attached.request("copyToGlobals", {**arguments, **names})["success"] is False
    attached.ask("continue", threadId=thread)
    assert cell.wait().text() == ""
    assert attached.client.run("kept").result == "{'key': 'value'}"


def test_a_value_whose_repr_fails(debugger: DebuggerClient) -> None:
    debugger.client.run(
        "class Bad:\n    def __repr__(self): raise RuntimeError('no repr')\nbad = Bad()"
    )
    assert "bad" in inspect(debugger)
    debugger.client.run("del bad")
