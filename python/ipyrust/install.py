"""Register this kernel with Jupyter: `python -m ipyrust.install`.

The wheel brings a kernelspec for the environment it is installed in. This command is for every
other place: for the user, for another prefix, under another name, with variables of its own. The
registered command holds absolute paths, since Jupyter replaces a bare `python` by its own.

The running kernel never imports this module.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

KERNEL_NAME = "ipyrust"
# The same files as those that the wheel installs under share/jupyter/kernels.
TEMPLATE = Path(__file__).parent / "kernelspec"
# What Jupyter accepts as the name of a kernelspec and as a part of its URLs.
VALID_NAME = re.compile(r"[a-z0-9._-]+", re.IGNORECASE)


class InstallError(Exception):
    """Nothing was installed; the message says why, and what to do, in a sentence."""


@dataclass(frozen=True)
class Kernelspec:
    """What to register."""

    name: str = KERNEL_NAME
    display_name: str | None = None
    profile: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)

    def check(self) -> None:
        """Refuse what Jupyter would not find again, or could not start."""
        if not VALID_NAME.fullmatch(self.name) or not self.name.strip("."):
            raise InstallError(
                f"`{self.name}` cannot name a kernelspec: "
                "only ASCII letters, digits, `-`, `.` and `_` may be in it"
            )
        for variable in self.env:
            if not variable or "=" in variable or "\0" in variable:
                raise InstallError(f"`{variable}` cannot name an environment variable")

    def content(self) -> dict[str, Any]:
        """What goes into kernel.json."""
        content: dict[str, Any] = json.loads((TEMPLATE / "kernel.json").read_text())
        content["argv"] = command()
        if self.profile:
            content["argv"] += ["--profile", self.profile]
            content["display_name"] = f"Python 3 (ipyrust) [profile={self.profile}]"
        if self.display_name:
            content["display_name"] = self.display_name
        elif self.name != KERNEL_NAME:
            content["display_name"] = self.name
        if self.env:
            content["env"] = dict(self.env)
        return content


def command() -> list[str]:
    """How Jupyter starts this kernel from anywhere."""
    # Not resolved: through its symbolic link the interpreter of a venv would be its base's.
    python = os.path.abspath(sys.executable)
    if executable := installed_executable():
        return [str(executable), "--python", python, "-f", "{connection_file}"]
    return [python, "-m", "ipyrust", "-f", "{connection_file}"]


def installed_executable() -> Path | None:
    """The executable `ipyrust` that was installed with this very package, if there is one."""
    # Found by the package that is in it: under which name it is distributed is pyproject.toml's
    # business. There is none where it runs from the sources.
    here = Path(__file__)
    module = f"{here.parent.name}/{here.name}"
    for distribution in metadata.distributions():
        files = distribution.files or []
        if any(file.as_posix() == module for file in files):
            return executable_of(files)
    return None


def executable_of(files: Sequence[metadata.PackagePath]) -> Path | None:
    """The executable among the files of a distribution."""
    for file in files:
        if file.name == "ipyrust" and file.parent.name == "bin":
            path = Path(os.path.abspath(os.fspath(file.locate())))
            if os.access(path, os.X_OK):
                return path
    return None


def install(
    kernelspec: Kernelspec | None = None,
    *,
    user: bool = False,
    prefix: str | None = None,
    force: bool = False,
) -> Path:
    """Write the kernelspec for the user, under a prefix, or for the system; returns where."""
    kernelspec = kernelspec or Kernelspec()
    kernelspec.check()
    # In lower case, as Jupyter has all names.
    directory = kernels_directory(user, prefix) / kernelspec.name.lower()
    if not force and is_foreign(directory):
        raise InstallError(
            f"{directory} holds a kernelspec that is not ipyrust's; "
            "choose another `--name`, or replace it with `--force`"
        )
    try:
        write(directory, kernelspec.content())
    except OSError as error:
        raise InstallError(
            f"cannot write {directory}: {error.strerror or error}; "
            "`--user` and `--sys-prefix` install where you may write"
        ) from error
    return directory


def write(directory: Path, content: Mapping[str, Any]) -> None:
    """Put the kernelspec there, in the place of what there is."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    # Beside its place, so that nothing is lost where something fails; Jupyter looks for a
    # kernel.json in the folders that it finds, and not in folders of theirs.
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix=".ipyrust-") as temporary:
        staged = Path(temporary) / directory.name
        staged.mkdir()
        for file in TEMPLATE.iterdir():
            # Without its mode: where the package was installed nobody may be allowed to write.
            shutil.copyfile(file, staged / file.name)
        (staged / "kernel.json").write_text(json.dumps(content, indent=1) + "\n")
        if os.path.lexists(directory):
            directory.rename(Path(temporary) / "replaced")
        staged.rename(directory)


def kernels_directory(user: bool, prefix: str | None) -> Path:
    """The folder in which Jupyter looks for kernelspecs, for the place that was asked for."""
    from jupyter_core.paths import SYSTEM_JUPYTER_PATH, jupyter_data_dir

    if user:
        return Path(jupyter_data_dir()) / "kernels"
    if prefix:
        return Path(os.path.abspath(prefix)) / "share" / "jupyter" / "kernels"
    return Path(SYSTEM_JUPYTER_PATH[0]) / "kernels"


def is_foreign(directory: Path) -> bool:
    """Whether something is there that this command, or the wheel, did not put there."""
    try:
        argv = json.loads((directory / "kernel.json").read_text())["argv"]
        ours = os.path.basename(argv[0]) == "ipyrust" or argv[1:3] == ["-m", "ipyrust"]
    except (FileNotFoundError, NotADirectoryError):
        return os.path.lexists(directory)
    except (OSError, ValueError, LookupError, TypeError):
        return True  # Not readable as a kernelspec, so not known to be ours.
    return not ours


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m ipyrust.install", description="Register the ipyrust kernel with Jupyter."
    )
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--user", action="store_true", help="for the current user")
    place.add_argument(
        "--sys-prefix",
        action="store_const",
        const=sys.prefix,
        dest="prefix",
        help=f"for the environment of this python: {sys.prefix}",
    )
    place.add_argument("--prefix", help="for the environment with this prefix")
    parser.add_argument(
        "--name", default=KERNEL_NAME, help="the kernelspec's name (default: %(default)s)"
    )
    parser.add_argument("--display-name", help="what clients show (default: Python 3 (ipyrust))")
    parser.add_argument("--profile", help="an IPython profile to load")
    parser.add_argument(
        "--env",
        action="append",
        nargs=2,
        metavar=("NAME", "VALUE"),
        default=[],
        help="an environment variable for the kernel; may be given several times",
    )
    parser.add_argument(
        "--frozen_modules",
        "--frozen-modules",
        action="store_true",
        help="accepted from command lines written for ipykernel: ipyrust never turns them off",
    )
    parser.add_argument(
        "--force", action="store_true", help="replace another project's kernelspec of this name"
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    options = parse_arguments(arguments)
    kernelspec = Kernelspec(
        name=options.name,
        display_name=options.display_name,
        profile=options.profile,
        env=dict(options.env),
    )
    try:
        directory = install(
            kernelspec, user=options.user, prefix=options.prefix, force=options.force
        )
    except InstallError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"Installed kernelspec {kernelspec.name.lower()} in {directory}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
