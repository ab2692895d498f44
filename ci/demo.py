"""Execute notebooks/demo.ipynb on the `ipyrust` kernel; write it as HTML and say what came out.

`make run` calls it with the python of .venv, where the kernel is installed and registered. Exits
with 1 if a cell did something else than it should.
"""

from __future__ import annotations

import base64
import os
import re
import sys
import time
from collections import Counter
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbconvert import HTMLExporter

ROOT = Path(__file__).resolve().parents[1]
# Bazel runs this from elsewhere, and says where the checkout is or where a test may write.
HERE = Path(os.environ.get("BUILD_WORKSPACE_DIRECTORY") or os.environ.get("TEST_TMPDIR") or ROOT)
TARGET = HERE / "build" / "demo"
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def execute(path: Path) -> tuple[nbformat.NotebookNode, float]:
    """The executed notebook, and the seconds it took with the kernel's start."""
    # Only what this environment holds: not a kernelspec that the user has elsewhere.
    os.environ["JUPYTER_PATH"] = str(Path(sys.prefix) / "share" / "jupyter")
    notebook = nbformat.read(path, as_version=4)
    begin = time.monotonic()
    NotebookClient(notebook, kernel_name="ipyrust", timeout=300).execute()
    return notebook, time.monotonic() - begin


def first_line(text: str) -> str:
    lines = [line for line in COLOURS.sub("", text).splitlines() if line.strip()]
    return (lines[0] if len(lines) == 1 else f"{lines[0]} ...")[:70] if lines else ""


def describe(output: nbformat.NotebookNode) -> str:
    """One output in a few words."""
    if output.output_type == "stream":
        return f"{output.name}: {first_line(output.text)}"
    if output.output_type == "error":
        return f"error: {output.ename}: {first_line(output.evalue)}"
    data = output.data
    if "image/png" in data:
        return f"plot: {len(base64.b64decode(data['image/png'])):,} bytes of PNG"
    kinds = "HTML, " if "text/html" in data else ""
    return f"{output.output_type}: {kinds}{first_line(data.get('text/plain', ''))}"


def summarize(notebook: nbformat.NotebookNode) -> Counter[str]:
    """Print the outputs cell by cell; returns how many of each kind there were."""
    kinds: Counter[str] = Counter()
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        kinds["code cells"] += 1
        print(f"  [{cell.execution_count}] {first_line(cell.source)}")
        for output in cell.outputs:
            print(f"        {describe(output)}")
            kinds[output.output_type] += 1
            kinds["plots"] += "image/png" in output.get("data", {})
    return kinds


def main() -> int:
    try:
        notebook, seconds = execute(ROOT / "notebooks" / "demo.ipynb")
    except CellExecutionError as error:
        print(f"error: a cell failed that should not:\n{error}", file=sys.stderr)
        return 1
    print(f"notebooks/demo.ipynb on the kernel `ipyrust`, {seconds:.1f} s with its start:")
    kinds = summarize(notebook)
    TARGET.mkdir(parents=True, exist_ok=True)
    page, _ = HTMLExporter().from_notebook_node(notebook)
    (TARGET / "demo.html").write_text(page, encoding="utf-8")
    nbformat.write(notebook, TARGET / "demo.ipynb")
    print(", ".join(f"{count} {kind}" for kind, count in kinds.items()))
    print(f"written: {(TARGET / 'demo.html').relative_to(HERE)}")
    if kinds["plots"] != 2 or kinds["error"] != 1:
        print("error: the notebook has two plots and one error; see above", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
