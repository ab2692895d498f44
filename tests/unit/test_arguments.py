"""The command line: everything launchers write is understood, and nothing is fatal."""

from __future__ import annotations

import pytest
from ipyrust import arguments


@pytest.mark.parametrize("argv", [["-f", "k.json"], ["-f=k.json"], ["--f=k.json"]])
def test_connection_file(argv: list[str]) -> None:
    assert arguments.read(argv).connection_file == "k.json"


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
    assert given.connection_file == "a.json"
    assert given.key == b"secret"
    assert given.overrides == {"ip": "127.0.0.1", "shell_port": 5001}
    assert ("HistoryManager", "hist_file", ":memory:") in given.settings
    assert ("InteractiveShell", "ast_node_interactivity", "all") in given.settings
    assert given.unknown == []


def test_the_last_word_counts() -> None:
    assert arguments.read(["-f", "a", "-f", "b"]).connection_file == "b"


def test_flag_or_alias() -> None:
    with_value = arguments.read(["--matplotlib", "agg", "-c", "x = 1"])
    assert ("InteractiveShellApp", "matplotlib", "agg") in with_value.settings
    alone = arguments.read(["--matplotlib", "-c", "x = 1"])
    assert ("InteractiveShellApp", "matplotlib", "auto") in alone.settings
    assert ("InteractiveShellApp", "code_to_run", "x = 1") in alone.settings


def test_unknown_is_kept_apart() -> None:
    given = arguments.read(["--frobnicate", "--no-such=3", "-f", "k.json"])
    assert given.unknown == ["--frobnicate", "--no-such=3"]
    assert given.connection_file == "k.json"


def test_an_alias_without_its_value_is_unknown() -> None:
    assert arguments.read(["-f"]).unknown == ["-f"]


def test_what_follows_a_file_is_the_files() -> None:
    assert arguments.read(["run.py", "-f", "x"]).extra == ["run.py", "-f", "x"]


def test_a_port_is_a_number() -> None:
    with pytest.raises(ValueError, match="`shell_port` is a number, not 'many'"):
        _ = arguments.read(["--shell=many"]).overrides


def test_key_file(tmp_path) -> None:
    (tmp_path / "key").write_text("abc\n")
    assert arguments.read([f"--Session.keyfile={tmp_path / 'key'}"]).key == b"abc"
