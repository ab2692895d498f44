"""Where a cell's source lives for debuggers and tracebacks.

A cell is compiled under a file name made from its own text, so that a client can work out, from the
text alone, which breakpoints belong to which cell. Clients know the recipe by the fields of
`debugInfo` (`hashMethod`, `hashSeed`, `tmpFilePrefix`, `tmpFileSuffix`); JupyterLab also looks for
`ipykernel_` in the path, and tracebacks of cells are recognised by it. The shell names every cell
with `cell_file_name`, so this module imports next to nothing.
"""

from __future__ import annotations

import functools
import os
import struct

HASH_METHOD = "Murmur2"
HASH_SEED = 0xC70F6907  # As ipykernel: clients that do not ask `debugInfo` assume it.
FILE_SUFFIX = ".py"


def cell_directory() -> str:
    """The directory the cells of this process are dumped into; it need not exist yet."""
    return os.path.join(_temporary_directory(), f"ipykernel_{os.getpid()}")


def cell_file_name(code: str) -> str:
    """The file name of a cell with this text."""
    # A frontend may name the cells itself; VS Code does, with the path of the notebook's cell.
    given = os.environ.get("IPYKERNEL_CELL_NAME")
    if given is not None:
        return given
    return (
        f"{cell_directory()}{os.sep}{murmur2(code.encode('utf-8', 'surrogatepass'))}{FILE_SUFFIX}"
    )


def is_cell_file(path: str) -> bool:
    """Whether a frame with this file name is a cell's."""
    given = os.environ.get("IPYKERNEL_CELL_NAME")
    return path.startswith(cell_directory() + os.sep) or (given is not None and path == given)


@functools.lru_cache(maxsize=64)  # A cell that is run again is hashed once.
def murmur2(data: bytes, seed: int = HASH_SEED) -> int:
    """Austin Appleby's MurmurHash2 for 32 bits."""
    factor = 0x5BD1E995
    whole = len(data) & ~3
    value = (seed ^ len(data)) & 0xFFFFFFFF
    for (word,) in struct.iter_unpack("<I", data[:whole]):
        word = word * factor & 0xFFFFFFFF
        word = (word ^ word >> 24) * factor & 0xFFFFFFFF
        value = value * factor & 0xFFFFFFFF ^ word
    tail = data[whole:]
    if tail:
        value = (value ^ int.from_bytes(tail, "little")) * factor & 0xFFFFFFFF
    value = (value ^ value >> 13) * factor & 0xFFFFFFFF
    return value ^ value >> 15


@functools.lru_cache(maxsize=1)
def _temporary_directory() -> str:
    # Resolved, because pydevd resolves symbolic links (macOS has /var -> /private/var) and a
    # breakpoint's path has to equal the path a cell was compiled under.
    return os.path.realpath(_preferred_directory() or _other_directory())


def _preferred_directory() -> str | None:
    """What `tempfile` looks at first and nearly always takes, without that import."""
    set_ones = filter(None, map(os.environ.get, ("TMPDIR", "TEMP", "TMP")))
    path = os.path.abspath(next(set_ones, "/tmp"))
    return path if os.path.isdir(path) and os.access(path, os.W_OK | os.X_OK) else None


def _other_directory() -> str:
    import tempfile

    return tempfile.gettempdir()
