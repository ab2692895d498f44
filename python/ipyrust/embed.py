"""`embed_kernel()`: a kernel within a running program, on the variables of the calling function.

    def compute(data):
        ...
        from ipyrust.embed import embed_kernel
        embed_kernel()      # `jupyter console --existing kernel-<pid>.json` looks around here

The call returns when a client ends the kernel; then the program goes on.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Mapping
from types import ModuleType
from typing import Any


def embed_kernel(
    module: ModuleType | None = None, local_ns: dict[str, Any] | None = None, **options: Any
) -> None:
    """Be a kernel until a client ends it.

    Cells run in `module` and `local_ns`, by default the caller's. `options` are settings of the
    application (`connection_file`, `ip`, ...) and `config`, a dictionary of settings by section.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("a kernel needs the main thread: call `embed_kernel` there")
    caller = sys._getframe(1)
    if module is None:
        module = sys.modules.get(caller.f_globals.get("__name__", ""))
    if local_ns is None:
        local_ns = dict(caller.f_locals)

    from ipyrust import _core, connect
    from ipyrust.arguments import Arguments

    if connect.running_kernel() is not None:
        raise RuntimeError("a kernel runs in this process already")
    arguments = Arguments()
    for section, settings in _sections(options):
        arguments.settings.extend((section, trait, value) for trait, value in settings.items())
    # The program's own output stays where it goes; what cells print goes to the client.
    core = _core.Kernel.start(
        arguments.settings,
        search_path=sys.path,
        directory=arguments.directory(),
    )
    name = os.path.basename(core.connection_file)
    print(
        f"To connect another client to this kernel, use:\n    --existing {name}",
        file=sys.stderr,
        flush=True,
    )
    from ipyrust import app
    from ipyrust.shell import ZMQInteractiveShell

    try:
        app.embed(core, arguments, module, local_ns)
    finally:
        # The next call makes a new kernel.
        ZMQInteractiveShell.clear_instance()
        app.IPKernelApp.clear_instance()
        if core.is_temporary:
            with contextlib.suppress(OSError):
                os.unlink(core.connection_file)


def _sections(options: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    rest = dict(options)
    config = rest.pop("config", None) or {}
    return [("IPKernelApp", rest), *config.items()]
