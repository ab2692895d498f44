"""A place to start kernels in, and the doors by which they are started there."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from harness import Kernel, Target

from .environments import Environment, clean_variables
from .wheels import Interpreter

DOORS = ("module", "program", "program-executed")


class Place(NamedTuple):
    """An environment, and what it was made from."""

    kind: str
    interpreter: Interpreter
    environment: Environment

    @property
    def is_shared(self) -> bool:
        return is_shared(self.interpreter, self.kind)


def is_shared(interpreter: Interpreter, kind: str) -> bool:
    """Whether the python of an environment of that kind runs on a shared library."""
    return interpreter.shared and kind != "relinked-static"


def start(environment: Environment, door: str, folder: Path | None = None) -> Kernel:
    return Kernel(
        Target("ipyrust", str(environment.python), "ipyrust"),
        command=[*words(environment, door), "-f", "{connection_file}"],
        environment=changes(environment, door),
        working_directory=folder,
    )


def words(environment: Environment, door: str) -> list[str]:
    if door == "module":
        return [str(environment.python), "-m", "ipyrust"]
    if environment.detectable:
        return [str(environment.program)]
    return [str(environment.program), "--python", str(environment.python)]


def changes(environment: Environment, door: str) -> dict[str, str]:
    """The variables that are set; what pytest was started with must not steer the kernel."""
    own = dict(environment.variables)
    if door == "module":
        own |= environment.python_variables
    if door == "program-executed":
        own["IPYRUST_DOOR"] = "exec"
    return own


def variables_of_python(environment: Environment) -> dict[str, str]:
    return clean_variables() | environment.variables | environment.python_variables
