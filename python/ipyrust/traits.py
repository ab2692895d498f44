"""Classes with traits, made with fewer looks at their attributes.

traitlets looks through everything that `dir` names of a class whenever it makes one, twice, to find
the few attributes that are traits or observers; a shell has some four hundred. While the kernel
imports IPython, which makes sixty such classes, `dir` names to traitlets only what it looks for.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import traitlets
from traitlets import traitlets as implementation


@contextlib.contextmanager
def quickly_made() -> Iterator[None]:
    """Within this block classes with traits are made sooner."""
    namespace = vars(implementation)
    # Another traitlets may look for something else; a `dir` of its own is not ours to replace.
    if traitlets.version_info[0] != 5 or "dir" in namespace:
        yield
        return
    namespace["dir"] = _Names().of
    try:
        yield
    finally:
        del namespace["dir"]


class _Names:
    """The names of a class's traits and observers, in order, as `dir` has them."""

    def __init__(self) -> None:
        self._known: dict[type, list[str]] = {}

    def of(self, value: Any) -> list[str]:
        """What stands for `dir` in traitlets."""
        if not isinstance(value, implementation.MetaHasDescriptors):
            return dir(value)
        names = self._known.get(value)
        if names is None:
            names = self._known[value] = sorted(self._found(value))
        return names

    def _found(self, cls: type) -> set[str]:
        known = self._known.get(cls.__bases__[0]) if len(cls.__bases__) == 1 else None
        if known is not None:
            # As the base, but for what the class itself has under a name.
            names, own = set(known), dict(vars(cls))
        else:
            names, own = set(), {}
            for base in reversed(cls.__mro__):
                own.update(vars(base))
        for name, attribute in own.items():
            if isinstance(attribute, implementation.BaseDescriptor):
                names.add(name)
            else:
                names.discard(name)
        return names
