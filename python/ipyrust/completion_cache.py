"""jedi's cache on disk, kept whole.

jedi (its parser, parso) writes a parsed module straight into the file that later processes read. A
kernel that ends meanwhile, as one that is restarted does, leaves a part of it there, and from then
on no kernel of this user completes anything: jedi fails at the file each time. Here a file is
written beside its place and moved there when it is whole; what cannot be read is written anew.
"""

from __future__ import annotations

import _thread
import contextlib
import os
from collections.abc import Iterator
from typing import IO, Any


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
