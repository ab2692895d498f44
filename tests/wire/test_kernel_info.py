"""kernel_info, connect, usage: what a kernel says about itself, at any time."""

from __future__ import annotations

import re
import subprocess

import pytest
from harness import Client, Kernel, Message


def ask(client: Client, channel: str) -> Message:
    return client.request("kernel_info_request", channel=channel)


@pytest.mark.both_doors
@pytest.mark.parametrize("channel", ["shell", "control"])
def test_kernel_info_is_whole_on_both_channels(
    kernel: Kernel, client: Client, channel: str
) -> None:
    info = ask(client, channel).content
    assert info["status"] == "ok"
    assert re.fullmatch(r"\d+\.\d+(\.\d+)?", info["protocol_version"])
    assert info["implementation"] == kernel.name.replace("ipykernel", "ipython")
    assert re.match(r"\d+\.\d+", info["implementation_version"])
    assert "IPython" in info["banner"]
    assert all({"text", "url"} <= set(link) for link in info["help_links"])
    assert "kernel subshells" in info["supported_features"]
    language = info["language_info"]
    version = subprocess.run(
        [kernel.target.python, "-c", "import sys; print('%d.%d.%d' % sys.version_info[:3])"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    assert language["name"] == "python"
    assert language["version"] == version
    assert language["mimetype"] == "text/x-python"
    assert language["file_extension"] == ".py"
    assert language["pygments_lexer"] == "ipython3"
    assert language["codemirror_mode"] == {"name": "ipython", "version": 3}
    assert language["nbconvert_exporter"] == "python"


@pytest.mark.ipykernel_differs("it says 5.3")
def test_kernel_info_says_protocol_5_5(client: Client) -> None:
    assert ask(client, "shell").content["protocol_version"] == "5.5"


@pytest.mark.ipykernel_differs("its banner has another tip each time")
def test_kernel_info_is_the_same_on_both_channels(client: Client) -> None:
    assert ask(client, "shell").content == ask(client, "control").content


@pytest.mark.parametrize("channel", ["shell", "control"])
@pytest.mark.ipykernel_differs("shell waits for the cell")
def test_kernel_info_is_answered_while_a_cell_computes(client: Client, channel: str) -> None:
    cell = client.execute("print('begun')\nwhile not globals().get('stop'): pass")
    cell.wait_for_text("begun")
    assert ask(client, channel).content["status"] == "ok"
    assert not client.has_reply(cell.request)
    client.request("interrupt_request", channel="control")
    assert cell.wait().status == "error"


@pytest.mark.ipykernel_differs("shell waits for the cell")
def test_kernel_info_leaves_a_running_cell_busy(client: Client) -> None:
    """A client that looks at the newest status only must not see idle while a cell runs."""
    cell = client.execute("import time\nprint('begun')\ntime.sleep(1000)")
    cell.wait_for_text("begun")
    for channel in ("shell", "control"):
        request = client.send(channel, "kernel_info_request")
        client.reply_to(request)
        client.wait_idle(request)
        after_idle = client.messages["iopub"].index(client.published(request)[-1]) + 1

        def last_status(after_idle: int = after_idle) -> str | None:
            later = [m for m in client.messages["iopub"][after_idle:] if m.type == "status"]
            return str(later[-1].content["execution_state"]) if later else None

        client.wait(lambda: last_status() == "busy", "busy after the idle of kernel_info")
    client.request("interrupt_request", channel="control")
    cell.wait()


def test_the_heartbeat_echoes_while_a_cell_computes(client: Client) -> None:
    cell = client.execute("print('begun')\nwhile True: pass")
    cell.wait_for_text("begun")
    assert client.heartbeat(b"\x00anything") == b"\x00anything"
    client.request("interrupt_request", channel="control")
    cell.wait()


def test_connect_tells_the_ports(kernel: Kernel, client: Client) -> None:
    content = client.request("connect_request").content
    for channel in ("shell", "iopub", "stdin", "control", "hb"):
        assert content[f"{channel}_port"] == kernel.connection[f"{channel}_port"]
    assert kernel.connection["key"] not in str(content)


def test_usage_tells_what_the_kernel_consumes(kernel: Kernel, client: Client) -> None:
    usage = client.request("usage_request", channel="control").content
    assert usage["pid"] == kernel.pid
    assert isinstance(usage["hostname"], str)
    assert usage["kernel_cpu"] >= 0
    assert usage["kernel_memory"] > 10_000_000
    assert usage["cpu_count"] >= 1
    memory = usage["host_virtual_memory"]
    assert 0 < memory["available"] <= memory["total"]


def test_debug_info_is_answered_without_a_debugger(client: Client) -> None:
    request = {"type": "request", "seq": 1, "command": "debugInfo", "arguments": {}}
    reply = client.request("debug_request", request, channel="control")
    assert reply.type == "debug_reply"
    assert reply.content["command"] == "debugInfo"
    assert reply.content["body"]["isStarted"] is False
