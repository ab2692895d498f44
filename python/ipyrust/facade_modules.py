"""The modules of the `ipykernel` facade, and where the objects in them come from.

One table: module, name, and the object's own place (`module:name`), which is imported when the name
is used. `*` stands for every other name of a module.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

VERSION = "7.4.0"  # The release whose interface this follows; tools compare it with what they need.

_CONNECT = {
    "connect_qtconsole": "ipyrust.connect:connect_qtconsole",
    "get_connection_file": "ipyrust.connect:get_connection_file",
    "get_connection_info": "ipyrust.connect:get_connection_info",
}
_VERSION = {
    name: f"ipyrust.facade_modules:{name}"
    for name in (
        "__version__",
        "version_info",
        "kernel_protocol_version",
        "kernel_protocol_version_info",
    )
}

MODULES: dict[str, dict[str, str]] = {
    "ipykernel": {**_CONNECT, **_VERSION},
    "ipykernel._version": _VERSION,
    "ipykernel.comm": {
        "Comm": "ipyrust.facade_objects:Comm",
        "CommManager": "ipyrust.facade_objects:CommManager",
    },
    "ipykernel.comm.comm": {
        "BaseComm": "ipyrust.facade_objects:Comm",
        "Comm": "ipyrust.facade_objects:Comm",
    },
    "ipykernel.comm.manager": {"CommManager": "ipyrust.facade_objects:CommManager"},
    "ipykernel.compiler": {
        "XCachingCompiler": "ipyrust.shell:CellCompiler",
        "get_file_name": "ipyrust.debugger.cells:cell_file_name",
        "get_tmp_directory": "ipyrust.debugger.cells:cell_directory",
    },
    "ipykernel.connect": _CONNECT,
    "ipykernel.displayhook": {
        "ZMQDisplayHook": "ipyrust.display:ZMQDisplayHook",
        "ZMQShellDisplayHook": "ipyrust.display:ZMQShellDisplayHook",
    },
    "ipykernel.embed": {"embed_kernel": "ipyrust.embed:embed_kernel"},
    "ipykernel.eventloops": {
        "enable_gui": "ipyrust.eventloops:enable_gui",
        "loop_map": "ipyrust.eventloops:loop_map",
        "register_integration": "ipyrust.eventloops:register_integration",
    },
    "ipykernel.iostream": {"OutStream": "ipyrust.streams:OutStream"},
    "ipykernel.ipkernel": {
        "Comm": "ipyrust.facade_objects:Comm",
        "CommManager": "ipyrust.facade_objects:CommManager",
        "IPythonKernel": "ipyrust.facade_objects:IPythonKernel",
    },
    "ipykernel.jsonutil": {
        "encode_images": "ipyrust.facade_objects:encode_images",
        "json_clean": "ipyrust.facade_objects:json_clean",
        "json_default": "ipyrust.facade_objects:json_default",
    },
    "ipykernel.kernelapp": {"IPKernelApp": "ipyrust.app:IPKernelApp"},
    "ipykernel.kernelbase": {"Kernel": "ipyrust.facade_objects:Kernel"},
    "ipykernel.pylab": {},
    "ipykernel.pylab.backend_inline": {"*": "matplotlib_inline.backend_inline"},
    "ipykernel.pylab.config": {"*": "matplotlib_inline.config"},
    "ipykernel.zmqshell": {
        "KernelMagics": "ipyrust.magics:KernelMagics",
        "ZMQDisplayPublisher": "ipyrust.display:ZMQDisplayPublisher",
        "ZMQInteractiveShell": "ipyrust.shell:ZMQInteractiveShell",
    },
}


def fill(module: ModuleType) -> None:
    """Give a module of the facade its contents."""
    table = MODULES[module.__name__]
    prefix = module.__name__ + "."

    def get(name: str) -> Any:
        if place := table.get(name):
            source, _, attribute = place.partition(":")
            value = getattr(importlib.import_module(source), attribute)
            setattr(module, name, value)
            return value
        if prefix + name in MODULES:
            return importlib.import_module(prefix + name)
        # What the import system and tools ask of any module loads nothing.
        if (everything := table.get("*")) and not name.startswith("__"):
            try:
                return getattr(importlib.import_module(everything), name)
            except ImportError as error:
                # `inspect` asks every module there is, and expects nothing else of one.
                raise AttributeError(f"module {module.__name__!r}: {error}") from error
        raise AttributeError(
            f"module {module.__name__!r} (ipyrust's stand-in for ipykernel) has no {name!r}"
        )

    def names() -> list[str]:
        own = {name for name in table if name != "*"}
        return sorted({*vars(module), *own})

    module.__doc__ = "ipyrust's stand-in for the ipykernel module of this name."
    module.__all__ = [name for name in table if name != "*"]  # type: ignore[attr-defined]
    module.__getattr__ = get  # type: ignore[method-assign]
    module.__dir__ = names  # type: ignore[method-assign]


__version__ = VERSION
version_info = tuple(int(part) for part in VERSION.split("."))
kernel_protocol_version_info = (5, 5)
kernel_protocol_version = "5.5"
