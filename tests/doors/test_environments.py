"""A kernel is what its environment's python is, through either door."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from harness import Kernel

from .places import Place, start, variables_of_python

# The first test of an interpreter installs what ipyrust needs there.
pytestmark = pytest.mark.timeout(600, method="signal")

# What must not depend on who started the interpreter. The empty entry that stands for the current
# directory is the only part of `sys.path` that may.
STATE = """
import json as _json, os as _os, signal as _signal, site as _site, sys as _sys
import sysconfig as _sysconfig, threading as _threading
_names = '''abiflags base_exec_prefix base_prefix byteorder dont_write_bytecode
    exec_prefix executable _base_executable float_repr_style hexversion maxsize maxunicode
    platform platlibdir prefix pycache_prefix version warnoptions _xoptions _home _framework
    _stdlib_dir'''.split()
_state = {name: repr(getattr(_sys, name, 'absent')) for name in _names}
_state.update({
    'path': [entry for entry in _sys.path if entry],
    'flags': repr(_sys.flags),
    'builtin_module_names': _sys.builtin_module_names,
    'filesystem': [_sys.getfilesystemencoding(), _sys.getfilesystemencodeerrors()],
    'recursion limit': _sys.getrecursionlimit(),
    'switch interval': _sys.getswitchinterval(),
    'implementation': repr(_sys.implementation),
    'site-packages': _site.getsitepackages(),
    'user site': [_site.ENABLE_USER_SITE, _site.getusersitepackages()],
    'customized': hasattr(_sys, 'customized_by_others'),
    'paths': _sysconfig.get_paths(),
    'library': _os.__file__,
    'signals': [repr(_signal.getsignal(n)) for n in (
        _signal.SIGPIPE, _signal.SIGXFSZ)],
    'stack': _threading.stack_size(),
})
print('STATE', _json.dumps(_state))
"""


def state_of_python(place: Place) -> dict[str, Any]:
    outcome = subprocess.run(
        [place.environment.python, "-c", STATE],
        env=variables_of_python(place.environment),
        capture_output=True,
        text=True,
        check=True,
    )
    return read(outcome.stdout)


def read(output: str) -> dict[str, Any]:
    state: dict[str, Any] = json.loads(output.split("STATE ", 1)[1])
    return state


def test_a_kernel_is_its_environments_python(place: Place, open_kernel: Kernel) -> None:
    with open_kernel.client() as client:
        ours = read(client.run(STATE).text())
    assert ours == state_of_python(place)


def test_the_program_becomes_the_very_interpreter(
    place: Place, door: str, open_kernel: Kernel
) -> None:
    """Inside itself where python runs on a shared library, and then on that very library."""
    question = (
        "import os as _os\n"
        "_maps = open('/proc/self/maps').read().split()\n"
        "print(_os.readlink('/proc/self/exe'), *sorted({w for w in _maps if 'libpython3' in w}))"
    )
    of_python = subprocess.run(
        [place.environment.python, "-c", question],
        env=variables_of_python(place.environment),
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    with open_kernel.client() as client:
        ours = client.run(question).text().split()
    inside = door == "program" and place.is_shared
    assert (Path(ours[0]).name == "ipyrust") == inside
    assert ours[1:] == of_python[1:]
    assert inside or ours[0] == of_python[0]


def test_a_folder_full_of_modules_names_changes_nothing(
    place: Place, door: str, tmp_path: Path
) -> None:
    """The kernel imports none of them, and a cell can import what only the folder has."""
    for name in ("json", "logging", "asyncio", "IPython", "typing"):
        (tmp_path / f"{name}.py").write_text(f"raise SystemExit('the {name} of the folder')\n")
    if door != "module":  # `python -m ipyrust` means the folder's, if it has one.
        (tmp_path / "ipyrust").mkdir()
        (tmp_path / "ipyrust" / "__init__.py").write_text("raise SystemExit('another ipyrust')\n")
    (tmp_path / "a_module_of_mine.py").write_text("answer = 42\n")
    with start(place.environment, door, tmp_path) as kernel, kernel.client() as client:
        assert client.run("import a_module_of_mine; a_module_of_mine.answer").result == "42"
