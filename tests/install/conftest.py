"""The wheel as a user gets it: built by `make build`, installed by pip into a fresh environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def wheel() -> Path:
    """The newest wheel in dist/ for this python."""
    tag = f"cp{sys.version_info[0]}{sys.version_info[1]}"
    wheels = sorted(
        (ROOT / "dist").glob(f"*-{tag}-{tag}-*.whl"), key=lambda path: path.stat().st_mtime
    )
    assert wheels, "no wheel in dist/: `make build` makes it"
    return wheels[-1]


@pytest.fixture(scope="session")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, set[str]]:
    """A fresh venv after `pip install ipyrust`, what that brought, and then a client beside it."""
    directory = tmp_path_factory.mktemp("fresh") / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(directory)], check=True)
    # The versions that the other tests run with; nothing is installed that is not asked for.
    locked = ROOT / "requirements" / "develop.txt"
    constraints = directory / "constraints.txt"
    lines = [line.split(" ;")[0].rstrip("\\ ") for line in locked.read_text().splitlines()]
    constraints.write_text("\n".join(constraint_lines(lines)))
    pip = [str(directory / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
    install = [*pip, "install", "--quiet", "--constraint", str(constraints)]
    subprocess.run([*install, str(wheel)], check=True, timeout=600)
    listed = subprocess.check_output([*pip, "list", "--format=json"], timeout=60)
    subprocess.run([*install, "jupyter_client"], check=True, timeout=600)
    return directory, {package["name"] for package in json.loads(listed)}


@pytest.fixture(scope="session")
def venv(environment: tuple[Path, set[str]]) -> Path:
    """Where that is."""
    return environment[0]


@pytest.fixture(scope="session")
def brought(environment: tuple[Path, set[str]]) -> set[str]:
    """The packages that are there after `pip install ipyrust`, and after nothing else."""
    return environment[1]


def constraint_lines(lines: list[str]) -> list[str]:
    """`name==version` of each package that has one version for every python."""
    pins = [line for line in lines if "==" in line and not line.startswith((" ", "#", "-"))]
    names = [pin.split("==")[0] for pin in pins]
    return [pin for pin, name in zip(pins, names, strict=True) if names.count(name) == 1]


@pytest.fixture
def run(venv: Path, tmp_path: Path) -> Run:
    """Run a program of the venv as a user without any Jupyter files of their own."""

    def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("JUPYTER", "IPYTHON", "PYTEST", "XDG", "VIRTUAL_ENV"))
        }
        return subprocess.run(
            [str(venv / "bin" / program), *arguments],
            env=environment | {"HOME": str(tmp_path)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run
