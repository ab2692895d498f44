"""jedi's cache on disk, kept whole.

jedi (its parser, parso) writes a parsed module straight into the file that later processes read. A
kernel that ends meanwhile, as one that is restarted does, leaves a part of it there, and from then
on no kernel of this user completes anything: jedi fails at the file each time. Here a file is
written beside its place and moved there when it is whole; what cannot be read is written anew.

Whether the cache holds anything is asked before jedi is imported, which itself takes a while.
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


def is_empty() -> bool:
    """Whether jedi has kept nothing yet for this Python; not if it cannot be told."""
    try:
        settings = sys.modules.get("jedi.settings") or _settings()
        folders = Path(settings.cache_directory).glob(_folders())
        return not any(True for folder in folders for _ in folder.glob("*.pkl"))
    except Exception:
        return False


def _settings() -> Any:
    """jedi's settings without jedi: they depend on nothing of it."""
    package = importlib.util.find_spec("jedi")
    if package is None or not package.submodule_search_locations:
        raise ImportError("there is no jedi")
    path = Path(package.submodule_search_locations[0]) / "settings.py"
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
