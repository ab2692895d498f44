"""Modules found and read with less ado, while the kernel imports IPython.

Two hundred modules are imported at a start, and up to fifty more for a first traceback. Python asks
the disk some ten times for each, and half of that in Python code. Here a directory is listed once,
and a module's cached bytecode is read in one go. What comes out is what Python's own finder makes:
the same spec, with the same loader.

It knows plain files in plain directories and leaves all else to Python's own finder, which stands
behind it: extension modules, archives, namespace packages, directories that somebody else's hooks
look after, caches that are missing or out of date.
"""

from __future__ import annotations

import os
import sys
from _imp import _fix_co_filename  # type: ignore[attr-defined]
from _thread import get_ident
from importlib.machinery import (
    EXTENSION_SUFFIXES,
    FileFinder,
    ModuleSpec,
    PathFinder,
    SourceFileLoader,
)
from importlib.util import MAGIC_NUMBER

from ipyrust._core import cached_code

# As type checkers know it, without the import, which is to be found quickly too.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

CACHED = f".{sys.implementation.cache_tag}.pyc"

# What else may stand for a module, besides a directory and a source file.
OTHER_SUFFIXES = (*EXTENSION_SUFFIXES, ".pyc")


class QuickFinder:
    """Finds modules for this thread in a block: before Python's finder of files, behind others."""

    def __init__(self) -> None:
        self._names: dict[str, frozenset[str] | set[str]] = {}
        self._thread = get_ident()

    def __enter__(self) -> None:
        if is_ordinary():
            sys.meta_path.insert(sys.meta_path.index(PathFinder), self)

    def __exit__(self, *error: object) -> None:
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if get_ident() != self._thread:
            return None
        tail = name.rpartition(".")[2]
        for entry in sys.path if path is None else path:
            names = self._listed(entry)
            if names is None:
                return None
            if tail in names:
                return self._package(name, f"{entry}/{tail}")
            for suffix in OTHER_SUFFIXES:
                if tail + suffix in names:
                    return None
            if f"{tail}.py" in names:
                return _spec(name, entry, tail, None)
        return None

    def _package(self, name: str, directory: str) -> ModuleSpec | None:
        inside = self._listed(directory)
        if inside is None or "__init__.py" not in inside:
            return None
        for suffix in EXTENSION_SUFFIXES:
            if f"__init__{suffix}" in inside:
                return None
        return _spec(name, directory, "__init__", [directory])

    def _listed(self, directory: str) -> frozenset[str] | set[str] | None:
        names = self._names.get(directory)
        if names is None:
            names = _names(directory)
            if names is not None:
                self._names[directory] = names
        return names


def is_ordinary() -> bool:
    """Whether Python finds modules and caches them the way it does where nobody has changed it."""
    return (
        PathFinder in sys.meta_path
        # The two that Python comes with; a third may change what is loaded.
        and len(sys.path_hooks) == 2
        and sys.implementation.cache_tag is not None
        and sys.pycache_prefix is None
        and not sys.flags.optimize
    )


def _names(entry: object) -> frozenset[str] | set[str] | None:
    """What is in a directory of the path; `None` if it is none that Python looks through itself."""
    if not isinstance(entry, str) or not entry.startswith("/") or entry.endswith("/"):
        return None
    finder = sys.path_importer_cache.get(entry, PathFinder)
    if finder is None:
        return frozenset()  # Python has found nothing there.
    if finder is not PathFinder and type(finder) is not FileFinder:
        return None
    try:
        # Python has mostly looked before; a large environment is not to be read twice.
        if getattr(finder, "_path_mtime", None) == os.stat(entry).st_mtime:
            known: set[str] | None = getattr(finder, "_path_cache", None)
            if known:
                return known
        return set(os.listdir(entry))
    except OSError:
        return None


def _spec(name: str, directory: str, tail: str, locations: list[str] | None) -> ModuleSpec:
    source = f"{directory}/{tail}.py"
    spec = ModuleSpec(name, _QUICK, origin=source)
    spec.submodule_search_locations = locations
    spec.has_location = True
    spec.cached = f"{directory}/__pycache__/{tail}{CACHED}"
    return spec


class QuickLoader:
    """Runs a module's cached code as `SourceFileLoader` does, which is then the module's loader."""

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None

    def like_python(self, spec: Any) -> SourceFileLoader:
        """The loader that Python would have made."""
        return SourceFileLoader(spec.name, spec.origin)

    def exec_module(self, module: ModuleType) -> None:
        spec: Any = module.__spec__
        source = spec.origin
        loader = spec.loader = module.__loader__ = self.like_python(spec)
        code: Any = cached_code(source, spec.cached, MAGIC_NUMBER)
        if code is None:
            loader.exec_module(module)
            return
        if code.co_filename != source:
            # The cache was made where the package was built.
            _fix_co_filename(code, source)
        exec(code, module.__dict__)


_QUICK: Any = QuickLoader()
