"""The kernel's door: `python -m ipyrust -f CONNECTION_FILE`.

The order is what makes the start short: read the command line by hand, bind the sockets (from then
on `kernel_info` is answered), and only then import IPython. Nothing large is imported before that,
and the current directory is not on the path while we import, so that no file lying there is taken
for a module of ours.
"""

import sys

if __name__ == "__main__" and not getattr(sys.flags, "safe_path", False):
    # `python -m` has put the current directory there; it is put back for cells.
    del sys.path[0]

import _signal  # type: ignore[import-not-found]  # Without the enumerations of `signal`.
import gc
import os

HELP = """\
usage: python -m ipyrust [-f CONNECTION_FILE] [OPTION]... [FILE [ARGUMENT]...]

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


def main() -> int | None:
    """Start the kernel of this process; returns only if it cannot."""
    # Until cells run, Control-C at a terminal that we share means somebody else.
    _signal.signal(_signal.SIGINT, _ignore)
    from ipyrust import _core, arguments

    given = arguments.read(sys.argv[1:])
    if given.help:
        print(HELP, end="")
        return 0
    if given.version:
        print(_core.__version__)
        return 0
    found = _installed()
    try:
        path, temporary = _connection_file(given.connection_file)
        core = _core.Kernel.start(
            path,
            ipython_version=found.get("ipython", ""),
            capture=_is_on(given.last("capture_fd_output")),
            session=given.session,
            username=given.username,
            key=given.key,
            signature_scheme=given.signature_scheme,
            debugger="debugpy" in found,
            overrides=given.overrides or None,
            watch_parent=_is_launched(),
        )
    except (_core.ConnectionFileError, _core.KernelStartError, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if temporary:
        import atexit

        atexit.register(_remove, path)
        name = os.path.basename(path)
        _tell(core, f"To connect another client to this kernel, use:\n    --existing {name}\n")
    try:
        from ipyrust.interrupts import interrupts

        interrupts.install()
        # What is imported now stays: looking for garbage in it is a tenth of the start. The
        # application goes on with it before any code of the user's runs.
        gc.disable()
        from ipyrust.app import run
    except ImportError as error:
        _tell(core, f"error: {error}; run `{sys.executable} -m pip install ipyrust`\n")
        core.close(0)
        return 1
    run(core, given)
    return None


def _ignore(number: int, frame: object) -> None:
    """Nothing. Not SIG_IGN, which child processes would inherit."""


def _installed() -> dict[str, str]:
    """What is installed that `kernel_info` speaks of, found without importing anything."""
    found: dict[str, str] = {}
    for directory in sys.path:
        try:
            names = os.listdir(directory or ".")
        except OSError:
            continue
        for name in names:
            lower = name.lower()
            if lower.startswith("ipython-") and lower.endswith((".dist-info", ".egg-info")):
                version = name[len("ipython-") :].rsplit(".", 1)[0]
                found.setdefault("ipython", version.split("-")[0])
            elif name == "debugpy":
                found.setdefault("debugpy", "")
    return found


def _connection_file(path: str) -> tuple[str, bool]:
    """The path of the connection file, and whether it ends with this kernel."""
    if path and (os.path.exists(path) or os.path.isdir(os.path.dirname(path))):
        return path, not os.path.exists(path)
    if os.path.dirname(path):
        raise FileNotFoundError(
            f"the connection file {path} does not exist, nor does its directory"
        )
    from jupyter_core.paths import jupyter_runtime_dir

    directory = jupyter_runtime_dir()
    os.makedirs(directory, mode=0o700, exist_ok=True)
    path = os.path.join(directory, path or f"kernel-{os.getpid()}.json")
    return path, not os.path.exists(path)


def _is_on(value: object) -> bool:
    return str(value).lower() not in ("false", "0")


def _is_launched() -> bool:
    """Whether whoever started us is to be outlived by nobody: Jupyter's launcher says so."""
    return os.environ.get("JPY_PARENT_PID", "0") not in ("", "0", "1")


def _tell(core: object, text: str) -> None:
    os.write(core.original_stderr, text.encode())  # type: ignore[attr-defined]


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        return


if __name__ == "__main__":
    sys.exit(main())
