"""`jupyter execute`, `jupyter nbconvert`, `jupyter run` and papermill, typed as a person does."""

from __future__ import annotations

from pathlib import Path

import nbformat
import papermill
import pytest
from clients.surroundings import KERNEL_NAME, Jupyter, notebook_of, text_of
from papermill.exceptions import PapermillExecutionError


def write(directory: Path, *sources: str, parameters: str | None = None) -> Path:
    """A notebook on disk for the kernel under test, with a cell of parameters if there are some."""
    notebook = notebook_of(*sources)
    notebook.metadata.kernelspec = {
        "name": KERNEL_NAME,
        "display_name": KERNEL_NAME,
        "language": "python",
    }
    if parameters is not None:
        notebook.cells[0].source = parameters
        notebook.cells[0].metadata.tags = ["parameters"]
    path = directory / "notebook.ipynb"
    nbformat.write(notebook, path)
    return path


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def test_jupyter_execute(jupyter: Jupyter, tmp_path: Path) -> None:
    path = write(tmp_path, "print('executed')", "1 + 1")
    done = jupyter.run(
        "jupyter",
        "execute",
        "--inplace",
        f"--kernel_name={KERNEL_NAME}",
        path.name,
        directory=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert [text_of(cell) for cell in read(path).cells] == ["executed\n", "2\n"]


def test_nbconvert_executes_into_a_page(
    jupyter: Jupyter, tmp_path: Path, build_folder: Path
) -> None:
    path = write(
        tmp_path, "import matplotlib.pyplot as plt\nplt.plot([1, 2, 4]);", "print('in the page')"
    )
    done = jupyter.run(
        "jupyter", "nbconvert", "--execute", "--to", "html", path.name, directory=tmp_path
    )
    assert done.returncode == 0, done.stderr
    page = path.with_suffix(".html").read_text()
    (build_folder / "nbconvert.html").write_text(page)
    assert "in the page" in page
    assert "data:image/png;base64," in page


def test_nbconvert_fails_where_a_cell_fails(jupyter: Jupyter, tmp_path: Path) -> None:
    path = write(tmp_path, "raise ValueError('on purpose')")
    command = ["jupyter", "nbconvert", "--execute", "--to", "notebook", "--inplace", path.name]
    done = jupyter.run(*command, directory=tmp_path)
    assert done.returncode != 0
    assert "on purpose" in done.stderr
    done = jupyter.run(*command, "--allow-errors", directory=tmp_path)
    assert done.returncode == 0, done.stderr
    assert text_of(read(path).cells[0]) == "ValueError: on purpose\n"


def test_jupyter_run_takes_a_script(jupyter: Jupyter, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("print('from the script')\n")
    done = jupyter.run("jupyter", "run", f"--kernel={KERNEL_NAME}", str(script), directory=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "from the script\n"


def test_papermill_puts_parameters_in(jupyter: Jupyter, tmp_path: Path) -> None:
    path = write(tmp_path, "", "print(count * word)", parameters="count = 1\nword = 'default '")
    target = tmp_path / "out.ipynb"
    command = ["papermill", "-p", "count", "3", "-p", "word", "given "]
    command += [str(path), str(target), "--no-progress-bar"]
    done = jupyter.run(*command, directory=tmp_path)
    assert done.returncode == 0, done.stderr
    assert text_of(read(target).cells[-1]) == "given given given \n"


@pytest.mark.usefixtures("jupyter")
def test_papermill_reports_the_error_and_writes_what_ran(tmp_path: Path) -> None:
    path = write(tmp_path, "print('before')", "{}['missing']", "print('never')")
    target = tmp_path / "out.ipynb"
    with pytest.raises(PapermillExecutionError, match="KeyError: 'missing'"):
        papermill.execute_notebook(path, target, progress_bar=False)
    texts = [text_of(cell) for cell in read(target).cells if cell.cell_type == "code"]
    assert "before\n" in texts
    assert "never\n" not in texts


@pytest.mark.usefixtures("jupyter")
def test_papermill_takes_a_clean_exit_as_success(tmp_path: Path) -> None:
    path = write(tmp_path, "print('before')", "import sys\nsys.exit(0)", "print('never')")
    notebook = papermill.execute_notebook(path, tmp_path / "out.ipynb", progress_bar=False)
    texts = [text_of(cell) for cell in notebook.cells if cell.cell_type == "code"]
    assert "before\n" in texts
    assert "never\n" not in texts
