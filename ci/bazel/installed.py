"""Installs the wheel and what it needs in a new environment, and runs a command there.

installed.py MODULE [ARGUMENT]...     runs `python -m MODULE` or, if it ends in .py, that file

Every wheel among this program's runfiles is installed, and nothing else: no index is asked.
Bazel's tests and `bazel run //:demo` run through it, with the CPython that they are declared for.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path


def main() -> int:
    module, *arguments = sys.argv[1:]
    tree = next(path for path in Path(__file__).absolute().parents if path.name == "_main")
    # Not Bazel's own folder for a test: its path is longer than a Unix socket's may be.
    with tempfile.TemporaryDirectory(prefix="ipyrust-", dir="/tmp") as temporary:
        home = Path(temporary)
        python = install(wheels(tree.parent), home / "environment")
        environment = {
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "PATH": f"{python.parent}{os.pathsep}{os.defpath}",
            "TMPDIR": str(home),
        }
        # Where `bazel run` was called, and where a test may write.
        for name in ("BUILD_WORKSPACE_DIRECTORY", "TEST_TMPDIR"):
            if name in os.environ:
                environment[name] = os.environ[name]
        if module.endswith(".py"):
            # A notebook asks for the kernel by name.
            register = [python, "-m", "ipyrust.install", "--sys-prefix"]
            subprocess.run(register, check=True, env=environment, cwd=home)
            command = [python, str(tree / module), *arguments]
        else:
            command = [python, "-m", module, *arguments]
            if report := os.environ.get("XML_OUTPUT_FILE"):
                command.append(f"--junitxml={report}")
        print(f"CPython {sys.version.split()[0]}", flush=True)
        return subprocess.run(command, check=False, env=environment, cwd=tree).returncode


def wheels(runfiles: Path) -> list[str]:
    found = []
    for folder, _, names in os.walk(runfiles):
        found += [os.path.join(folder, name) for name in names if name.endswith(".whl")]
    return sorted(found)


def install(files: list[str], directory: Path) -> Path:
    """The python of a new environment that holds these wheels."""
    venv.create(directory, with_pip=True)
    python = directory / "bin" / "python"
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--no-index", "--no-deps", "--no-compile", *files], check=True)
    # Nothing that was declared is missing.
    subprocess.run([python, "-m", "pip", "--disable-pip-version-check", "check"], check=True)
    return python


if __name__ == "__main__":
    sys.exit(main())
