"""The kernel's door: `python -m ipyrust -f CONNECTION_FILE`.

The order is what makes the start short: bind the sockets (from then on `kernel_info` is answered),
and only then import IPython. Where the executable `ipyrust` has become this Python, they are bound
already, since before there was a Python. Nothing large is imported before that, and the current
directory is not on the path while we import, so that no file lying there is taken for a module of
ours.
"""

from __future__ import annotations

import sys

if __name__ == "__main__" and not getattr(sys.flags, "safe_path", False):
    # `python -m` has put the current directory there; it is put back for cells.
    del sys.path[0]

import _signal  # type: ignore[import-not-found]  # Without the enumerations of `signal`.
import gc
import os

# As type checkers know it, without the import.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ipyrust import _core
    from ipyrust.arguments import Arguments

HELP = """\
usage: python -m ipyrust [-f CONNECTION_FILE] [OPTION]...

A Jupyter kernel for Python. Jupyter starts it; `python -m ipyrust.install` tells Jupyter of it.

  -f FILE                       the connection file; without it, one is written
  --profile NAME                the IPython profile
  --ext MODULE                  load an IPython extension
  --matplotlib[=BACKEND]        prepare matplotlib
  -c CODE, -m MODULE            run this first
  --InteractiveShell.TRAIT=...  any setting of IPython, or of IPKernelApp, Session, ...
  --debug, --quiet              write more or less to the log
  --version, --help             print this, and end
"""


def main(extension: str = "") -> int | None:
    """Start the kernel of this process; returns only if it cannot.

    `extension` is the file of `_core` that `ipyrust` has loaded into this process, if it has.
    """
    # What is imported now stays: looking for garbage in it is a tenth of the start. The
    # application goes on with it before any code of the user's runs.
    gc.disable()
    # Until cells run, Control-C at a terminal that we share means somebody else.
    _signal.signal(_signal.SIGINT, _ignore)
    sys.argv[0] = __file__  # As for `python -m`, whoever calls.
    if extension and os.path.dirname(extension) != os.path.dirname(__file__):
        _load_core(extension)
    try:
        from ipyrust import _core, arguments
    except ImportError as error:
        command = f"{sys.executable} -m pip install --force-reinstall ipyrust"
        print(f"error: {error}; run `{command}`", file=sys.stderr)
        return 1

    given = arguments.read(sys.argv[1:])
    if given.help:
        print(HELP, end="")
        return 0
    if given.version:
        print(_core.__version__)
        return 0
    try:
        # The executable `ipyrust` has started it before there was a Python.
        core = _core.Kernel.started()
        if core is None:
            directory = given.directory()
            core = _core.Kernel.start(given.settings, search_path=sys.path, directory=directory)
        if _is_on(given.last("IPKernelApp", "capture_fd_output")):
            core.capture()
    except (_core.ConnectionFileError, _core.KernelStartError, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if core.is_temporary:
        import atexit

        path = core.connection_file
        atexit.register(_remove, path)
        name = os.path.basename(path)
        _tell(core, f"To connect another client to this kernel, use:\n    --existing {name}\n")
    try:
        from ipyrust.finder import QuickFinder

        with QuickFinder():
            run = _import_application()
    except ImportError as error:
        _tell(core, f"error: {error}; run `{sys.executable} -m pip install ipyrust`\n")
        core.close(0)
        return 1
    run(core, given)
    return None


def _import_application() -> Callable[[_core.Kernel, Arguments], None]:
    from ipyrust.lazy import postponed
    from ipyrust.patterns import known

    with postponed(), known():
        from ipyrust.interrupts import interrupts

        interrupts.install()
        from ipyrust.traits import quickly_made

        with quickly_made():
            from ipyrust.app import run
    return run


def _load_core(extension: str) -> None:
    """Let this copy be imported, and not the one beside us: the kernel runs in it."""
    from importlib.util import module_from_spec, spec_from_file_location

    name = "ipyrust._core"
    spec = spec_from_file_location(name, extension)
    if spec is None or spec.loader is None:
        raise ImportError(f"{extension} is no extension module")
    sys.modules[name] = module = module_from_spec(spec)
    spec.loader.exec_module(module)
    vars(sys.modules["ipyrust"])["_core"] = module


def _ignore(number: int, frame: object) -> None:
    """Nothing. Not SIG_IGN, which child processes would inherit."""


def _is_on(value: object) -> bool:
    return str(value).lower() not in ("false", "0")


def _tell(core: _core.Kernel, text: str) -> None:
    os.write(core.original_stderr, text.encode())


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        return


if __name__ == "__main__":
    sys.exit(main())
