"""Modules that the kernel's own imports name and nearly no kernel uses: loaded at their first use.

While the kernel imports IPython, `postponed` answers for a short list of modules: what it puts into
`sys.modules` is the module, only its code has not run. The first look at one of its attributes, by
anybody and from any thread, runs it; from then on it is a module like any other. The list holds
modules that others import whole (`import ssl`) and use within functions; a name that is taken out
of a module (`from ssl import SSLError`) loads it at once, so a wrong entry costs nothing but its
own use. When the kernel is ready, imports are Python's again, but for what tracebacks are made with
(`traceback_modules`).

Nothing here knows of IPython's inside but `logging.config`, out of which traitlets takes one
function that a kernel never calls.
"""

from __future__ import annotations

import contextlib
import sys
from _thread import RLock, get_ident
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

from ipyrust.finder import QuickFinder, QuickLoader

# By module and name: what makes the value that is lent.
Lent = Mapping[str, Mapping[str, Callable[[], Any]]]

NAMES = frozenset(
    (
        # asyncio asks whether it is there; it costs a cryptographic library.
        "ssl",
        "asyncio.sslproto",
        # asyncio again: what it needs them for, few cells ask it for.
        "socket",
        "subprocess",
        # Command lines, directories and identifiers: used by few.
        "getpass",
        "gettext",
        "ipaddress",
        "json",
        "locale",
        "pprint",
        "shlex",
        "shutil",
        "signal",
        "tempfile",
        "urllib.parse",
        "uuid",
        # Pools are made by few.
        "concurrent.futures.thread",
        # The first error loads it, and the first question for a debugger.
        "IPython.core.ultratb",
        "IPython.core.debugger",
        "bdb",
        "pdb",
        # The pager, the first source text in colours, and the first `HTML` or `Image`.
        "IPython.core.page",
        "IPython.utils.PyColorize",
        "IPython.display",
        # Our own, for questions and errors.
        "ipyrust.completion",
        "ipyrust.inspection",
        "ipyrust.tracebacks",
    )
)


def _on_call(module: str, name: str) -> Callable[..., Any]:
    """A function of a module, which is loaded when it is called."""

    def call(*args: Any, **options: Any) -> Any:
        found = import_module(module)
        if isinstance(found, _Postponed):
            _load(found)  # Its attribute is still lent.
        return getattr(found, name)(*args, **options)

    call.__name__ = call.__qualname__ = name
    return call


def _of(module: str, *names: str) -> dict[str, Callable[[], Any]]:
    return {name: partial(_taken, module, name) for name in names}


def _taken(module: str, name: str) -> Any:
    return getattr(import_module(module), name)


# Names that are taken out of these while they are postponed, and what there is under them without
# loading the rest: for IPython and asyncio alone, in whose hands they lead to the same.
BORROWED: Lent = {
    "IPython.display": _of("IPython.core.display_functions", "display"),
    # Are they there, in defaults, in annotations.
    "socket": _of(
        "_socket",
        *("AF_INET6", "AF_UNIX", "AF_UNSPEC", "AI_PASSIVE"),
        *("SOCK_DGRAM", "SOCK_STREAM", "TCP_NODELAY", "socket"),
    ),
    # `asyncio.subprocess` has them, too.
    "subprocess": {"PIPE": lambda: -1, "STDOUT": lambda: -2, "DEVNULL": lambda: -3},
    "pprint": {"pformat": partial(_on_call, "pprint", "pformat")},
    "gettext": {name: partial(_on_call, "gettext", name) for name in ("gettext", "ngettext")},
    "urllib.parse": {
        "quote_from_bytes": partial(_on_call, "urllib.parse", "quote_from_bytes"),
    },
}

# What can be known of a module that has not run; the import system asks for some of it each time.
_KNOWN = frozenset(
    ("__class__", "__file__", "__loader__", "__name__", "__package__", "__path__", "__spec__")
)


# By thread: what is lent to it for a moment, and to which package only, if not to all.
_lent: dict[int, tuple[Lent, str]] = {}
_NOTHING: tuple[Lent, str] = ({}, "")


@contextlib.contextmanager
def postponed() -> Iterator[None]:
    """Within this block, imports of the modules in `NAMES` are postponed."""
    logging_config = _stand_in_for_logging_config()
    try:
        with postponing(NAMES, BORROWED):
            yield
            for name in NAMES:
                # IPython imports some of them within functions that run at every start.
                with contextlib.suppress(ImportError):
                    import_module(name)
    finally:
        if sys.modules.get("logging.config") is logging_config:
            del sys.modules["logging.config"]


@contextlib.contextmanager
def postponing(names: frozenset[str], lent: Lent) -> Iterator[None]:
    """Within this block, imports of these modules by this thread are postponed."""
    finder = _Finder(names)
    sys.meta_path.insert(0, finder)
    try:
        with lending(lent):
            yield
    finally:
        with contextlib.suppress(ValueError):  # Somebody may have made a list of their own.
            sys.meta_path.remove(finder)


@contextlib.contextmanager
def lending(lent: Lent, only_to: str = "") -> Iterator[None]:
    """Within this block, these names are lent to this thread while their modules are postponed."""
    thread = get_ident()
    before = _lent.get(thread)
    _lent[thread] = lent, only_to
    try:
        yield
    finally:
        if before is None:
            del _lent[thread]
        else:
            _lent[thread] = before


def is_postponed(module: ModuleType | None) -> bool:
    """Whether the code of this module has not run yet."""
    return isinstance(module, _Postponed)


def when_loaded(module: ModuleType, change: Callable[[], None]) -> None:
    """Make a change to a module: now, or when its code has run."""
    if isinstance(module, _Postponed):
        module.__spec__.loader_state.changes.append(change)  # type: ignore[union-attr]
    else:
        change()


class _Finder:
    """Finds the modules of the list where Python does, and has them loaded later."""

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names
        self._thread = get_ident()

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name not in self._names or get_ident() != self._thread:
            return None
        if name == "ssl" and PathFinder.find_spec("_ssl") is None:
            return None  # A Python without it says so at the import.
        spec = None
        for finder in sys.meta_path:
            if isinstance(finder, QuickFinder):
                spec = finder.find_spec(name, path, target)
        if spec is None:
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
        loader = spec.loader_state.loader
        if isinstance(loader, QuickLoader):
            loader = loader.like_python(spec)
        spec.loader = module.__loader__ = loader
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
    lent, only_to = _lent.get(get_ident(), _NOTHING)
    lend = lent.get(module.__name__, {}).get(name)
    if lend is None or type(module) is not _Postponed:
        return None
    if only_to:
        # It is our caller's caller that looks at the module.
        borrower = sys._getframe(2).f_globals.get("__name__")
        if str(borrower).partition(".")[0] != only_to:
            return None
    try:
        return lend()
    except (AttributeError, ImportError):
        return None  # Another IPython, another Python: the module itself will know.


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
