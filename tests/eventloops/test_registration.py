"""What `%gui` takes, what it refuses, and loops that others register."""

from __future__ import annotations

import pytest
from harness import Client, StartKernel


@pytest.mark.parametrize("gui", ["", "asyncio", "inline", "none"])
def test_names_for_no_loop(client: Client, gui: str) -> None:
    client.run(f"get_ipython().enable_gui({gui!r})" if gui == "none" else f"%gui {gui}".strip())
    assert client.run("import asyncio\nawait asyncio.sleep(0.01, 'on')").result == "'on'"


@pytest.mark.ipyrust_only("ipykernel prints a list of its keys")
def test_an_unknown_gui_is_an_error_that_lists_the_known(client: Client) -> None:
    cell = client.run("get_ipython().enable_gui('nonsense')", expect="error")
    assert cell.reply.content["ename"] == "ValueError"
    for name in ("asyncio", "tk", "qt", "qt5", "qt6", "wx", "gtk3", "gtk4", "osx"):
        assert name in cell.reply.content["evalue"]
    assert client.run("'on'").result == "'on'"


@pytest.mark.ipyrust_only("the process of ipykernel ends")
def test_qt_without_a_display_is_an_error(start_kernel: StartKernel) -> None:
    pytest.importorskip("PyQt6", reason="PyQt6 is not installed")
    names = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    with start_kernel(environment=dict.fromkeys(names, "")).client() as client:
        cell = client.run("get_ipython().enable_gui('qt6')", expect="error")
        assert "display" in cell.reply.content["evalue"]
        assert client.run("'on'").result == "'on'"


@pytest.mark.ipyrust_only("says where the function is")
@pytest.mark.parametrize("module", ["ipyrust.eventloops", "ipykernel.eventloops"])
def test_a_registered_loop_runs_between_cells(start_kernel: StartKernel, module: str) -> None:
    with start_kernel(environment={"IPYRUST_FACADE": "1"}).client() as client:
        client.run(
            f"from {module} import register_integration\n"
            "kernels = []\n"
            "@register_integration('mine', 'alias')\n"
            "def mine(kernel):\n    kernels.append(kernel)\n"
            "@mine.exit\n"
            "def mine_exit(kernel): pass\n"
            "%gui alias"
        )
        assert client.run("import asyncio\nawait asyncio.sleep(0.05, 'on')").result == "'on'"
        code = "len(kernels) > 1 and all(k is get_ipython().kernel for k in kernels)"
        assert client.run(code).result == "True"
        client.run("%gui")
        assert client.run("n = len(kernels)\nawait asyncio.sleep(0.03)\nlen(kernels) == n").result


@pytest.mark.ipyrust_only("ipykernel has no such check")
def test_a_loop_that_fails_is_switched_off(start_kernel: StartKernel) -> None:
    kernel = start_kernel()
    with kernel.client() as client:
        client.run(
            "from ipyrust.eventloops import register_integration\n"
            "@register_integration('broken')\n"
            "def broken(kernel): raise OSError('display lost')\n"
            "%gui broken"
        )
        assert client.run("import asyncio\nawait asyncio.sleep(0.01, 'on')").result == "'on'"
        assert "display lost" in kernel.output


@pytest.mark.ipyrust_only("ipykernel's subshells may not use it either, and say nothing")
def test_a_subshell_is_told_that_guis_run_in_the_main_thread(client: Client) -> None:
    created = client.request("create_subshell_request", {}, channel="control")
    header = {"subshell_id": created.content["subshell_id"]}
    cell = client.execute("get_ipython().enable_gui('tk')", header=header).wait()
    assert cell.status == "error"
    assert "main thread" in cell.reply.content["evalue"]
    client.request("delete_subshell_request", header, channel="control")
