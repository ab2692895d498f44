"""nbclient, the engine of nbconvert, papermill and Voila, executes notebooks on the kernel."""

from __future__ import annotations

from pathlib import Path

import pytest
from clients.surroundings import Jupyter, execute, notebook_of, text_of
from nbclient.exceptions import CellExecutionError, CellTimeoutError

pytestmark = pytest.mark.usefixtures("jupyter")


def test_every_kind_of_output_reaches_the_notebook() -> None:
    notebook = execute(
        notebook_of(
            "import sys\nprint('out')\nprint('err', file=sys.stderr)",
            "from IPython.display import HTML, display\ndisplay(HTML('<b>bold</b>'))",
            "6 * 7",
            "import os\nstatus = os.system('echo from a child')",
        )
    )
    first, second, third, fourth = notebook.cells
    assert [(output.name, output.text) for output in first.outputs] == [
        ("stdout", "out\n"),
        ("stderr", "err\n"),
    ]
    assert second.outputs[0].data["text/html"] == "<b>bold</b>"
    assert third.outputs[0].output_type == "execute_result"
    assert third.outputs[0].data["text/plain"] == "42"
    assert text_of(fourth) == "from a child\n"
    assert [cell.execution_count for cell in notebook.cells] == [1, 2, 3, 4]
    assert notebook.metadata.language_info.name == "python"


def test_plots_show_without_a_magic() -> None:
    notebook = execute(notebook_of("import matplotlib.pyplot as plt\nplt.plot([1, 3, 2]);"))
    (output,) = notebook.cells[0].outputs
    assert output.data["image/png"].startswith("iVBOR")


def test_the_first_error_stops_the_notebook() -> None:
    notebook = notebook_of("value = 1", "1/0", "value = 2")
    with pytest.raises(CellExecutionError, match=r"ZeroDivisionError.*division by zero"):
        execute(notebook)
    assert notebook.cells[1].outputs[0].ename == "ZeroDivisionError"
    assert notebook.cells[2].execution_count is None


def test_with_errors_allowed_the_rest_runs() -> None:
    notebook = execute(notebook_of("1/0", "print('after')"), allow_errors=True)
    assert text_of(notebook.cells[1]) == "after\n"


def test_a_display_is_updated_in_the_cell_that_made_it() -> None:
    notebook = execute(
        notebook_of(
            "from IPython.display import display\nhandle = display('before', display_id=True)",
            "handle.update('after')",
        )
    )
    assert "after" in text_of(notebook.cells[0])
    assert "before" not in text_of(notebook.cells[0])


def test_clear_output_leaves_what_came_later() -> None:
    notebook = execute(
        notebook_of(
            "from IPython.display import clear_output\n"
            "for n in range(3):\n    clear_output(wait=True)\n    print(n)"
        )
    )
    assert text_of(notebook.cells[0]) == "2\n"


def test_widgets_keep_their_state_and_capture_output() -> None:
    notebook = execute(
        notebook_of(
            "import ipywidgets\nslider = ipywidgets.IntSlider(value=7)\nslider",
            "out = ipywidgets.Output()\nwith out:\n    print('captured')\nout",
            "slider.value = 8",
        )
    )
    states = notebook.metadata.widgets["application/vnd.jupyter.widget-state+json"].state.values()
    sliders = [state.state for state in states if state.model_name == "IntSliderModel"]
    outputs = [state.state for state in states if state.model_name == "OutputModel"]
    assert [state.value for state in sliders] == [8]
    assert [output["text"] for state in outputs for output in state.outputs] == ["captured\n"]


def test_a_cell_over_its_time_is_interrupted_and_the_rest_runs() -> None:
    notebook = execute(
        notebook_of("import time\ntime.sleep(1000)", "print('usable')"),
        timeout=3,
        interrupt_on_timeout=True,
        allow_errors=True,
    )
    assert notebook.cells[0].outputs[0].ename == "KeyboardInterrupt"
    assert text_of(notebook.cells[1]) == "usable\n"


def test_without_interrupting_the_client_ends_the_kernel() -> None:
    with pytest.raises(CellTimeoutError):
        execute(notebook_of("while True: pass"), timeout=3)


def test_input_is_refused_where_nobody_can_answer() -> None:
    with pytest.raises(CellExecutionError, match="StdinNotImplementedError"):
        execute(notebook_of("input()"))


def test_cells_run_in_the_folder_of_the_notebook(tmp_path: Path) -> None:
    (tmp_path / "neighbour.py").write_text("value = 'found'")
    notebook = execute(notebook_of("import neighbour\nneighbour.value"), directory=tmp_path)
    assert text_of(notebook.cells[0]) == "'found'\n"


def test_top_level_await_and_magics() -> None:
    notebook = execute(
        notebook_of(
            "import asyncio\nawait asyncio.sleep(0, 'slept')",
            "%%bash\necho from bash",
            "captured = !echo one\ncaptured",
        )
    )
    assert [text_of(cell) for cell in notebook.cells] == ["'slept'\n", "from bash\n", "['one']\n"]


def test_kernels_of_the_same_jupyter_do_not_see_each_other(jupyter: Jupyter) -> None:
    execute(notebook_of("secret = 1"))
    assert jupyter.directory.exists()
    notebook = execute(notebook_of("'secret' in globals()"))
    assert text_of(notebook.cells[0]) == "False\n"
