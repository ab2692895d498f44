"""`ipykernel` for libraries that look for it by name, within our own process.

Many libraries find out that they run in a notebook by asking for ipykernel, or use a class of it.
Inside this kernel an import of `ipykernel` that finds no real package is answered with the modules
of `facade_modules`, made of our own objects. Where ipykernel is installed, it is left alone and its
imports go to it, unless `IPYRUST_FACADE=1` asks for ours; `IPYRUST_FACADE=0` asks for none at all.
Its modules that know of a running kernel are then told of this one, or else what a library sends
through them would be lost. Nothing on disk is touched and we import nothing of ipykernel ourselves.

What happens at start is next to nothing: a finder is added at the end of the list, and
`sys.modules` gets `ipykernel.zmqshell`, whose presence is what progress bars look for. Everything
else is made when somebody asks.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import spec_from_loader
from types import ModuleType
from typing import Any, cast

from ipyrust import streams

PACKAGE = "ipykernel"
SHELL_MODULE = "ipykernel.zmqshell"
STREAM_MODULE = "ipykernel.iostream"


def install(shell: Any) -> None:
    """Answer for `ipykernel` in this process from now on."""
    choice = os.environ.get("IPYRUST_FACADE", "")
    if choice == "0" or any(isinstance(finder, Finder) for finder in sys.meta_path):
        return
    # Last, the real package goes first; first, it is never found.
    sys.meta_path.insert(0 if choice == "1" else len(sys.meta_path), Finder())
    if choice != "1":
        sys.meta_path.insert(0, RealPackageFinder(shell))
    if SHELL_MODULE not in sys.modules:
        sys.modules[SHELL_MODULE] = _Announced(SHELL_MODULE, sys.modules[type(shell).__module__])
    # plotly goes by the name of the module that the shell's class comes from, click by that of the
    # streams' to leave colours in.
    type(shell).__module__ = SHELL_MODULE
    streams.OutStream.__module__ = STREAM_MODULE


class Finder:
    """Finds the modules of the facade; the one object of ours on `sys.meta_path`."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name != PACKAGE and not name.startswith(PACKAGE + "."):
            return None
        if name != PACKAGE and not _is_ours(sys.modules.get(PACKAGE)):
            return None  # A module that the real package does not have.
        from .facade_modules import MODULES

        if name not in MODULES:
            return None
        is_package = any(other.startswith(name + ".") for other in MODULES)
        return spec_from_loader(
            name, cast("Any", Loader()), origin="ipyrust facade", is_package=is_package
        )


class Loader:
    """Makes a module of the facade."""

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        from .facade_modules import fill

        fill(module)


class RealPackageFinder:
    """Finds the real package's modules that know of a running kernel, to tell them of ours."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name != PACKAGE and name not in INTRODUCTIONS:
            return None
        if _is_ours(sys.modules.get(PACKAGE)):
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = cast("Any", _Introducing(spec.loader, self._shell))
        return spec


class _Introducing:
    """A loader which tells the module, once it is whole, of the running kernel."""

    def __init__(self, loader: Any, shell: Any) -> None:
        self._loader = loader
        self._shell = shell

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        spec = module.__spec__
        if spec is not None:
            module.__loader__ = spec.loader = self._loader
        _introduce(module, self._shell)


def _introduce(module: ModuleType, shell: Any) -> None:
    """Let a class of the real package count ours as its instance, and know it as the one."""
    if module.__name__ == PACKAGE:
        # Where ipykernel runs these are loaded, and libraries take it for granted.
        module.__getattr__ = _import_submodule  # type: ignore[method-assign]
        return
    name, find = INTRODUCTIONS[module.__name__]
    real, ours = getattr(module, name, None), find(shell)
    if not isinstance(real, type):
        return
    our_class = ours if isinstance(ours, type) else type(ours)

    class Welcoming(type(real)):  # type: ignore[misc]
        def __instancecheck__(cls, instance: object) -> bool:
            if cls is real and isinstance(instance, our_class):
                return True
            return bool(super().__instancecheck__(instance))

    real.__class__ = Welcoming
    if hasattr(real, "initialized"):
        real._instance = ours  # type: ignore[attr-defined]


def _import_submodule(name: str) -> Any:
    if f"{PACKAGE}.{name}" not in INTRODUCTIONS:
        raise AttributeError(f"module {PACKAGE!r} has no attribute {name!r}")
    return importlib.import_module(f"{PACKAGE}.{name}")


# Module of the real package, a class of it, and our object, or our class, in its place.
INTRODUCTIONS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "ipykernel.kernelbase": ("Kernel", lambda shell: shell.kernel),
    "ipykernel.ipkernel": ("IPythonKernel", lambda shell: shell.kernel),
    "ipykernel.kernelapp": ("IPKernelApp", lambda shell: shell.kernel.app),
    "ipykernel.zmqshell": ("ZMQInteractiveShell", lambda shell: shell),
    "ipykernel.iostream": ("OutStream", lambda shell: streams.OutStream),
}


class _Announced(ModuleType):
    """A module that is there to be seen; whoever uses it gets the real one's or ours."""

    def __init__(self, name: str, shell_module: ModuleType) -> None:
        super().__init__(name, shell_module.__doc__)
        self.__file__ = shell_module.__file__  # Tools look up the source of the shell's class.
        self.__package__ = PACKAGE

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # What the import system and tools ask of any module.
            raise AttributeError(name)
        module = self.__dict__.get("_module")
        if module is None:
            del sys.modules[SHELL_MODULE]
            try:
                module = importlib.import_module(SHELL_MODULE)
            except ImportError as error:
                sys.modules[SHELL_MODULE] = self
                raise AttributeError(f"module {SHELL_MODULE!r} has no {name!r}: {error}") from error
            self._module = module
        return getattr(module, name)


def _is_ours(module: ModuleType | None) -> bool:
    return module is not None and isinstance(getattr(module, "__loader__", None), Loader)
