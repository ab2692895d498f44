"""How other clients connect to this kernel: its connection file, and a Qt console."""

from __future__ import annotations

import glob
import json
import os
import subprocess
import sys
from typing import Any


def get_connection_file(app: Any = None) -> str:
    """The path of the running kernel's connection file."""
    kernel = running_kernel() if app is None else getattr(app, "kernel", app)
    path = getattr(kernel, "connection_file", None)
    if not path and app is not None:
        path = getattr(app, "connection_file", None)
    if not path:
        raise RuntimeError("no kernel runs in this process; give the path of a connection file")
    return os.path.abspath(str(path))


def get_connection_info(
    connection_file: str | None = None, unpack: bool = False, profile: str | None = None
) -> str | dict[str, Any]:
    """The content of a connection file: its text, or (`unpack`) as a dictionary with key bytes.

    Without a path or part of one it is the running kernel's. `profile` is accepted for old callers.
    """
    with open(_find_connection_file(connection_file), encoding="utf-8") as file:
        text = file.read()
    if not unpack:
        return text
    information: dict[str, Any] = json.loads(text)
    information["key"] = str(information.get("key", "")).encode()
    return information


def connect_qtconsole(
    connection_file: str | None = None, argv: list[str] | None = None, profile: str | None = None
) -> subprocess.Popen[bytes]:
    """Open a Qt console on a running kernel, by default this one; `argv` is passed to it."""
    path = _find_connection_file(connection_file)
    # Not `jupyter qtconsole`: the one of this environment, whatever the PATH says.
    return subprocess.Popen(
        [sys.executable, "-m", "qtconsole", "--existing", path, *(argv or ())],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        close_fds=sys.platform != "win32",
        start_new_session=True,  # An interrupt of the kernel is not one of the console.
    )


def _find_connection_file(connection_file: str | None) -> str:
    if connection_file is None:
        return get_connection_file()
    if os.path.exists(connection_file):
        return os.path.abspath(connection_file)
    # A name, or a part of one: the newest of the files that have it where Jupyter keeps them.
    from jupyter_core.paths import jupyter_runtime_dir

    pattern = connection_file if "*" in connection_file else f"*{glob.escape(connection_file)}*"
    found = glob.glob(os.path.join(jupyter_runtime_dir(), pattern))
    if not found:
        raise FileNotFoundError(f"no such connection file: {connection_file}")
    return max(found, key=os.path.getmtime)


def running_kernel() -> Any:
    """The kernel of this process; None if IPython runs without one."""
    interactiveshell = sys.modules.get("IPython.core.interactiveshell")
    if interactiveshell is None or not interactiveshell.InteractiveShell.initialized():
        return None
    return getattr(interactiveshell.InteractiveShell.instance(), "kernel", None)
