"""`ipykernel` for libraries that look for it by name, within our own process.

Many libraries find out that they run in a notebook by asking for ipykernel, or use a class of it.
Inside this kernel an import of `ipykernel` that finds no real package is answered with the modules
of `facade_modules`, made of our own objects. Where ipykernel is installed, it is left alone and its
imports go to it, unless `IPYRUST_FACADE=1` asks for ours; `IPYRUST_FACADE=0` asks for none at all.
Nothing on disk is touched and we import nothing of ipykernel ourselves.

What happens at start is next to nothing: a finder is added at the end of the list, and
`sys.modules` gets `ipykernel.zmqshell`, whose presence is what progress bars look for. Everything
else is made when somebody asks.
"""

from __future__ import annotations

import importlib
import os
import sys
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from types import ModuleType
from typing import Any, cast

PACKAGE = "ipykernel"
SHELL_MODULE = "ipykernel.zmqshell"


def install(shell: Any) -> None:
    """Answer for `ipykernel` in this process from now on."""
    choice = os.environ.get("IPYRUST_FACADE", "")
    if choice == "0" or any(isinstance(finder, Finder) for finder in sys.meta_path):
        return
    # Last, the real package goes first; first, it is never found.
    sys.meta_path.insert(0 if choice == "1" else len(sys.meta_path), Finder())
    if SHELL_MODULE not in sys.modules:
        sys.modules[SHELL_MODULE] = _Announced(SHELL_MODULE, sys.modules[type(shell).__module__])
    # plotly goes by the name of the module that the shell's class comes from.
    type(shell).__module__ = SHELL_MODULE


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
