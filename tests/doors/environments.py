"""The kinds of environment that people install into, made anew from an interpreter.

Each maker installs the wheel as its tool does, and says how ipyrust is started there.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from .wheels import Interpreter, dependencies, pip, run, wheel_for


@dataclass
class Environment:
    """An environment with ipyrust in it."""

    python: Path
    program: Path
    # What its user has set, for either door and for python itself.
    variables: dict[str, str] = field(default_factory=dict)
    # What only `python` itself needs to find ipyrust, and the program finds by itself.
    python_variables: dict[str, str] = field(default_factory=dict)
    # Whether detection can find this python from the program alone.
    detectable: bool = True


def clean_variables() -> dict[str, str]:
    """The environment variables of the tests, without what steers a Python."""
    foreign = ("PYTHON", "IPYRUST_", "VIRTUAL_ENV", "CONDA_", "PIP_", "UV_", "PIPX_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    if "PIP_INDEX_URL" in os.environ:
        kept["PIP_INDEX_URL"] = os.environ["PIP_INDEX_URL"]
    return kept


def tool(name: str) -> str:
    """A program beside the tests' python or in PATH; without it the test says what it misses."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        pytest.skip(f"`{name}` is not installed")
    return found


def wheel(interpreter: Interpreter) -> str:
    path = wheel_for(interpreter)
    assert path is not None
    return str(path)


def see_dependencies(interpreter: Interpreter, site: Path) -> None:
    site.mkdir(parents=True, exist_ok=True)
    (site / "dependencies.pth").write_text(f"{dependencies(interpreter)}\n")


def in_environment(interpreter: Interpreter, prefix: Path) -> Environment:
    """Installs into a virtual environment that stands."""
    python = prefix / "bin" / "python"
    pip(python, "install", "--no-deps", "--no-index", wheel(interpreter))
    see_dependencies(interpreter, prefix / "lib" / f"python{interpreter.version}" / "site-packages")
    return Environment(python, prefix / "bin" / "ipyrust")


def venv(interpreter: Interpreter, folder: Path, *options: str) -> Environment:
    prefix = folder / "venv"
    command = [interpreter.executable, "-m", "venv", "--without-pip", *options, str(prefix)]
    run(command, clean_variables())
    return in_environment(interpreter, prefix)


def virtualenv(interpreter: Interpreter, folder: Path) -> Environment:
    prefix = folder / "virtualenv"
    command = [tool("virtualenv"), "--no-download", "--quiet", "--python", interpreter.executable]
    variables = clean_variables() | {"VIRTUALENV_OVERRIDE_APP_DATA": str(folder / "app-data")}
    run([*command, str(prefix)], variables)
    return in_environment(interpreter, prefix)


def uv(interpreter: Interpreter, folder: Path, link_mode: str) -> Environment:
    prefix = folder / "uv"
    variables = clean_variables() | {
        "UV_CACHE_DIR": str(folder / "cache"),
        "UV_LINK_MODE": link_mode,
        "UV_OFFLINE": "1",
    }
    run([tool("uv"), "venv", "--python", interpreter.executable, str(prefix)], variables)
    python = str(prefix / "bin" / "python")
    command = [tool("uv"), "pip", "install", "--no-deps", "--python", python, wheel(interpreter)]
    run(command, variables)
    see_dependencies(interpreter, prefix / "lib" / f"python{interpreter.version}" / "site-packages")
    return Environment(Path(python), prefix / "bin" / "ipyrust")


def pipx(interpreter: Interpreter, folder: Path) -> Environment:
    bin_folder = folder / "local" / "bin"
    variables = clean_variables() | {
        "PIPX_HOME": str(folder / "pipx"),
        "PIPX_BIN_DIR": str(bin_folder),
        "PIPX_MAN_DIR": str(folder / "man"),
    }
    command = [tool("pipx"), "install", "--quiet", "--python", interpreter.executable]
    # With its own dependencies: pipx asks for their metadata.
    run([*command, wheel(interpreter)], variables)
    prefix = folder / "pipx" / "venvs" / "ipyrust"
    see_dependencies(interpreter, prefix / "lib" / f"python{interpreter.version}" / "site-packages")
    # A python beside the link, which is not the one that ipyrust was installed for.
    (bin_folder / "python").symlink_to(interpreter.executable)
    return Environment(prefix / "bin" / "python", bin_folder / "ipyrust")


def user(interpreter: Interpreter, folder: Path) -> Environment:
    base = folder / "user"
    options = ["--user", "--no-deps", "--no-index", "--no-warn-script-location"]
    if interpreter.is_debians:
        options.append("--break-system-packages")
    pip(interpreter.executable, "install", *options, wheel(interpreter), PYTHONUSERBASE=str(base))
    see_dependencies(interpreter, base / "lib" / f"python{interpreter.version}" / "site-packages")
    python = Path(interpreter.executable)
    path = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
    variables = {"PYTHONUSERBASE": str(base), "PATH": path}
    return Environment(python, base / "bin" / "ipyrust", variables, detectable=False)


def target(interpreter: Interpreter, folder: Path) -> Environment:
    place = folder / "target"
    options = ["--target", str(place), "--no-deps", "--no-index"]
    pip(interpreter.executable, "install", *options, wheel(interpreter))
    return beside_python(interpreter, place, place / "bin" / "ipyrust")


def prefix(interpreter: Interpreter, folder: Path) -> Environment:
    place = folder / "prefix"
    options = ["--prefix", str(place), "--no-deps", "--no-index", "--no-warn-script-location"]
    if interpreter.is_debians:
        options.append("--break-system-packages")
    pip(interpreter.executable, "install", *options, wheel(interpreter))
    (package,) = place.glob("**/ipyrust/__init__.py")
    (program,) = place.glob("**/bin/ipyrust")  # Debian's scheme has a `local` between.
    return beside_python(interpreter, package.parent.parent, program)


def beside_python(interpreter: Interpreter, site: Path, program: Path) -> Environment:
    """Packages that python sees when its user sets PYTHONPATH, and the program by itself."""
    python = Path(interpreter.executable)
    needed = str(dependencies(interpreter))
    path = os.pathsep.join([str(site), needed])
    variables = {"PYTHONPATH": needed}
    return Environment(python, program, variables, {"PYTHONPATH": path}, detectable=False)


def relocated(
    interpreter: Interpreter, folder: Path, executable: Path | None = None
) -> Environment:
    """A whole Python in a prefix of its own, as conda and pyenv install them."""
    place = folder / "relocated"
    name = f"python{interpreter.version}"
    unneeded = shutil.ignore_patterns(
        "site-packages", "dist-packages", "__pycache__", "test", "tests", "idlelib", "config-*"
    )
    library = place / "lib" / name
    shutil.copytree(interpreter.stdlib, library, ignore=unneeded, symlinks=True)
    (library / "site-packages").mkdir(exist_ok=True)
    (place / "bin").mkdir()
    shutil.copy2(executable or interpreter.executable, place / "bin" / name)
    for link in ("python3", "python"):
        (place / "bin" / link).symlink_to(name)
    (place / "conda-meta").mkdir()
    python = place / "bin" / "python"
    pip(python, "install", "--no-deps", "--no-index", wheel(interpreter))
    see_dependencies(interpreter, library / "site-packages")
    return Environment(python, place / "bin" / "ipyrust", {"CONDA_PREFIX": str(place)})


def relinked(interpreter: Interpreter, folder: Path) -> Environment:
    """A static build, linked from the archive that an installation keeps for embedders."""
    variables = interpreter.variables
    place = Path(variables["LIBPL"] or "/nonexistent")
    archive = place / f"libpython{interpreter.version}.a"
    main = place / "python.o"
    compiler = shlex.split(variables["CC"] or "cc")
    if not archive.exists() or not main.exists() or shutil.which(compiler[0]) is None:
        pytest.skip(f"no {archive}, python.o or compiler to link a static python with")
    executable = folder / f"python{interpreter.version}"
    words = [*compiler, *shlex.split(variables["LINKFORSHARED"] or "")]
    words += ["-o", str(executable), str(main), str(archive)]
    for name in ("LDFLAGS", "LIBS", "MODLIBS", "SYSLIBS"):
        words += shlex.split(variables[name] or "")
    outcome = subprocess.run([*words, "-lm"], capture_output=True, text=True)
    assert outcome.returncode == 0, outcome.stderr
    return relocated(interpreter, folder, executable)


def through_link(interpreter: Interpreter, folder: Path) -> Environment:
    environment = venv(interpreter, folder)
    link = folder / "links" / "ipyrust"
    link.parent.mkdir()
    (folder / "links" / "hop").symlink_to(environment.program)
    link.symlink_to("hop")
    environment.program = link
    return environment


def foreign_variables(interpreter: Interpreter, folder: Path) -> Environment:
    """With what somebody else set: another prefix of this version, and more of a path."""
    environment = venv(interpreter, folder)
    others = folder / "others"
    others.mkdir()
    (others / "sitecustomize.py").write_text("import sys\nsys.customized_by_others = True\n")
    environment.variables = {"PYTHONHOME": interpreter.prefix, "PYTHONPATH": str(others)}
    return environment


Maker = Callable[[Interpreter, Path], Environment]

MAKERS: dict[str, Maker] = {
    "venv": venv,
    "venv-copies": lambda interpreter, folder: venv(interpreter, folder, "--copies"),
    "venv-open": lambda interpreter, folder: venv(interpreter, folder, "--system-site-packages"),
    "virtualenv": virtualenv,
    "uv": partial(uv, link_mode="copy"),
    "uv-linked": partial(uv, link_mode="symlink"),
    "pipx": pipx,
    "user": user,
    "target": target,
    "prefix": prefix,
    "relocated": relocated,
    "relinked-static": relinked,
    "through-link": through_link,
    "foreign-variables": foreign_variables,
}
