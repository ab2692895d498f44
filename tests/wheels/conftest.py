"""The wheels that are looked at: the newest in dist/ for this python, or IPYRUST_WHEEL's."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from .wheel import Wheel

ROOT = Path(__file__).resolve().parents[2]


def found() -> list[Path]:
    if place := os.environ.get("IPYRUST_WHEEL"):
        path = Path(place)
        return [path] if path.is_file() else sorted(path.glob("*.whl"))
    tag = f"cp{sys.version_info[0]}{sys.version_info[1]}"
    wheels = (ROOT / "dist").glob(f"*-{tag}-{tag}-*.whl")
    return sorted(wheels, key=lambda path: path.stat().st_mtime)[-1:]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "wheel" in metafunc.fixturenames:
        paths = found()
        metafunc.parametrize(
            "wheel", paths or [None], ids=[p.name for p in paths] or None, indirect=True
        )


@pytest.fixture
def wheel(request: pytest.FixtureRequest, tmp_path: Path) -> Wheel:
    assert request.param, "no wheel: `make build` makes one, or set IPYRUST_WHEEL"
    return Wheel(request.param, tmp_path)
