"""From a wheel to a kernel that Jupyter finds and starts: pip, then `python -m ipyrust.install`."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]

RUN_A_CELL = """
import sys
from jupyter_client.manager import start_new_kernel
manager, client = start_new_kernel(kernel_name=sys.argv[1])
parts = []
code = "import os, sys; print(sys.prefix, os.environ.get('OF_THE_SPEC'), get_ipython().profile)"
def collect(message):
    if message["msg_type"] == "stream":
        parts.append(message["content"]["text"])
reply = client.execute_interactive(code, timeout=60, output_hook=collect)
print(reply["content"]["status"], *parts)
client.stop_channels()
manager.shutdown_kernel()
"""


def specification(directory: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((directory / "kernel.json").read_text())
    return content


def kernels(prefix: Path) -> Path:
    return prefix / "share" / "jupyter" / "kernels"


def test_the_wheel_alone_makes_the_kernel_visible(run: Run, venv: Path) -> None:
    listed = run("python", "-m", "jupyter", "kernelspec", "list", "--json")
    assert listed.returncode == 0, listed.stderr
    found = json.loads(listed.stdout)["kernelspecs"]["ipyrust"]
    assert Path(found["resource_dir"]) == kernels(venv) / "ipyrust"
    assert found["spec"]["display_name"] == "Python 3 (ipyrust)"
    assert (kernels(venv) / "ipyrust" / "logo-64x64.png").read_bytes().startswith(b"\x89PNG")


def test_what_pip_installed_is_enough_to_run_a_cell(run: Run, venv: Path) -> None:
    done = run("python", "-c", RUN_A_CELL, "ipyrust")
    assert done.stdout.split() == ["ok", str(venv), "None", "default"], done.stderr


RUN_A_CELL_ENCRYPTED = """
import sys, traceback
from jupyter_client.manager import start_new_kernel
manager, client = start_new_kernel(kernel_name=sys.argv[1], transport_encryption="required")
print("curve_publickey" in manager.get_connection_info())
client.execute_interactive("6 * 7", timeout=60)
client.stop_channels()
manager.shutdown_kernel()
"""


def test_jupyter_encrypts_where_it_is_told_to(run: Run) -> None:
    """By the kernelspec's word alone: jupyter_client makes the keys for a kernel that can."""
    done = run("python", "-c", RUN_A_CELL_ENCRYPTED, "ipyrust")
    assert done.stdout.split() == ["True", "42"], done.stderr


def test_pip_brings_no_other_kernel_and_no_client(brought: set[str]) -> None:
    assert {"ipyrust", "ipython", "comm", "matplotlib-inline"} <= brought
    assert not {"ipykernel", "debugpy", "jupyter_client", "pyzmq", "tornado"} & brought


def test_the_executable_is_installed(run: Run, venv: Path) -> None:
    assert os.access(venv / "bin" / "ipyrust", os.X_OK)
    done = run("ipyrust", "--version")
    version = run("python", "-c", "import ipyrust; print(ipyrust.__version__)").stdout.strip()
    assert done.stdout.strip() == f"ipyrust {version}"


def test_sys_prefix_names_the_environment(run: Run, venv: Path) -> None:
    done = run("python", "-m", "ipyrust.install", "--sys-prefix", "--name", "by-sys-prefix")
    assert done.returncode == 0, done.stderr
    directory = kernels(venv) / "by-sys-prefix"
    assert done.stdout == f"Installed kernelspec by-sys-prefix in {directory}\n"
    content = specification(directory)
    assert content["argv"] == [
        str(venv / "bin" / "ipyrust"),
        "--python",
        str(venv / "bin" / "python"),
        "-f",
        "{connection_file}",
    ]
    assert content["display_name"] == "by-sys-prefix"
    assert content["language"] == "python"


def test_user_is_found_by_jupyter(run: Run, venv: Path) -> None:
    assert run("python", "-m", "ipyrust.install", "--user", "--name", "users").returncode == 0
    listed = json.loads(run("python", "-m", "jupyter", "kernelspec", "list", "--json").stdout)
    assert listed["kernelspecs"]["users"]["spec"]["argv"][0] == str(venv / "bin" / "ipyrust")


def test_env_profile_and_names_reach_the_kernel(run: Run, venv: Path, tmp_path: Path) -> None:
    options = ["--user", "--name", "Mine", "--display-name", "My own", "--profile", "work"]
    options += ["--env", "OF_THE_SPEC", "a value", "--env", "OTHER", ""]
    done = run("python", "-m", "ipyrust.install", *options)
    assert done.returncode == 0, done.stderr
    # Jupyter's names are in lower case.
    listed = json.loads(run("python", "-m", "jupyter", "kernelspec", "list", "--json").stdout)
    spec = listed["kernelspecs"]["mine"]["spec"]
    assert spec["display_name"] == "My own"
    assert spec["env"] == {"OF_THE_SPEC": "a value", "OTHER": ""}
    assert spec["argv"][-2:] == ["--profile", "work"]
    (tmp_path / ".ipython" / "profile_work").mkdir(parents=True)
    ran = run("python", "-c", RUN_A_CELL, "mine")
    assert ran.stdout.split() == ["ok", str(venv), "a", "value", "work"], ran.stderr


def test_the_profile_is_in_the_name_that_clients_show(run: Run, tmp_path: Path) -> None:
    run("python", "-m", "ipyrust.install", "--prefix", str(tmp_path), "--profile", "work")
    shown = specification(kernels(tmp_path) / "ipyrust")["display_name"]
    assert shown == "Python 3 (ipyrust) [profile=work]"


def test_without_the_executable_the_interpreter_is_registered(
    run: Run, venv: Path, tmp_path: Path
) -> None:
    executable = venv / "bin" / "ipyrust"
    aside = executable.rename(tmp_path / "aside")
    try:
        run("python", "-m", "ipyrust.install", "--prefix", str(tmp_path))
    finally:
        aside.rename(executable)
    assert specification(kernels(tmp_path) / "ipyrust")["argv"] == [
        str(venv / "bin" / "python"),
        "-m",
        "ipyrust",
        "-f",
        "{connection_file}",
    ]


def test_another_projects_kernelspec_is_left_alone(run: Run, tmp_path: Path) -> None:
    foreign = kernels(tmp_path) / "python3"
    foreign.mkdir(parents=True)
    text = json.dumps({"argv": ["python", "-m", "ipykernel_launcher"], "display_name": "theirs"})
    (foreign / "kernel.json").write_text(text)
    command = ["-m", "ipyrust.install", "--prefix", str(tmp_path), "--name", "python3"]
    refused = run("python", *command)
    assert refused.returncode == 1
    assert refused.stderr == (
        f"error: {foreign} holds a kernelspec that is not ipyrust's; "
        "choose another `--name`, or replace it with `--force`\n"
    )
    assert (foreign / "kernel.json").read_text() == text
    assert run("python", *command, "--force").returncode == 0
    assert specification(foreign)["argv"][0].endswith("/ipyrust")


def test_what_cannot_be_read_is_not_taken_for_ours(run: Run, tmp_path: Path) -> None:
    directory = kernels(tmp_path) / "ipyrust"
    directory.mkdir(parents=True)
    (directory / "kernel.json").write_text("{ broken")
    refused = run("python", "-m", "ipyrust.install", "--prefix", str(tmp_path))
    assert refused.returncode == 1
    assert "not ipyrust's" in refused.stderr
    assert (directory / "kernel.json").read_text() == "{ broken"


def test_our_own_kernelspec_is_renewed(run: Run, tmp_path: Path) -> None:
    command = ["-m", "ipyrust.install", "--prefix", str(tmp_path)]
    assert run("python", *command, "--env", "FIRST", "1").returncode == 0
    assert run("python", *command, "--env", "SECOND", "2").returncode == 0
    assert specification(kernels(tmp_path) / "ipyrust")["env"] == {"SECOND": "2"}


def test_a_kernelspec_is_as_the_umask_has_it(run: Run, tmp_path: Path) -> None:
    run("python", "-m", "ipyrust.install", "--prefix", str(tmp_path))
    directory = kernels(tmp_path) / "ipyrust"
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    assert directory.stat().st_mode == (tmp_path / "folder").stat().st_mode
    modes = {file.stat().st_mode for file in directory.iterdir()}
    assert modes == {(tmp_path / "file").stat().st_mode}
    assert [place.name for place in kernels(tmp_path).iterdir()] == ["ipyrust"]


@pytest.mark.parametrize("name", ["two words", "a/b", "..", "", "naïve"])
def test_a_name_that_jupyter_would_not_find_is_refused(run: Run, tmp_path: Path, name: str) -> None:
    refused = run("python", "-m", "ipyrust.install", "--prefix", str(tmp_path), "--name", name)
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"error: `{name}` cannot name a kernelspec")
    assert not kernels(tmp_path).exists()


def test_a_variable_that_cannot_be_set_is_refused(run: Run, tmp_path: Path) -> None:
    command = ["-m", "ipyrust.install", "--prefix", str(tmp_path), "--env", "A=B", "value"]
    refused = run("python", *command)
    assert refused.returncode == 1
    assert refused.stderr == "error: `A=B` cannot name an environment variable\n"


def test_a_place_that_cannot_be_written_is_one_sentence(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused = run("python", "-m", "ipyrust.install", "--prefix", str(tmp_path / "file"))
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"error: cannot write {kernels(tmp_path / 'file')}/ipyrust: ")
    assert len(refused.stderr.splitlines()) == 1


def test_two_places_at_once_are_refused(run: Run) -> None:
    refused = run("python", "-m", "ipyrust.install", "--user", "--sys-prefix")
    assert refused.returncode == 2
    assert "not allowed with argument" in refused.stderr


def test_options_of_ipykernel_are_accepted(run: Run, tmp_path: Path) -> None:
    command = ["-m", "ipyrust.install", "--prefix", str(tmp_path), "--frozen_modules"]
    assert run("python", *command).returncode == 0
