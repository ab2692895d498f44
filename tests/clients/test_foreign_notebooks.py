"""Notebooks of other projects come out of ipyrust as they come out of ipykernel, cell by cell."""

from __future__ import annotations

import subprocess

import pytest
from clients import foreign
from clients.surroundings import KERNEL_NAME, execute

NOTEBOOKS = [
    (
        "jupytext",
        "tests/data/notebooks/inputs/ipynb_py/convert_to_py_then_test_with_update83.ipynb",
    ),
    ("jupytext", "tests/data/notebooks/inputs/ipynb_py/jupyter.ipynb"),
    ("jupytext", "tests/data/notebooks/inputs/ipynb_py/sample_rise_notebook_66.ipynb"),
    ("jupytext", "tests/data/notebooks/inputs/ipynb_py/text_outputs_and_images.ipynb"),
    ("jupytext", "tests/data/notebooks/outputs/sphinx_to_ipynb/plot_notebook.ipynb"),
    ("nbclient", "tests/files/Clear Output.ipynb"),
    ("nbclient", "tests/files/Disable Stdin.ipynb"),
    ("nbclient", "tests/files/JupyterWidgets.ipynb"),
    ("nbclient", "tests/files/Output.ipynb"),
    ("nbclient", "tests/files/SVG.ipynb"),
    ("nbclient", "tests/files/UnicodePy3.ipynb"),
    ("nbclient", "tests/files/update-display-id.ipynb"),
    ("nbconvert", "tests/exporters/files/notebook2.ipynb"),
    ("nbconvert", "tests/exporters/files/rst_output.ipynb"),
    ("nbconvert", "tests/files/notebook3_with_errors.ipynb"),
    ("nbsphinx", "doc/allow-errors.ipynb"),
    ("nbsphinx", "doc/gallery/multiple-outputs.ipynb"),
    ("nbval", "tests/latex-example.ipynb"),
    ("nbval", "tests/sample_notebook.ipynb"),
    ("nbval", "tests/test_coalesce.ipynb"),
    ("papermill", "papermill/tests/notebooks/complex_parameters.ipynb"),
    ("papermill", "papermill/tests/notebooks/line_magic_error.ipynb"),
    ("papermill", "papermill/tests/notebooks/sysexit1.ipynb"),
]


@pytest.fixture(scope="module", autouse=True)
def _downloaded() -> None:
    try:
        foreign.download()
    except subprocess.CalledProcessError as error:
        pytest.skip(f"the notebooks of other projects cannot be downloaded: {error.stderr[-300:]}")


@pytest.mark.usefixtures("jupyter")
@pytest.mark.parametrize(("project", "path"), NOTEBOOKS, ids=lambda value: value.split("/")[-1])
def test_a_foreign_notebook_comes_out_the_same(project: str, path: str) -> None:
    source = foreign.find(project, path)
    ours, theirs = (
        execute(foreign.read(source), kernel, source.parent, allow_errors=True)
        for kernel in (KERNEL_NAME, "reference")
    )
    assert any(cell.get("outputs") for cell in theirs.cells)
    for our_cell, their_cell in zip(ours.cells, theirs.cells, strict=True):
        if our_cell.cell_type == "code":
            assert foreign.comparable(our_cell) == foreign.comparable(their_cell), our_cell.source
