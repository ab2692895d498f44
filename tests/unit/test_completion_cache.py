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


def test_what_the_cache_lacks_is_known_before_jedi_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))

    def lacks(code: str = "") -> bool:
        """Whether it does once the code, which alone imports jedi, has run in another process."""
        code += "\nimport sys\nbefore = 'jedi' in sys.modules"
        code += "\nfrom ipyrust.completion_cache import lacks_builtins\nprint(lacks_builtins())"
        code += "\nassert ('jedi' in sys.modules) == before"
        output = subprocess.check_output([sys.executable, "-c", code], text=True)
        return output == "True\n"

    assert lacks()
    # Another module is not what every completion needs.
    assert lacks("import jedi\njedi.Script('import this; this.').complete(1, 18)")
    assert not lacks("import jedi\njedi.Script('prin').complete(1, 4)")
    assert not lacks()
