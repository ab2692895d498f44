"""An environment of each kind for each CPython that a wheel is there for.

By default one for the CPython that runs the tests and one for Debian's;
`IPYRUST_ALL_ENVIRONMENTS=1` makes all kinds for all. Wheels come from dist/ or IPYRUST_WHEEL.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from harness import Kernel

from .environments import MAKERS, Environment, clean_variables
from .places import DOORS, Place, is_shared, start
from .wheels import Interpreter, NoWheelError, cases

ALL = os.environ.get("IPYRUST_ALL_ENVIRONMENTS", "") not in ("", "0")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`place` is an environment of each kind, `plain_place` a virtual one for each CPython."""
    for name, kinds in (("place", tuple(MAKERS)), ("plain_place", ("venv",))):
        if name in metafunc.fixturenames:
            names = (name, "door") if "door" in metafunc.fixturenames else (name,)
            metafunc.parametrize(
                names, list(parameters(kinds, len(names) == 2)), indirect=[name], scope="module"
            )


def parameters(kinds: Iterable[str], with_doors: bool) -> Iterator[Any]:
    """What pytest parametrizes with: an environment to make, and the door if one is asked for."""
    try:
        found = list(cases(ALL))
    except NoWheelError as error:
        nothing = (None, None) if with_doors else (None,)
        yield pytest.param(*nothing, marks=pytest.mark.skip(reason=str(error)), id="no-wheel")
        return
    for interpreter, short_kind in found:
        for kind in kinds:
            if not ALL and kind != short_kind:
                continue
            # Debian's has no tree of its own to copy, and nothing to link it from.
            if interpreter.is_debians and kind in ("relocated", "relinked-static"):
                continue
            label = f"{interpreter.label}-{kind}"
            if not with_doors:
                yield pytest.param((interpreter, kind), id=label)
                continue
            for door in DOORS:
                # A static python is executed without being told to.
                if door != "program-executed" or is_shared(interpreter, kind):
                    yield pytest.param((interpreter, kind), door, id=f"{label}-{door}")


@pytest.fixture(scope="module")
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """One environment, which all tests share."""
    interpreter, kind = request.param
    return Place(kind, interpreter, made(interpreter, kind, tmp_path_factory))


plain_place = place


MADE: dict[tuple[Interpreter, str], Environment] = {}


def made(interpreter: Interpreter, kind: str, factory: pytest.TempPathFactory) -> Environment:
    """The environment of that kind, which all modules share."""
    key = (interpreter, kind)
    if key not in MADE:
        folder = factory.mktemp(f"{interpreter.label}-{kind}")
        MADE[key] = MAKERS[kind](interpreter, folder)
    return MADE[key]


@pytest.fixture
def open_kernel(door: str, place: Place) -> Iterator[Kernel]:
    """A kernel in the environment, through one of the doors."""
    with start(place.environment, door) as kernel:
        yield kernel


@pytest.fixture(autouse=True)
def no_foreign_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels inherit from the tests what is not named."""
    kept = clean_variables()
    for name in os.environ:
        if name not in kept:
            monkeypatch.delenv(name)
