"""Classes with traits that are made quickly are the same classes."""

from __future__ import annotations

from typing import Any

from ipyrust.traits import quickly_made
from traitlets import Int, List, Unicode, default, observe
from traitlets import traitlets as implementation
from traitlets.config import Configurable, SingletonConfigurable


def make() -> list[type[Any]]:
    """Classes with all that traitlets looks for, and what only looks like it."""

    class Plain:
        late = Int(3)  # A trait of a base that has no traits.
        hidden = "plain"

    class First(Configurable):
        number = Int(1).tag(config=True)
        hidden = Unicode("a trait")
        names = List()

        @default("names")
        def _names_default(self) -> list[str]:
            return ["a"]

        @observe("number")
        def _number_changed(self, change: Any) -> None:
            self.seen = change["new"]

    class Second(First):
        number = 5  # type: ignore[assignment]  # No trait any more.
        extra = Unicode("x")

        def _extra_default(self) -> str:
            return "y"

    class Third(Second):
        number = Int(7)
        _number_changed = None  # type: ignore[assignment]

    class Both(Plain, Third, SingletonConfigurable):
        pass

    class Last(Both):
        extra = Unicode("z")

    return [First, Second, Third, Both, Last]


def about(made: type[Any]) -> dict[str, Any]:
    return {
        "traits": [(name, type(trait)) for name, trait in made._traits.items()],
        "descriptors": [
            (type(each), each.name if isinstance(each.name, str) else None)
            for each in made._descriptors
        ],
        "inits": [each.__qualname__ for each in made._instance_inits],
        "defaults": sorted(made._all_trait_default_generators),
        "values": dict(made._static_immutable_initial_values),
    }


def test_they_have_the_same_traits_and_observers() -> None:
    with quickly_made():
        quick = make()
    plain = make()
    for ours, theirs in zip(quick, plain, strict=True):
        assert about(ours) == about(theirs)
    instance = quick[0](number=4)
    instance.number = 6
    assert (instance.seen, instance.names) == (6, ["a"])


def test_the_shell_is_the_same() -> None:
    from ipyrust.shell import ZMQInteractiveShell

    with quickly_made():
        quick = type("Quick", (ZMQInteractiveShell,), {})
    plain = type("Plain", (ZMQInteractiveShell,), {})
    assert about(quick) == about(plain)


def test_traitlets_is_left_as_it_was() -> None:
    with quickly_made():
        assert "dir" in vars(implementation)
        # All else is asked as ever.
        assert implementation.dir(3) == dir(3)
    assert "dir" not in vars(implementation)


def test_another_traitlets_is_left_alone(monkeypatch: Any) -> None:
    monkeypatch.setattr("traitlets.version_info", (6, 0, 0))
    with quickly_made():
        assert "dir" not in vars(implementation)
