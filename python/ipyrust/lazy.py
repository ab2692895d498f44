"""Modules that the kernel's own imports name and nearly no kernel uses: loaded at their first use.

While the kernel imports IPython, `postponed` answers for a short list of modules: what it puts into
`sys.modules` is the module, only its code has not run. The first look at one of its attributes, by
anybody and from any thread, runs it; from then on it is a module like any other. The list holds
modules that others import whole (`import ssl`) and use within functions; a name that is taken out
of a module (`from ssl import SSLError`) loads it at once, so a wrong entry costs nothing but its
own use. When the kernel is ready, imports are Python's again.

Nothing here knows of IPython's inside but `logging.config`, out of which traitlets takes one
function that a kernel never calls.
"""

from __future__ import annotations

import contextlib
import sys
from _thread import RLock
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

NAMES = frozenset(
    (
        # asyncio asks whether it is there; it costs a cryptographic library.
        "ssl",
        "asyncio.sslproto",
        # Command lines, directories and identifiers: used by few.
        "getpass",
        "ipaddress",
        "json",
        "locale",
        "shutil",
        "tempfile",
        "uuid",
        # Pools are made by few.
        "concurrent.futures.thread",
        # The first error loads it, and the first question for a debugger.
        "IPython.core.ultratb",
        "IPython.core.debugger",
        "bdb",
        "pdb",
        # The first source text that is shown in colours, and the first `HTML` or `Image`.
        "IPython.utils.PyColorize",
        "IPython.display",
    )
)

# A name that IPython takes out of one of these at its start, and the module that it comes from:
# to take it is no use of the rest.
BORROWED = {("IPython.display", "display"): "IPython.core.display_functions"}

# What can be known of a module that has not run; the import system asks for some of it each time.
_KNOWN = frozenset(
    ("__class__", "__file__", "__loader__", "__name__", "__package__", "__path__", "__spec__")
)


@contextlib.contextmanager
def postponed() -> Iterator[None]:
    """Within this block, imports of the modules in `NAMES` are postponed."""
    finder = _Finder()
    sys.meta_path.insert(0, finder)
    logging_config = _stand_in_for_logging_config()
    try:
        yield
        for name in NAMES:
            # IPython imports some of them within functions that run at every start.
            with contextlib.suppress(ImportError):
                import_module(name)
    finally:
        sys.meta_path.remove(finder)
        if sys.modules.get("logging.config") is logging_config:
            del sys.modules["logging.config"]


def when_loaded(module: ModuleType, change: Callable[[], None]) -> None:
    """Make a change to a module: now, or when its code has run."""
    if isinstance(module, _Postponed):
        module.__spec__.loader_state.changes.append(change)  # type: ignore[union-attr]
    else:
        change()


class _Finder:
    """Finds the modules of the list where Python does, and has them loaded later."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name not in NAMES:
            return None
        if name == "ssl" and PathFinder.find_spec("_ssl") is None:
            return None  # A Python without it says so at the import.
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None:
            return None
        spec.loader_state = _State(spec.loader)
        spec.loader = _Postponing()  # type: ignore[assignment]
        return spec


class _State:
    """What the module needs to load itself."""

    def __init__(self, loader: Any) -> None:
        self.loader = loader
        # Its own, and the one who holds it may come again: loading looks at the module.
        self.lock = RLock()
        self.loading = False
        self.changes: list[Callable[[], None]] = []


class _Postponing:
    """The loader of a module that is to be loaded later."""

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        spec = module.__spec__
        assert spec is not None  # The import system has set it just now.
        spec.loader = module.__loader__ = spec.loader_state.loader
        module.__class__ = _Postponed


class _Postponed(ModuleType):
    """A module until somebody looks at it."""

    def __getattribute__(self, name: str) -> Any:
        if name not in _KNOWN:
            found = _borrowed(self, name)
            if found is not None:
                return found
            _load(self)
        return ModuleType.__getattribute__(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in _KNOWN:
            _load(self)
        ModuleType.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        _load(self)
        ModuleType.__delattr__(self, name)


def _borrowed(module: ModuleType, name: str) -> Any:
    source = BORROWED.get((module.__name__, name))
    if source is None or type(module) is not _Postponed:
        return None
    try:
        return getattr(import_module(source), name, None)
    except ImportError:
        return None  # Another IPython: the module itself will know.


def _load(module: ModuleType) -> None:
    state: _State = module.__spec__.loader_state  # type: ignore[union-attr]
    # No two threads can wait for each other here: what is in the list does not import what
    # imports it and looks at it while that is being imported.
    with state.lock:
        if not isinstance(module, _Postponed) or state.loading:
            return
        state.loading = True
        try:
            state.loader.exec_module(module)
            # The type checker does not expect a class to change.
            module.__class__ = ModuleType  # type: ignore[assignment]
        finally:
            state.loading = False
    # Without the lock: a change may look at other modules of the list.
    for change in state.changes:
        change()


def _stand_in_for_logging_config() -> ModuleType | None:
    """`logging.config` for `traitlets.config.application`, which takes one function out of it."""
    if "logging.config" in sys.modules:
        return None
    module = sys.modules["logging.config"] = ModuleType("logging.config")
    module.dictConfig = _dict_config  # type: ignore[attr-defined]
    return module


def _dict_config(config: Any) -> None:
    """`logging.config.dictConfig`, imported when it is called."""
    from logging.config import dictConfig

    dictConfig(config)
