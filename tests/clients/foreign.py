"""Notebooks that nobody of this project wrote, from the source distributions of other projects."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import nbformat

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = ROOT / "requirements" / "notebooks.txt"
# Kept between runs; its name changes with what is wanted.
CACHE = ROOT / "build" / "notebooks"

# What differs between any two runs of the same kernel.
VARIATIONS = [
    (re.compile(r"\b0x[0-9a-f]{6,16}\b"), "0xADDRESS"),
    (re.compile(r"\b[0-9a-f]{32}\b|\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "IDENTIFIER"),
    (re.compile(r"\b\d+(\.\d+)? ?(ns|[µμ]s|us|ms|s|sec|seconds)\b"), "TIMING"),
    (re.compile(r"datetime\.datetime\([\d, ]+\)"), "datetime.datetime(TIME)"),
    (re.compile(r"\d{4}-\d\d-\d\d,? \d\d:\d\d:\d\d"), "TIME"),
    (re.compile(r"/tmp/ipykernel_\d+/\d+\.py"), "/tmp/CELL.py"),
    # Where the two environments lie.
    (re.compile(r"/\S*/(site-packages|lib/python3\.\d+|bin/python\S*)"), r"PATH/\1"),
]
KERNEL_FILE = re.compile(r"/(ipykernel|ipyrust)/\w+\.py")
# Notebooks draw random numbers; both kernels have to draw the same.
SEED = "import random, numpy; random.seed(0); numpy.random.seed(0)"


def projects() -> list[str]:
    wanted = REQUIREMENTS.with_suffix(".in").read_text().splitlines()
    return [line for line in wanted if line and not line.startswith("#")]


def download() -> Path:
    """Unpack the source distributions, once; returns the folder that holds them."""
    stamp = CACHE / "requirements.txt"
    if stamp.exists() and stamp.read_text() == REQUIREMENTS.read_text():
        return CACHE
    CACHE.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--no-binary", ",".join(projects()), "--require-hashes"]
    command += ["--requirement", str(REQUIREMENTS), "--dest", str(CACHE)]
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=600)
    for archive in CACHE.glob("*.tar.gz"):
        with tarfile.open(archive) as files:
            members = [member for member in files if member.isfile() and ".." not in member.name]
            files.extractall(CACHE, members=members)
    stamp.write_text(REQUIREMENTS.read_text())
    return CACHE


def find(project: str, path: str) -> Path:
    """A notebook by its path inside the project, whatever version was unpacked."""
    (found,) = download().glob(f"{project}-*/{path}")
    return found


def read(path: Path) -> nbformat.NotebookNode:
    """The notebook as it would be run: without outputs, in today's format."""
    notebook = nbformat.convert(nbformat.read(path, as_version=nbformat.NO_CONVERT), 4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []
            cell.execution_count = None
    notebook.metadata.pop("widgets", None)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(SEED))
    return notebook


def comparable(cell: nbformat.NotebookNode) -> list[Any]:
    """What a reader gets from a cell, without what differs between two runs of one kernel."""
    outputs: list[Any] = []
    texts: dict[str, str] = {}
    for output in [*cell.outputs, None]:
        if output is not None and output.output_type == "stream":
            # How a text was cut into messages is chance. So is the order of stdout and stderr on
            # ipykernel; ipyrust keeps the order of the calls, which tests/wire looks at.
            texts[output.name] = texts.get(output.name, "") + output.text
            continue
        outputs += sorted(texts.items())
        texts = {}
        if output is not None:
            outputs.append(without_kernel_frames(dict(output)))
    return [without_variations(item) for item in [*outputs, cell.execution_count]]


def without_kernel_frames(output: dict[str, Any]) -> dict[str, Any]:
    """A traceback leads through the kernel's own files, for instance from `input()`."""
    if output["output_type"] == "error":
        frames = [line for line in output["traceback"] if not KERNEL_FILE.search(line)]
        return output | {"traceback": frames}
    return output


def without_variations(value: Any) -> Any:
    if isinstance(value, str):
        for pattern, replacement in VARIATIONS:
            value = pattern.sub(replacement, value)
        return value
    if isinstance(value, dict):
        return {name: without_variations(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_variations(item) for item in value]
    return value
