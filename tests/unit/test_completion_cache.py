"""A kernel that ends while jedi fills its cache leaves a cache that later kernels can use."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from ipyrust.completion_cache import keep_whole


@pytest.fixture
def module(tmp_path: Path) -> Path:
    keep_whole()
    path = tmp_path / "module.py"
    path.write_text("name = 1\n")
    return path


def parse(module: Path) -> list[Path]:
    """Parse the module as a new process does; the files of the cache."""
    import parso
    from parso import cache

    cache.parser_cache.clear()
    folder = module.parent / "cache"
    tree = parso.load_grammar().parse(path=module, cache=True, cache_path=folder)
    assert tree.get_code() == "name = 1\n"
    return files(module)


def files(module: Path) -> list[Path]:
    """The parsed modules in the cache, and parts of such."""
    found = [path for path in (module.parent / "cache").rglob("*") if path.is_file()]
    return [path for path in found if path.name != "PARSO-CACHE-LOCK"]


def test_a_part_of_a_file_counts_as_missing_and_is_written_anew(module: Path) -> None:
    (file,) = parse(module)
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    assert parse(module) == [file]
    assert pickle.loads(file.read_bytes())


def test_a_file_that_is_not_finished_is_not_there(
    module: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class EndedError(Exception):
        pass

    def end(item: object, file: object, *options: object) -> None:
        file.write(b"a part")  # type: ignore[attr-defined]
        raise EndedError

    with monkeypatch.context() as patched:
        patched.setattr(pickle, "dump", end)
        with pytest.raises(EndedError):
            parse(module)
    assert files(module) == []
    assert len(parse(module)) == 1


def test_an_empty_cache_is_known_before_jedi_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))

    def ask(also: str = "") -> str:
        code = f"import sys\nfrom ipyrust.completion_cache import is_empty\nprint(is_empty()){also}"
        return subprocess.check_output([sys.executable, "-c", code], text=True)

    assert ask("\nprint('jedi' in sys.modules)") == "True\nFalse\n"
    filled = ask(
        "\nimport jedi\njedi.Script('import this; this.').complete(1, 18)\nprint(is_empty())"
    )
    assert filled == "True\nFalse\n"
    assert ask() == "False\n"
