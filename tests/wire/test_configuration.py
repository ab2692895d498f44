"""Startup files, profiles, configuration files and the command line, as ipykernel takes them."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from harness import StartKernel, wait_until


@pytest.fixture
def ipython_directory(tmp_path: Path) -> Path:
    (tmp_path / "profile_default" / "startup").mkdir(parents=True)
    return tmp_path


def test_startup_files_run_in_their_order(
    start_kernel: StartKernel, ipython_directory: Path
) -> None:
    startup = ipython_directory / "profile_default" / "startup"
    (startup / "10-first.py").write_text("order = ['first']")
    (startup / "20-second.ipy").write_text("order.append('second')\n%alias_magic tt timeit")
    client = start_kernel(ipython_directory=ipython_directory).client()
    cell = client.run("order")
    assert cell.result == "['first', 'second']"
    assert cell.reply.content["execution_count"] == 1


def test_a_failing_startup_file_is_survived(
    start_kernel: StartKernel, ipython_directory: Path
) -> None:
    startup = ipython_directory / "profile_default" / "startup"
    (startup / "10-bad.py").write_text("1/0")
    client = start_kernel(ipython_directory=ipython_directory).client()
    assert client.run("1 + 1").result == "2"


@pytest.mark.parametrize("name", ["ipython_config.py", "ipython_kernel_config.py"])
def test_configuration_files_are_read(
    start_kernel: StartKernel, ipython_directory: Path, name: str
) -> None:
    (ipython_directory / "profile_default" / name).write_text(
        "c.InteractiveShell.ast_node_interactivity = 'all'\n"
        "c.InteractiveShellApp.exec_lines = ['from_configuration = 7']\n"
        "c.InteractiveShellApp.extensions = ['autoreload']\n"
    )
    client = start_kernel(ipython_directory=ipython_directory).client()
    assert client.run("from_configuration").result == "7"
    assert len(client.run("1\n2").of_type("execute_result")) == 2
    client.run("%autoreload 0")


def test_a_profile_of_ones_own(start_kernel: StartKernel, ipython_directory: Path) -> None:
    profile = ipython_directory / "profile_special"
    (profile / "startup").mkdir(parents=True)
    (profile / "startup" / "a.py").write_text("profile = 'special'")
    kernel = start_kernel(ipython_directory=ipython_directory, arguments=["--profile=special"])
    assert kernel.client().run("profile").result == "'special'"


@pytest.mark.both_doors
@pytest.mark.parametrize(
    ("arguments", "code", "result"),
    [
        (["--InteractiveShell.ast_node_interactivity=none"], "1", None),
        (["--IPKernelApp.exec_lines=x = 5"], "x", "5"),
        (["--HistoryManager.hist_file=:memory:"], "1", "1"),
        (["--matplotlib=inline"], "1", "1"),
        (["-c", "x = 6"], "x", "6"),
        (["--ext", "autoreload"], "%autoreload?", None),
        pytest.param(
            ["--no-such-option=1"], "1", "1", marks=pytest.mark.ipykernel_differs("it ends")
        ),
        (["--Session.username=somebody"], "1", "1"),
        (["--debug"], "1", "1"),
        (["--quiet"], "1", "1"),
    ],
)
def test_arguments(
    start_kernel: StartKernel, arguments: list[str], code: str, result: str | None
) -> None:
    assert start_kernel(arguments=arguments).client().run(code).result == result


def test_a_file_to_run_before_the_first_cell(start_kernel: StartKernel, tmp_path: Path) -> None:
    path = tmp_path / "prepare.py"
    path.write_text("prepared = __name__")
    client = start_kernel(arguments=[f"--IPKernelApp.file_to_run={path}"]).client()
    assert client.run("prepared").result == "'__main__'"


def test_files_that_a_launcher_names_are_not_run(start_kernel: StartKernel, tmp_path: Path) -> None:
    # `jupyter run` passes them on, and then sends what is in them.
    path = tmp_path / "script.py"
    path.write_text("has_run = True")
    client = start_kernel(arguments=[str(path)]).client()
    assert client.run("'has_run' in globals()").result == "False"


def test_an_extension_that_fails_is_survived(start_kernel: StartKernel) -> None:
    kernel = start_kernel(arguments=["--IPKernelApp.extra_extensions=no_such_extension"])
    assert kernel.client().run("1").result == "1"


def test_the_working_directory_is_importable_from_cells_only(
    start_kernel: StartKernel, tmp_path: Path
) -> None:
    """A file of a user's that is called as a module of the kernel's must not be taken for it."""
    for name in ("json", "asyncio", "traitlets", "IPython", "selectors"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the wrong module')")
    (tmp_path / "of_the_user.py").write_text("value = 3")
    kernel = start_kernel(working_directory=tmp_path)
    client = kernel.client()
    assert client.run("import of_the_user\nof_the_user.value").result == "3"
    assert client.run("import os; os.getcwd()").result == repr(str(tmp_path))


def test_variables_of_the_environment(start_kernel: StartKernel) -> None:
    kernel = start_kernel(environment={"SOME_WORD": "given", "JPY_SESSION_NAME": "/a/b.ipynb"})
    client = kernel.client()
    assert client.run("import os; os.environ['SOME_WORD']").result == "'given'"
    assert client.run("__session__").result == "'/a/b.ipynb'"


def test_a_client_may_name_the_file_of_cells(start_kernel: StartKernel) -> None:
    client = start_kernel(environment={"IPYKERNEL_CELL_NAME": "<notebook cell>"}).client()
    code = "import inspect; inspect.currentframe().f_code.co_filename"
    assert client.run(code).result == "'<notebook cell>'"


def test_a_signal_shows_where_the_kernel_is(start_kernel: StartKernel) -> None:
    kernel = start_kernel()
    client = kernel.client()
    cell = client.execute(
        "import time\ndef waiting():\n    print('begun')\n    time.sleep(100)\nwaiting()"
    )
    cell.wait_for_text("begun")
    os.kill(kernel.pid, signal.SIGUSR1)
    wait_until(lambda: "in waiting" in kernel.output, "the stacks in the log")
    kernel.interrupt()
    assert cell.wait().reply.content["ename"] == "KeyboardInterrupt"


def test_the_main_module_is_the_users(start_kernel: StartKernel) -> None:
    client = start_kernel().client()
    client.run("value = 1")
    assert client.run("__name__, __import__('__main__').value").result == "('__main__', 1)"
    hidden = client.run("sorted(n for n in dir() if not n.startswith('_'))").result
    assert hidden == "['In', 'Out', 'exit', 'get_ipython', 'open', 'quit', 'value']"


def test_objects_of_the_main_module_can_be_pickled(start_kernel: StartKernel) -> None:
    client = start_kernel().client()
    code = "import pickle\nclass A: pass\ntype(pickle.loads(pickle.dumps(A()))) is A"
    assert client.run(code).result == "True"


@pytest.mark.ipyrust_only("it needs trio at the start")
def test_the_trio_loop(start_kernel: StartKernel) -> None:
    client = start_kernel(arguments=["--trio-loop"]).client()
    assert "trio" in client.run("%autoawait").text()
    assert client.run("6 * 7").result == "42"
