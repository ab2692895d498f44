"""jedi's cache on disk, kept whole.

jedi (its parser, parso) writes a parsed module straight into the file that later processes read. A
kernel that ends meanwhile, as one that is restarted does, leaves a part of it there, and from then
on no kernel of this user completes anything: jedi fails at the file each time. Here a file is
written beside its place and moved there when it is whole; what cannot be read is written anew.

Whether the cache holds what the first completion needs is asked before jedi is imported, which
itself takes a while.
"""

from __future__ import annotations

import _thread
import contextlib
import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

# Where in jedi what Python's builtins are stands, in its versions.
_BUILTINS = tuple(
    f"third_party/typeshed/stdlib/{folder}builtins.pyi" for folder in ("", "3/", "2and3/")
)


def lacks_builtins() -> bool:
    """Whether jedi will have to read what Python's builtins are, which takes a second and more.

    No where it cannot be told. The cache goes by paths: each environment fills a part of its own.
    """
    import hashlib

    try:
        jedi = _package()
        settings = sys.modules.get("jedi.settings") or _settings(jedi)
        path = next(path for path in map(jedi.joinpath, _BUILTINS) if path.is_file())
        name = hashlib.sha256(os.fspath(path).encode()).hexdigest()
        cached = Path(settings.cache_directory).glob(f"{_folders()}/*-{name}.pkl")
        return not any(True for _ in cached)
    except Exception:
        return False


def _package() -> Path:
    package = importlib.util.find_spec("jedi")
    if package is None or not package.submodule_search_locations:
        raise ImportError("there is no jedi")
    return Path(package.submodule_search_locations[0])


def _settings(jedi: Path) -> Any:
    """jedi's settings without jedi: they depend on nothing of it."""
    path = jedi / "settings.py"
    specification = importlib.util.spec_from_file_location("ipyrust.jedi_settings", path)
    if specification is None or specification.loader is None:
        raise ImportError(f"{path} cannot be loaded")
    settings = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(settings)
    return settings


def _folders() -> str:
    """How parso names the folders of this Python; the end is the version of its format."""
    import platform

    major, minor = sys.version_info[:2]
    return f"{platform.python_implementation()}-{major}{minor}-*"


def keep_whole() -> None:
    """Let this process read and write the cache so."""
    from parso import cache

    cache.open = _open  # type: ignore[attr-defined]


def _open(path: Any, mode: str = "r", *options: Any, **more: Any) -> Any:
    if mode == "wb":
        return _written(path)
    if mode == "rb":
        return _read(path)
    return open(path, mode, *options, **more)


@contextlib.contextmanager
def _written(path: Any) -> Iterator[IO[bytes]]:
    """A file that is there once it is whole."""
    # Threads of this process and other processes may write the same module.
    beside = f"{os.fspath(path)}.{os.getpid()}-{_thread.get_ident()}"
    try:
        with open(beside, "wb") as file:
            yield file
        os.replace(beside, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(beside)
        raise


@contextlib.contextmanager
def _read(path: Any) -> Iterator[IO[bytes]]:
    """A file that counts as missing if what it holds cannot be used."""
    with open(path, "rb") as file:
        try:
            yield file
        except Exception as error:
            raise FileNotFoundError(f"{path} holds a part") from error
