"""The shell's parts find in the configuration what is said of them, at whatever depth."""

from __future__ import annotations

from typing import Any

import pytest
from ipyrust.first_use import LateShell
from traitlets import Int
from traitlets.config import Config, Configurable


class Application(Configurable):
    pass


class Base(Configurable):
    number = Int(0).tag(config=True)


class Part(Base):
    pass


def number(config: Config, *bases: type[Any]) -> tuple[int, int]:
    """What becomes of a part of a shell that is a part of an application, and of the shell."""
    shell_class = type("Shell", (*bases, Base), {})
    shell = shell_class(parent=Application(config=config))
    return shell.number, Part(parent=shell).number


@pytest.mark.parametrize(
    "sections",
    [
        {},
        {"Other": {"number": 1}},
        {"Part": {"number": 1}},
        {"Base": {"number": 2}, "Part": {"number": 1}},
        {"Shell": {"number": 3}},
        {"Shell": {"Part": {"number": 4}}},
        {"Shell": {"Other": {"number": 4}}},
        {"Application": {"Part": {"number": 5}}},
        {"Application": {"Shell": {"Part": {"number": 6}}}},
        {"Application": {"Shell": {"number": 7}}, "Base": {"number": 8}},
        {"Other": {"Shell": {"number": 9, "Part": {"number": 9}}}},
    ],
    ids=repr,
)
def test_configuration_is_found_as_without_us(sections: dict[str, Any]) -> None:
    config = Config(sections)
    assert number(config, LateShell) == number(config)
    assert config == Config(sections)
