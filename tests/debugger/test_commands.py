"""What is answered without a debug session, and what is wrong with a request."""

from __future__ import annotations

import os
import site
import sys
from pathlib import Path

import pytest
from debugger_client import DebuggerClient
from harness import Client, Kernel, StartKernel
from harness.kernel import REPOSITORY

pytestmark = pytest.mark.timeout(120)


def test_kernel_info_says_that_there_is_a_debugger(client: Client) -> None:
    info = client.request("kernel_info_request").content
    assert "debugger" in info["supported_features"]


def test_debug_info_before_anything(fresh_kernel: Kernel) -> None:
    with fresh_kernel.client() as client:
        info = DebuggerClient(client).info()
    assert info["isStarted"] is False
    assert info["hashMethod"] == "Murmur2"
    assert info["hashSeed"] == 0xC70F6907
    assert info["tmpFilePrefix"].endswith(f"ipykernel_{fresh_kernel.pid}{os.sep}")
    assert info["tmpFileSuffix"] == ".py"
    assert info["breakpoints"] == []
    assert info["stoppedThreads"] == []
    assert info["richRendering"] is True
    assert info["exceptionPaths"] == ["Python Exceptions"]
    assert info["copyToGlobals"] is True


# What ipykernel and JupyterLab compute for these texts.
@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("", 3990065800),
        ("a", 2167009006),
        ("print(1)", 3773950048),
        ("x = 'äöü'\nprint(x)", 3113730638),
        ("\n\n# 😀\n", 2347817125),
    ],
)
def test_the_file_of_a_cell_is_named_by_its_hash(
    attached: DebuggerClient, code: str, name: int
) -> None:
    info = attached.info()
    path = attached.dump(code)
    assert path == f"{info['tmpFilePrefix']}{name}.py"
    assert Path(path).read_text(encoding="utf-8") == code


def test_a_cell_is_compiled_under_the_name_of_its_file(attached: DebuggerClient) -> None:
    code = "import sys\nsys._getframe().f_code.co_filename"
    assert attached.client.run(code).result == repr(attached.dump(code))


def test_source_of_a_dumped_cell(attached: DebuggerClient) -> None:
    path = attached.dump("one = 1\n")
    assert attached.ask("source", source={"path": path})["content"] == "one = 1\n"
    response = attached.request("source", {"source": {"path": path + ".not"}})
    assert response["success"] is False


@pytest.mark.ipykernel_differs("its response is a body and nothing else")
def test_modules(debugger: DebuggerClient) -> None:
    body = debugger.ask("modules")
    by_name = {module["name"]: module for module in body["modules"]}
    assert by_name["json"]["path"].endswith("__init__.py")
    assert body["totalModules"] >= len(body["modules"])


@pytest.mark.ipyrust_only("ipykernel answers these with an empty reply, or not at all")
@pytest.mark.parametrize(
    ("content", "word"),
    [
        ({"type": "request", "seq": 1}, "command"),
        ({"type": "request", "seq": 1, "command": 7}, "command"),
        ({"type": "request", "seq": 1, "command": "dumpCell", "arguments": []}, "arguments"),
        ({"type": "request", "seq": 1, "command": "dumpCell", "arguments": {}}, "code"),
        ({"type": "request", "seq": 1, "command": "noSuchCommand"}, "initialize"),
        ({"type": "request", "seq": 1, "command": "stackTrace", "arguments": {}}, "attach"),
        ({"type": "request", "seq": 1, "command": "attach"}, "initialize"),
        ({"type": "request", "seq": 1, "command": "source", "arguments": {}}, "source"),
        ({"type": "request", "seq": 1, "command": "variables"}, "variablesReference"),
        ({"type": "request", "seq": 1, "command": "copyToGlobals"}, "srcVariableName"),
        ({}, "command"),
    ],
)
def test_a_wrong_request_is_answered_with_what_is_wrong(
    client: Client, content: dict[str, object], word: str
) -> None:
    reply = client.request("debug_request", content, channel="control").content
    if "success" in reply:
        assert reply["success"] is False
        assert word in reply["message"]
    else:  # Not even a request of the protocol.
        assert reply["status"] == "error"
        assert word in reply["evalue"]
    assert client.run("print('alive')").text() == "alive\n"


@pytest.mark.ipyrust_only("ipykernel has no message for it")
def test_an_unknown_command_in_a_session(attached: DebuggerClient) -> None:
    response = attached.request("noSuchCommand")
    assert response["success"] is False
    assert "noSuchCommand" in response["message"]


@pytest.mark.ipyrust_only("debugpy is a dependency of ipykernel")
def test_without_debugpy(start_kernel: StartKernel, tmp_path: Path) -> None:
    packages = tmp_path / "packages"
    packages.mkdir()
    for directory in site.getsitepackages():
        for entry in Path(directory).iterdir():
            if not entry.name.startswith("debugpy") and not (packages / entry.name).exists():
                (packages / entry.name).symlink_to(entry)
    kernel = start_kernel(
        # Without `site`, only what is named here can be imported.
        command=[sys.executable, "-S", "-m", "ipyrust", "-f", "{connection_file}"],
        environment={"PYTHONPATH": f"{packages}{os.pathsep}{REPOSITORY / 'python'}"},
    )
    with kernel.client() as client:
        info = client.request("kernel_info_request").content
        assert info.get("debugger", False) is False
        assert "debugger" not in info["supported_features"]
        debugger = DebuggerClient(client)
        assert debugger.info()["isStarted"] is False
        for command in ("initialize", "inspectVariables"):
            response = debugger.request(command, {})
            assert response["success"] is False
            assert "pip install debugpy" in response["message"]
