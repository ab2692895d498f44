"""An environment for each kernel, made with what people type: `python -m venv`, `pip install`.

All use the same CPython and the same numpy; no kernel's dependencies can help or burden another.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REFERENCE = "ipykernel"  # The kernel that the others are compared with.
ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENTS = ROOT / ".venvs"

# What is installed for each kernel, and the name of the kernelspec that it brings.
REQUIREMENTS = {
    "ipyrust": (str(ROOT), "ipyrust"),
    "ipyrust-program": (str(ROOT), "ipyrust"),
    "ipykernel": ("ipykernel==7.4.*", "python3"),
    "xeus-python": ("xeus-python==0.19.*", "xpython"),
    "ipymini": ("ipymini", "py"),
    "floor": ("pyzmq", ""),
}
# The distributions whose versions explain a figure.
TELLING = ("ipython", "jedi", "kernmini", "numpy", "pyzmq", "tornado", "debugpy", "comm")

# Asked of the environment's own python; `-I` keeps the current directory and PYTHONPATH out.
VERSIONS = """
import importlib.metadata, json, sys
versions = {d.metadata["Name"].lower(): d.version for d in importlib.metadata.distributions()}
print(json.dumps({"prefix": sys.prefix, "python": sys.version.split()[0], "versions": versions}))
"""


class NoKernelError(Exception):
    """The kernel cannot be had here; the others still can be measured."""


@dataclass(frozen=True)
class Environment:
    """Where one kernel is installed, and how it is started."""

    name: str
    python: Path
    prefix: Path
    argv: tuple[str, ...]
    variables: dict[str, str]
    about: dict[str, Any]


def prepare(name: str, *, interpreter: str, update: bool, given: Path | None) -> Environment:
    """The environment of a kernel, made or completed if it has to be."""
    if given is not None:
        return _describe(name, given)
    directory = ENVIRONMENTS / f"bench-{name}"
    python = directory / "bin" / "python"
    if not python.exists():
        _run([interpreter, "-m", "venv", str(directory)])
    requirement, _ = REQUIREMENTS[name]
    wanted = _fingerprint(requirement)
    marker = directory / "installed"
    if update or not marker.exists() or marker.read_text() != wanted:
        print(f"installing {name} into {directory.relative_to(ROOT)}", file=sys.stderr)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run([*pip, "--upgrade", requirement, "numpy"])
        if requirement == str(ROOT) and marker.exists():
            # The version has not changed, and pip goes by that.
            _run([*pip, "--force-reinstall", "--no-deps", requirement])
        marker.write_text(wanted)
    return _describe(name, python)


def _describe(name: str, python: Path) -> Environment:
    answer = json.loads(_run([str(python), "-I", "-c", VERSIONS]))
    prefix = Path(answer["prefix"])
    versions = answer["versions"]
    about = {
        "python": answer["python"],
        "version": versions.get(name.removesuffix("-program"), ""),
        "with": {key: versions[key] for key in TELLING if key in versions},
    }
    argv, variables = _start_line(name, python, prefix)
    return Environment(name, python, prefix, argv, variables, about)


def _start_line(name: str, python: Path, prefix: Path) -> tuple[tuple[str, ...], dict[str, str]]:
    """The command as the kernelspec says it, resolved as jupyter_client does."""
    if name == "floor":
        return (str(python), str(Path(__file__).parent / "floor.py"), "{connection_file}"), {}
    if name == "ipyrust-program":
        # As the kernelspec that `ipyrust.install` writes; the wheel's own is for any Python.
        program = str(prefix / "bin" / "ipyrust")
        return (program, "--python", str(python), "-f", "{connection_file}"), {}
    directory = prefix / "share" / "jupyter" / "kernels" / REQUIREMENTS[name][1]
    if not (directory / "kernel.json").exists():
        if name == "ipyrust":
            # A checkout under development: no kernelspec, but the module is there.
            return (str(python), "-m", "ipyrust", "-f", "{connection_file}"), {}
        raise NoKernelError(f"no kernelspec: {directory}")
    specification = json.loads((directory / "kernel.json").read_text())
    argv = [word.replace("{resource_dir}", str(directory)) for word in specification["argv"]]
    if argv[0].startswith("python"):
        argv[0] = str(python)
    elif (prefix / "bin" / argv[0]).exists():
        argv[0] = str(prefix / "bin" / argv[0])
    return tuple(argv), dict(specification.get("env", {}))


def _fingerprint(requirement: str) -> str:
    """Changes when what would be installed changes: for the checkout, when a source does."""
    if requirement != str(ROOT):
        return requirement
    newest = 0
    for part in ("src", "python", "kernelspec", "Cargo.toml", "Cargo.lock", "pyproject.toml"):
        path = ROOT / part
        files = path.rglob("*") if path.is_dir() else [path]
        for file in files:
            if file.is_file() and "__pycache__" not in file.parts and file.suffix != ".so":
                newest = max(newest, file.stat().st_mtime_ns)
    return str(newest)


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-5:]
        raise NoKernelError(" ".join(["failed:", *command, "-", *last]))
    return done.stdout
