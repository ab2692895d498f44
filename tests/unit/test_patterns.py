"""Known regular expressions are those that `re` makes, and all others are made by it."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import pytest
from ipyrust import patterns

COMPILER: Any = vars(re).get("_compiler") or vars(re).get("sre_compile")
TABLE = patterns.table_of_this_python()

if TABLE is None:
    pytest.skip("nothing is known for this Python", allow_module_level=True)

ENTRIES = list(TABLE.items())


@pytest.mark.parametrize(("key", "known"), ENTRIES, ids=[repr(text) for (text, _), _ in ENTRIES])
def test_what_is_known_is_what_re_makes(key: tuple[str, int], known: Any) -> None:
    ours, theirs = patterns.built(key[0], *known), COMPILER.compile(*key)
    assert type(ours) is type(theirs) is re.Pattern
    # Two that are equal have the same text, flags and numbers.
    assert ours == theirs
    assert ours.groups == theirs.groups
    assert ours.groupindex == theirs.groupindex
    assert repr(ours) == repr(theirs)


def test_groups_are_found_by_name() -> None:
    # traitlets' own; its names are asked for in a match.
    text = r"(?P<major>\d+).(?P<minor>\d+).(?P<patch>\d+)(?P<rest>.*)"
    assert (text, 0) in dict(ENTRIES)
    found = patterns.built(text, *dict(ENTRIES)[text, 0]).match("5.16.1rc1")
    assert found.groupdict() == {"major": "5", "minor": "16", "patch": "1", "rest": "rc1"}
    assert found.lastgroup == "rest"


def test_others_are_compiled_as_ever() -> None:
    compile_ = COMPILER.compile
    text = next(text for (text, flags) in dict(ENTRIES) if text and not flags)
    with patterns.known():
        assert COMPILER.compile is not compile_
        re.purge()
        assert re.compile(text) == compile_(text)
        assert re.compile(text, re.DOTALL) == compile_(text, re.DOTALL)
        assert re.compile(text.encode()) == compile_(text.encode())
        assert re.compile("not (known)").match("not known")[1] == "known"  # type: ignore[index]
        with pytest.raises(re.error, match="missing"):
            re.compile("(")
    assert COMPILER.compile is compile_


def test_an_error_ends_it() -> None:
    compile_ = COMPILER.compile
    with pytest.raises(LookupError), patterns.known():
        raise LookupError
    assert COMPILER.compile is compile_


def test_somebody_elses_compiler_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def other(pattern: Any, flags: int = 0) -> Any:
        raise NotImplementedError

    monkeypatch.setattr(COMPILER, "compile", other)
    with patterns.known():
        assert COMPILER.compile is other


@pytest.mark.parametrize("name", ["CODESIZE", "MAGIC"])
def test_nothing_is_known_of_another_engine(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(patterns._sre, name, getattr(patterns._sre, name) + 1)
    assert patterns.table_of_this_python() is None


def test_nothing_is_known_of_a_version_without_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 99))
    assert patterns.table_of_this_python() is None


COMPILED_AT_A_START = """
import functools, re
compiler = vars(re).get("_compiler") or vars(re)["sre_compile"]
original = compiler.compile

@functools.wraps(original)
def compile(pattern, flags=0):
    if isinstance(pattern, str):
        print(ascii(pattern))
    return original(pattern, flags)

compiler.compile = compile
from ipyrust.__main__ import _import_application
_import_application()
"""


def test_most_of_what_a_start_compiles_is_known() -> None:
    """Where this fails `ci/patterns` is to be called: a library has other texts than before."""
    command = [sys.executable, "-I", "-c", COMPILED_AT_A_START]
    run = subprocess.run(command, check=True, capture_output=True, text=True)
    assert len(run.stdout.splitlines()) < 10, run.stdout
