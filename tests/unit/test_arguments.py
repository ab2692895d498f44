"""The command line: everything launchers write is understood, and nothing is fatal."""

from __future__ import annotations

import pytest
from ipyrust import _core, arguments

FILE = ("IPKernelApp", "connection_file")


@pytest.mark.parametrize("argv", [["-f", "k.json"], ["-f=k.json"], ["--f=k.json"]])
def test_connection_file(argv: list[str]) -> None:
    assert arguments.read(argv).last(*FILE) == "k.json"


def test_ipykernel_spellings() -> None:
    given = arguments.read(
        [
            "--IPKernelApp.connection_file=a.json",
            "--HistoryManager.hist_file=:memory:",
            "--Session.key=b'secret'",
            "--shell=5001",
            "--ip=127.0.0.1",
            "--InteractiveShell.ast_node_interactivity=all",
        ]
    )
    assert given.last(*FILE) == "a.json"
    assert given.last("Session", "key") == "b'secret'"
    assert given.last("IPKernelApp", "shell_port") == "5001"
    assert given.last("IPKernelApp", "ip") == "127.0.0.1"
    assert ("HistoryManager", "hist_file", ":memory:") in given.settings
    assert ("InteractiveShell", "ast_node_interactivity", "all") in given.settings
    assert given.unknown == []


def test_the_last_word_counts() -> None:
    assert arguments.read(["-f", "a", "-f", "b"]).last(*FILE) == "b"


def test_flag_or_alias() -> None:
    with_value = arguments.read(["--matplotlib", "agg", "-c", "x = 1"])
    assert ("InteractiveShellApp", "matplotlib", "agg") in with_value.settings
    alone = arguments.read(["--matplotlib", "-c", "x = 1"])
    assert ("InteractiveShellApp", "matplotlib", "auto") in alone.settings
    assert ("InteractiveShellApp", "code_to_run", "x = 1") in alone.settings


def test_unknown_is_kept_apart() -> None:
    given = arguments.read(["--frobnicate", "--no-such=3", "-f", "k.json"])
    assert given.unknown == ["--frobnicate", "--no-such=3"]
    assert given.last(*FILE) == "k.json"


def test_an_alias_without_its_value_is_unknown() -> None:
    assert arguments.read(["-f"]).unknown == ["-f"]


def test_what_follows_a_file_is_the_files() -> None:
    assert arguments.read(["run.py", "-f", "x"]).extra == ["run.py", "-f", "x"]


def test_bytes_that_are_no_text_come_back_as_python_gave_them() -> None:
    path = b"/tmp/\xff.json".decode("utf-8", "surrogateescape")
    assert arguments.read(["-f", path, "--x.y", path]).settings == [
        (*FILE, path),
        ("x", "y", path),
    ]


def test_values_of_flags_are_of_their_kind() -> None:
    given = arguments.read(["--debug", "--no-pdb", "--pylab"])
    assert [value for _, _, value in given.settings] == [10, False, "auto"]


@pytest.mark.parametrize("name", ["3.x", "a.b-c", ".x", "x."])
def test_what_is_no_trait_is_unknown(name: str) -> None:
    assert arguments.read([f"--{name}=1"]).unknown == [f"--{name}=1"]


def test_only_a_file_without_a_directory_needs_one(tmp_path, monkeypatch) -> None:
    def needs(*argv: str) -> bool:
        return _core.needs_directory(arguments.read(argv).settings)

    monkeypatch.chdir(tmp_path)
    assert needs()
    assert needs("-f", "kernel.json")
    assert not needs("-f", "missing/kernel.json")
    (tmp_path / "kernel.json").touch()
    assert not needs("-f", "kernel.json")
