"""Magics: IPython's own, and the ones that a kernel adds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from harness import Client, Kernel


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("%pwd", None),
        ("%time x = 1", "Wall time"),
        ("%timeit -n1 -r1 pass", "per loop"),
        ("%who_ls", None),
        ("%%time\nx = 1", "Wall time"),
        ("%lsmagic", None),
        ("%env HOME", None),
        ("%alias", "aliases"),
        ("%prun -q pass", None),
        ("%xmode", "Exception reporting mode"),
    ],
)
def test_magics_of_ipython(client: Client, code: str, text: str | None) -> None:
    cell = client.run(code)
    if text is not None:
        shown = cell.text() + (cell.result or "")
        assert text in shown
    client.run("%xmode Context")


def test_an_unknown_magic_is_an_error(client: Client) -> None:
    cell = client.execute("%no_such_magic_at_all").wait()
    assert "no_such_magic_at_all" in cell.text("stderr") + str(cell.reply.content)


def test_connect_info_tells_how_to_connect(kernel: Kernel, client: Client) -> None:
    text = client.run("%connect_info").text()
    told = json.loads(text[text.index("{") : text.rindex("}") + 1])
    assert told["shell_port"] == kernel.connection["shell_port"]
    assert told["ip"] == kernel.connection["ip"]


def test_clear_is_the_terminals_command(client: Client) -> None:
    assert client.run("%clear").text() == "\x1b[H\x1b[2J"


@pytest.mark.parametrize("magic", ["less", "more", "man"])
def test_pagers_page(client: Client, tmp_path: Path, magic: str) -> None:
    path = tmp_path / "text.txt"
    path.write_text("the text of the file\n")
    if magic == "man":
        assert client.run("%man?").reply.content["payload"]
        return
    payload = client.run(f"%{magic} {path}").reply.content["payload"]
    assert payload[0]["source"] == "page"
    assert "the text of the file" in payload[0]["data"]["text/plain"]


def test_run_runs_a_file(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "script.py"
    path.write_text("from_script = 3\nprint('ran')")
    assert client.run(f"%run {path}").text() == "ran\n"
    assert client.run("from_script").result == "3"


def test_load_fills_the_next_input(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "script.py"
    path.write_text("loaded = 1\n")
    (payload,) = client.run(f"%load {path}").reply.content["payload"]
    assert payload["source"] == "set_next_input"
    assert payload["replace"] is True
    assert "loaded = 1" in payload["text"]


def test_writefile_writes(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "written.txt"
    client.run(f"%%writefile {path}\nsome text")
    assert path.read_text() == "some text\n"


def test_reset_forgets(client: Client) -> None:
    client.run("forgotten = 1")
    client.run("%reset -f")
    assert client.run("forgotten", expect="error").reply.content["ename"] == "NameError"


def test_autosave_speaks_to_the_notebook(client: Client) -> None:
    assert client.run("%autosave 60").of_type("display_data")


def test_a_magic_of_ones_own(client: Client) -> None:
    client.run(
        "from IPython.core.magic import register_line_cell_magic\n"
        "@register_line_cell_magic\n"
        "def shout(line, cell=None): return (line + (cell or '')).upper()"
    )
    assert client.run("%shout a").result == "'A'"
    assert client.run("%%shout a\nb").result == "'AB\\n'"


def test_display_of_tables_and_latex(client: Client) -> None:
    assert client.run("%%latex\n$x$").one("display_data").content["data"]["text/latex"] == "$x$\n"
    html = client.run("%%html\n<b>b</b>").one("display_data").content["data"]
    assert html["text/html"] == "<b>b</b>\n"


def test_pip_is_the_environments(client: Client) -> None:
    assert "pip" in client.run("%pip --version").text()


@pytest.mark.parametrize("mode", ["Plain", "Minimal", "Verbose"])
def test_modes_of_tracebacks(client: Client, mode: str) -> None:
    client.run(f"%xmode {mode}")
    cell = client.run("1/0", expect="error")
    client.run("%xmode Context")
    assert "ZeroDivisionError" in "\n".join(cell.one("error").content["traceback"])


def test_the_class_of_the_shell_is_known_by_its_name(client: Client) -> None:
    assert client.run("type(get_ipython()).__name__").result == "'ZMQInteractiveShell'"


def test_custom_exception_handlers(client: Client) -> None:
    client.run(
        "def handler(shell, kind, value, traceback, tb_offset=None): print('handled', value)\n"
        "get_ipython().set_custom_exc((ZeroDivisionError,), handler)"
    )
    cell = client.execute("1/0").wait()
    client.run("get_ipython().set_custom_exc((), None)")
    assert "handled division by zero" in cell.text()
