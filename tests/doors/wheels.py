"""The wheels under test, the interpreters that they are for, and what those need beside them."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from email.parser import Parser
from functools import cache
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]

PIP_OPTIONS = ("--disable-pip-version-check", "--quiet", "--no-input")

# What an interpreter says of itself.
QUESTION = """
import json, os, sys, sysconfig
print(json.dumps({
    "executable": os.path.realpath(sys.executable),
    "base": sys._base_executable,
    "tag": "cp%d%d%s" % (*sys.version_info[:2], sys.abiflags),
    "shared": bool(sysconfig.get_config_var("Py_ENABLE_SHARED"))
        and "libpython" in str(sysconfig.get_config_var("LDLIBRARY")),
    "prefix": sys.base_prefix,
    "stdlib": sysconfig.get_path("stdlib"),
    "variables": {name: sysconfig.get_config_var(name) for name in (
        "CC", "LDFLAGS", "LIBS", "SYSLIBS", "MODLIBS", "LINKFORSHARED", "LIBPL")},
}))
"""


class NoWheelError(Exception):
    """The reason why nothing can be tested."""


@dataclass(frozen=True)
class Interpreter:
    """A CPython that environments are made from."""

    executable: str
    tag: str  # As in the names of wheels: cp312, cp313t.
    shared: bool
    prefix: str
    stdlib: str
    variables: dict[str, str | None]

    @property
    def version(self) -> str:
        return f"{self.tag[2]}.{self.tag[3:]}"

    @property
    def is_debians(self) -> bool:
        return self.prefix == "/usr"

    @property
    def label(self) -> str:
        kind = "debian" if self.is_debians else "shared" if self.shared else "static"
        return f"{self.version}-{kind}"

    def __hash__(self) -> int:
        return hash(self.executable)


def ask(executable: str | Path) -> Interpreter | None:
    """The base of a python; `None` for what does not run."""
    try:
        outcome = subprocess.run(
            [executable, "-I", "-c", QUESTION], capture_output=True, text=True, timeout=60
        )
        answer: dict[str, Any] = json.loads(outcome.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    base = answer.pop("base")
    if base != answer["executable"] and os.path.realpath(base) != answer["executable"]:
        return ask(base)
    # Debian builds both ways, says so, and installs the static one.
    answer["shared"] = answer["shared"] and answer["prefix"] != "/usr"
    return Interpreter(**answer)


def candidates(everything: bool) -> Iterator[str | Path]:
    """Where a CPython may be; the one that runs the tests first."""
    yield sys.executable
    yield "/usr/bin/python3"
    if not everything:
        return
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from sorted(pyenv.glob("versions/3.1[0-9]*/bin/python3"))
    for minor in range(10, 20):
        for suffix in ("", "t"):
            found = shutil.which(f"python3.{minor}{suffix}")
            if found and not found.startswith(str(pyenv)):
                yield found


@cache
def interpreters(everything: bool) -> list[Interpreter]:
    """Every CPython found here, each once."""
    found: dict[str, Interpreter] = {}
    for candidate in candidates(everything):
        if (interpreter := ask(candidate)) is not None:
            found.setdefault(interpreter.executable, interpreter)
    return list(found.values())


@cache
def wheels() -> dict[str, Path]:
    """The newest wheel for each interpreter's tag, from IPYRUST_WHEEL (a file or folder) or dist/.

    Raises `NoWheelError`, whose message is the reason to skip.
    """
    place = Path(os.environ.get("IPYRUST_WHEEL") or REPOSITORY / "dist")
    files = [place] if place.is_file() else sorted(place.glob("*.whl"))
    newest: dict[str, Path] = {}
    for file in sorted(files, key=lambda file: file.stat().st_mtime):
        _name, _version, _python, abi, _platform = file.stem.split("-")
        newest[abi] = file
    if not newest:
        raise NoWheelError(f"no wheel in {place}; `make build` makes one, or set IPYRUST_WHEEL")
    return newest


def wheel_for(interpreter: Interpreter) -> Path | None:
    return wheels().get(interpreter.tag)


def requirements(wheel: Path) -> list[str]:
    """What the wheel needs at run time, from its own metadata, and numpy for our cells."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = Parser().parsestr(archive.read(name).decode())
    needed = metadata.get_all("Requires-Dist") or []
    return [*(line for line in needed if not re.search(r";.*extra", line)), "numpy"]


def dependencies(interpreter: Interpreter) -> Path:
    """A folder with all that ipyrust needs on this interpreter, made once and kept in build/.

    Environments see it through a .pth file: installing two dozen packages into each would be
    most of the time of these tests.
    """
    wheel = wheel_for(interpreter)
    assert wheel is not None
    needed = requirements(wheel)
    key = hashlib.sha256("\n".join(needed).encode()).hexdigest()[:12]
    folder = REPOSITORY / "build" / "doors" / f"{interpreter.tag}-{key}"
    if folder.exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = folder.with_name(f"{folder.name}.{os.getpid()}")
    pip(interpreter.executable, "install", "--target", str(unfinished), *needed)
    unfinished.rename(folder)
    return folder


def pip(python: str | Path, *arguments: str, **variables: str) -> None:
    """The pip of the tests' environment, working on another: it need not have one."""
    run(
        [sys.executable, "-m", "pip", "--python", str(python), *PIP_OPTIONS, *arguments],
        {**os.environ, **variables},
    )


def run(command: list[str], variables: dict[str, str]) -> str:
    """A command that must succeed."""
    outcome = subprocess.run(command, env=variables, capture_output=True, text=True)
    assert outcome.returncode == 0, f"{command} failed:\n{outcome.stdout}\n{outcome.stderr}"
    return outcome.stdout


def cases(everything: bool) -> Iterator[tuple[Interpreter, str]]:
    """The interpreters that have a wheel, each with the kind of environment of the short run.

    It has a shared and a static Python where there are both: that of the tests, and Debian's.
    Raises `NoWheelError`.
    """
    wheels()
    kind = "venv"
    for interpreter in interpreters(everything):
        if wheel_for(interpreter) is not None:
            yield interpreter, "user" if interpreter.is_debians and not kind else kind
            kind = ""
