"""Finding and embedding the kernel: connection files, and a kernel within a program."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from harness import Client, wait_until

pytestmark = pytest.mark.ipyrust_only("the functions of our own package")


def test_the_connection_file(client: Client) -> None:
    code = (
        "from ipyrust.connect import get_connection_file, get_connection_info\n"
        "import json\n"
        "path = get_connection_file()\n"
        "json.loads(get_connection_info()) == json.load(open(path)) and "
        "get_connection_info(path, unpack=True)['key'] == json.load(open(path))['key'].encode()"
    )
    assert client.run(code).result == "True"


def test_a_connection_file_by_a_part_of_its_name(client: Client) -> None:
    """Of several the newest, where Jupyter keeps them."""
    code = (
        "import json, os, pathlib\n"
        "from ipyrust.connect import get_connection_info\n"
        "from jupyter_core.paths import jupyter_runtime_dir\n"
        "directory = pathlib.Path(jupyter_runtime_dir())\n"
        "directory.mkdir(parents=True, exist_ok=True)\n"
        "for number, age in (('12', 0), ('123', 10)):\n"
        "    file = directory / f'kernel-of-{number}[3].json'\n"
        "    file.write_text(json.dumps({'key': number}))\n"
        "    os.utime(file, (1e9 - age, 1e9 - age))\n"
        "names = ['of-12', 'of-123', '[3]', 'kernel-*3*.json']\n"
        "' '.join(get_connection_info(name, unpack=True)['key'].decode() for name in names)"
    )
    assert client.run(code).result == "'12 123 12 12'"


def test_a_connection_file_that_is_not_there(client: Client) -> None:
    code = "from ipyrust.connect import get_connection_info; get_connection_info('/no/such.json')"
    cell = client.run(code, expect="error")
    assert "such.json" in cell.reply.content["evalue"]


PROGRAM = """
import sys
from ipyrust.embed import embed_kernel

def compute(factor):
    local = 21
    embed_kernel(connection_file=sys.argv[1])
    print('and on:', local, flush=True)

compute(2)
compute(3)
"""


def next_text(file: Path, before: str, check: Callable[[], None]) -> str:
    """The whole text of a connection file that is not the one before; empty until it is there."""
    check()
    try:
        text = file.read_text()
        json.loads(text)
    except (OSError, ValueError):
        return ""
    return "" if text == before else text


def test_a_kernel_within_a_program(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    file = tmp_path / "kernel.json"
    environment = {**os.environ, "IPYTHONDIR": str(tmp_path / "ipython")}
    process = subprocess.Popen(
        [sys.executable, program, file],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )

    def check() -> None:
        assert process.poll() is None, process.communicate()

    try:
        # Once more after it has ended: the program goes on and may embed again.
        text = ""
        for factor in (2, 3):
            text = wait_until(partial(next_text, file, text, check), "the connection file")
            with Client(json.loads(text), alive=check) as client:
                client.wait_ready()
                assert client.run("local * factor").result == str(21 * factor)
                assert client.run("compute.__name__").result == "'compute'"
                assert client.run("print('printed')").text() == "printed\n"
                client.request("shutdown_request", {"restart": False}, channel="control")
        out, error = process.communicate(timeout=60)
        assert process.returncode == 0, error
        assert out == "and on: 21\n" * 2
        assert "--existing kernel.json" in error
    finally:
        process.kill()
        process.wait()
