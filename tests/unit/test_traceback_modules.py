"""Tracebacks read as IPython alone writes them, whatever is loaded for them and when."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

# Each in a process of its own: what one has loaded changes the next.
SESSION = """
import contextlib, io, os, sys

alone, theme, mode, *cells = sys.argv[1:]
if alone == "alone":
    from IPython.core import ultratb
else:
    from ipyrust.__main__ import _import_application
    _import_application()
    from ipyrust import tracebacks
    tracebacks.remember()
from IPython.core.compilerop import CachingCompiler
from IPython.core.interactiveshell import InteractiveShell
from ipyrust.debugger.cells import cell_file_name

class Compiler(CachingCompiler):
    def get_code_name(self, raw_code, code, number):
        return cell_file_name(raw_code)

class Shell(InteractiveShell):
    compiler_class = Compiler

shell = Shell.instance(colors=theme, history_manager=None) if theme else Shell.instance()
shell.InteractiveTB.set_mode(mode)
shown = []
for cell in cells:
    if "# dumped" in cell:  # As a debugger does.
        path = cell_file_name(cell)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(cell)
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        shell.run_cell(cell, store_history=True)
    text = output.getvalue().replace(str(os.getpid()), "PID")
    module = sys.modules.get("stack_data")
    shown.append((text, type(module).__name__))
print(ascii(shown))
"""

DIVISION = "1/0"
NESTED = """
def outer(value):
    def inner():
        return value / 0
    return inner()
outer({})
"""
RECURSION = """
def deep(depth):
    return deep(depth - 1) if depth else missing
deep(40)
"""
CHAINED = """
def first(): 1/0
try:
    first()
except ZeroDivisionError as error:
    raise KeyError("chained") from error
"""
LIBRARY = "import json\njson.loads('{')"
LIBRARY_IN_THE_CHAIN = """
import json
try:
    json.loads('{')
except ValueError:
    undefined
"""
HIDDEN = """
def hides():
    __tracebackhide__ = True
    shows()
def shows(): 1/0
hides()
"""
TEXT = "exec('\\n1/0')"
SYNTAX = "compile('a b', '<text>', 'exec')"
SILENT = """
class Silent(Exception):
    def __str__(self): raise ValueError("no text")
raise Silent
"""
DUMPED = "# dumped\n1/0"
ASKS = """
class Asks(Exception):
    def __str__(self):
        import stack_data
        return str(stack_data.Options(before=1))
raise Asks
"""
ALL = [
    DIVISION,
    NESTED,
    RECURSION,
    CHAINED,
    HIDDEN,
    SILENT,
    TEXT,
    SYNTAX,
    LIBRARY_IN_THE_CHAIN,
    DUMPED,
    LIBRARY,
    DIVISION,
]


def shown(place: Path, alone: str, theme: str, mode: str, *cells: str) -> list[Any]:
    """What a session shows of each cell, and what stack_data is then."""
    command = [sys.executable, "-c", SESSION, alone, theme, mode, *cells]
    environment = {"HOME": str(place), "IPYTHONDIR": str(place), "PATH": "/usr/bin:/bin"}
    run = subprocess.run(
        command, cwd=place, env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    found = ast.literal_eval(run.stdout)
    assert isinstance(found, list)
    return found


def texts(found: list[Any]) -> list[str]:
    return [re.sub("0x[0-9a-f]+", "0x", text) for text, _ in found]


@pytest.mark.parametrize("mode", ["Context", "Verbose", "Plain", "Minimal"])
@pytest.mark.parametrize("order", [1, -1], ids=["cells first", "files first"])
def test_the_text_is_the_same(tmp_path: Path, mode: str, order: int) -> None:
    cells = ALL[::order]
    ours = texts(shown(tmp_path, "with us", "", mode, *cells))
    theirs = texts(shown(tmp_path, "alone", "", mode, *cells))
    for cell, our, their in zip(cells, ours, theirs, strict=True):
        assert our == their, cell
        assert our


@pytest.mark.parametrize("cell", [LIBRARY, DUMPED, TEXT, LIBRARY_IN_THE_CHAIN, ASKS, RECURSION])
def test_the_first_one_is_the_same(tmp_path: Path, cell: str) -> None:
    ours = texts(shown(tmp_path, "with us", "", "Context", cell, DIVISION))
    assert ours == texts(shown(tmp_path, "alone", "", "Context", cell, DIVISION))


def test_without_colours_it_is_the_same(tmp_path: Path) -> None:
    ours = texts(shown(tmp_path, "with us", "NoColor", "Context", *ALL))
    assert ours == texts(shown(tmp_path, "alone", "NoColor", "Context", *ALL))
    assert not any("\x1b" in text for text in ours)


def test_cells_need_no_stack_data_and_files_do(tmp_path: Path) -> None:
    import IPython

    found = shown(tmp_path, "with us", "", "Context", DIVISION, NESTED, CHAINED, LIBRARY, DIVISION)
    kinds = [kind for _, kind in found]
    if IPython.version_info[0] < 9:
        assert kinds == ["module"] * 5  # It shows cells with it.
    else:
        assert kinds == ["_Postponed"] * 3 + ["module"] * 2


def test_who_uses_it_finds_it_as_ever(tmp_path: Path) -> None:
    cells = [
        DIVISION,
        "import stack_data, sys",
        "print(stack_data.Options(before=1).before, type(stack_data.RepeatedFrames).__name__)",
        "import executing; print(issubclass(stack_data.Source, executing.Source))",
        "print(stack_data.FrameInfo(sys._getframe()).variables)",
        LIBRARY,
    ]
    ours = texts(shown(tmp_path, "with us", "", "Context", *cells))
    assert ours == texts(shown(tmp_path, "alone", "", "Context", *cells))
    assert ours[2:4] == ["1 type\n", "True\n"]
