"""Postponed modules: there for who looks whether they are, loaded for who uses them."""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from ipyrust import lazy

SOURCE = """\
import threading
ran = globals().get("ran", 0) + 1
by = threading.current_thread().name
def function():
    return by
if {fails}:
    raise ValueError("no such module today")
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a module that is imported while imports of it are postponed."""
    name = "postponed_example"
    (tmp_path / f"{name}.py").write_text(SOURCE.format(fails=False))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(lazy, "NAMES", frozenset((name,)))
    yield name
    sys.modules.pop(name, None)


def is_postponed(name: str) -> bool:
    return type(sys.modules[name]) is not ModuleType


def test_the_import_runs_nothing_and_the_first_look_all(module: str) -> None:
    with lazy.postponed():
        found = importlib.import_module(module)
    assert is_postponed(module)
    assert importlib.import_module(module) is found
    assert is_postponed(module)
    assert (found.__name__, found.__spec__ is not None) == (module, True)
    assert is_postponed(module)
    assert found.function() == "MainThread"
    assert type(found) is ModuleType
    assert found.ran == 1


def test_a_name_taken_out_of_a_module_loads_it(module: str) -> None:
    with lazy.postponed():
        namespace: dict[str, object] = {}
        exec(f"from {module} import ran", namespace)
    assert namespace["ran"] == 1


def test_a_name_that_is_lent_loads_nothing(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lent = {module: {"name": lambda: "lent", "ran": lambda: importlib.import_module("no.such")}}
    monkeypatch.setattr(lazy, "BORROWED", lent)
    with lazy.postponed():
        namespace: dict[str, object] = {}
        exec(f"from {module} import name", namespace)
        assert namespace["name"] == "lent"
        assert is_postponed(module)
    # What cannot be had elsewhere is had there; and nothing is lent to those who come later.
    assert sys.modules[module].ran == 1
    assert not hasattr(sys.modules[module], "name")


def test_a_function_that_is_lent_is_the_modules(
    module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lent = {"function": lambda: lazy._on_call(module, "function")}
    monkeypatch.setattr(lazy, "BORROWED", {module: lent})
    with lazy.postponed():
        namespace: dict[str, object] = {}
        exec(f"from {module} import function", namespace)
        assert is_postponed(module)
        # IPython may call it before the block ends.
        exec("answer = function()", namespace)
        assert not is_postponed(module)
    assert namespace["answer"] == "MainThread"


def test_what_is_set_before_the_first_look_stays(module: str) -> None:
    with lazy.postponed():
        found = importlib.import_module(module)
    found.by = "somebody"
    assert (found.by, found.ran) == ("somebody", 1)


def test_threads_that_look_at_once_find_it_whole(module: str) -> None:
    with lazy.postponed():
        found = importlib.import_module(module)
    barrier = threading.Barrier(8)
    seen: list[tuple[int, str]] = []

    def look() -> None:
        barrier.wait()
        seen.append((found.ran, found.function()))

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {ran for ran, _ in seen} == {1}
    assert len(set(seen)) == 1


def test_a_module_that_fails_does_so_at_each_look(module: str, tmp_path: Path) -> None:
    (tmp_path / f"{module}.py").write_text(SOURCE.format(fails=True))
    importlib.invalidate_caches()
    with lazy.postponed():
        found = importlib.import_module(module)
    for _ in range(2):
        with pytest.raises(ValueError, match="today"):
            _ = found.function


def test_a_change_is_made_when_the_module_is_loaded(module: str) -> None:
    with lazy.postponed():
        found = importlib.import_module(module)
    made: list[str] = []
    lazy.when_loaded(found, lambda: made.append(found.by))
    assert made == []
    assert found.ran == 1
    assert made == ["MainThread"]
    lazy.when_loaded(found, lambda: made.append("at once"))
    assert made[1:] == ["at once"]


def test_imports_are_pythons_again_afterwards(module: str) -> None:
    finders = list(sys.meta_path)
    with lazy.postponed():
        pass
    assert sys.meta_path == finders
    logging_config = importlib.import_module("logging.config")
    assert hasattr(logging_config, "fileConfig")
