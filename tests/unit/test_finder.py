"""The quick finder makes what Python's own makes, or leaves it to Python's own."""

from __future__ import annotations

import importlib
import importlib.util
import os
import py_compile
import sys
from collections.abc import Iterator
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path

import pytest
from ipyrust.finder import QuickFinder


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory of the path that holds a module and a package with one."""
    (tmp_path / "quick_module.py").write_text("value = 1\ndef function(): return value\n")
    package = tmp_path / "quick_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "inner.py").write_text("from quick_module import value\n")
    monkeypatch.syspath_prepend(tmp_path)
    # An import hook of the test runner's is none of ours.
    monkeypatch.setattr(sys, "meta_path", [PathFinder])
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("quick_")]:
        del sys.modules[name]


def look(name: str, path: list[str] | None = None) -> ModuleSpec | None:
    with QuickFinder():
        return sys.meta_path[0].find_spec(name, path)


def test_specs_are_those_of_python(place: Path) -> None:
    importlib.import_module("quick_package.inner")
    python = {name: sys.modules[name] for name in ("quick_module", "quick_package.inner")}
    python["quick_package"] = sys.modules["quick_package"]
    for name in python:
        del sys.modules[name]
    with QuickFinder():
        importlib.import_module("quick_package.inner")
    assert sys.meta_path == [PathFinder]
    for name, other in python.items():
        ours, theirs = sys.modules[name].__spec__, other.__spec__
        assert ours is not None
        assert theirs is not None
        assert type(ours.loader) is type(theirs.loader) is SourceFileLoader
        assert ours.loader.path == theirs.loader.path  # type: ignore[attr-defined]
        assert vars(ours).keys() == vars(theirs).keys()
        for attribute in vars(ours).keys() - {"loader"}:
            assert getattr(ours, attribute) == getattr(theirs, attribute), attribute
        kept = ("__builtins__", "__loader__", "__spec__", "function", "inner")
        mine = {key: value for key, value in vars(sys.modules[name]).items() if key not in kept}
        assert mine == {key: value for key, value in vars(other).items() if key not in kept}
        assert sys.modules[name].__loader__ is ours.loader


def test_a_source_that_has_changed_is_compiled_again(place: Path) -> None:
    source = place / "quick_module.py"
    py_compile.compile(str(source))
    source.write_text("value = 'changed'\n")
    with QuickFinder():
        assert importlib.import_module("quick_module").value == "changed"


def test_a_cache_that_is_broken_is_not_used(place: Path) -> None:
    cached = py_compile.compile(str(place / "quick_module.py"))
    assert cached is not None
    Path(cached).write_bytes(Path(cached).read_bytes()[:40])
    with QuickFinder(), pytest.raises(EOFError):
        # As Python itself takes it: the header is good.
        importlib.import_module("quick_module")


def test_a_cache_that_was_made_elsewhere_names_the_files_here(place: Path) -> None:
    py_compile.compile(str(place / "quick_module.py"), dfile="/elsewhere/quick_module.py")
    with QuickFinder():
        module = importlib.import_module("quick_module")
    assert module.function.__code__.co_filename == str(place / "quick_module.py")


@pytest.mark.parametrize("suffix", [*EXTENSION_SUFFIXES, ".pyc"])
def test_what_is_no_source_file_is_left_to_python(place: Path, suffix: str) -> None:
    (place / f"quick_other{suffix}").write_bytes(b"")
    (place / "quick_other.py").write_text("")
    assert look("quick_other") is None


def test_what_nobody_knows_is_left_to_python(place: Path) -> None:
    (place / "quick_namespace").mkdir()
    assert look("quick_namespace") is None
    assert look("quick_nothing") is None
    assert look("quick_module", ["relative"]) is None
    assert look("quick_module", [str(place) + "/"]) is None
    assert look("quick_module", [str(place / "quick_module.py")]) is None
    assert look("quick_module", [str(place)]) is not None


@pytest.mark.parametrize("change", ["hook", "prefix", "finder"])
def test_where_imports_are_changed_it_does_nothing(
    place: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    if change == "hook":
        monkeypatch.setattr(sys, "path_hooks", [*sys.path_hooks, os.fspath])
    elif change == "prefix":
        monkeypatch.setattr(sys, "pycache_prefix", str(place))
    else:
        monkeypatch.setattr(sys, "meta_path", [])
    before = list(sys.meta_path)
    with QuickFinder():
        assert sys.meta_path == before
    assert sys.meta_path == before
