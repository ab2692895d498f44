"""A Jupyter of its own for the tests of real clients, with the kernel under test registered in it.

The clients are those of .venvs/reference (`ci/environment`); the kernel runs in the python of the
target. Nothing that the machine's user has of Jupyter is seen or touched.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from clients.lab import chromium, open_notebook, page, server
from clients.surroundings import KERNEL_NAME, Jupyter, register, user_environment
from harness import Target, reference_target

__all__ = ["build_folder", "chromium", "jupyter", "open_notebook", "page", "server"]

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def jupyter(target: Target, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jupyter]:
    directory = tmp_path_factory.mktemp("jupyter")
    register(target, KERNEL_NAME, directory)
    register(reference_target(), "reference", directory)
    own = {
        "HOME": str(directory),
        "IPYTHONDIR": str(directory / "ipython"),
        "JUPYTER_CONFIG_DIR": str(directory / "config"),
        "JUPYTER_DATA_DIR": str(directory / "data"),
        "JUPYTER_PATH": str(directory / "share" / "jupyter"),
        "JUPYTER_RUNTIME_DIR": str(directory / "runtime"),
        "XDG_CACHE_HOME": str(directory / "cache"),
        "XDG_CONFIG_HOME": str(directory / "xdg"),
    }
    # jupyter_client in this process looks for kernels and keeps its files there too.
    with pytest.MonkeyPatch.context() as patch:
        for name, value in own.items():
            patch.setenv(name, value)
        yield Jupyter(directory, user_environment(), reference_target().python)


@pytest.fixture(scope="session")
def build_folder(target: Target) -> Path:
    """Where what a person may look at afterwards is left: pages and screenshots."""
    folder = ROOT / "build" / "clients" / target.name
    folder.mkdir(parents=True, exist_ok=True)
    return folder
