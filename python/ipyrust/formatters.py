"""What an object looks like, found sooner.

IPython asks a dozen formatters about every object, each of which looks through its registry and for
a method that nearly no object has: that is nine tenths of what a `display(1)` costs. Here those
that cannot have an answer are not asked. Whether they can is found out anew for each object, since
printers may be registered and methods added at any time; who is asked answers as ever.
"""

from __future__ import annotations

from itertools import repeat
from typing import Any

from IPython.core import formatters
from IPython.lib import pretty

from ipyrust._core import has_plain_attributes

# What decides whether a formatter has an answer. Dictionaries are changed in place and looked at
# each time; a new one in its place makes us forget what we know.
_DECISIVE = ["singleton_printers", "type_printers", "deferred_printers", "print_method"]

# Their text is their `repr`, unless a printer is registered.
_ATOMS = frozenset((int, str, bool, type(None), bytes))

_nowhere: dict[str, Any] = {}


class DisplayFormatter(formatters.DisplayFormatter):  # type: ignore[misc]
    """IPython's, under its name, for the configuration is found by that."""

    _known: _Known | None = None

    def format(self, obj: Any, include: Any = None, exclude: Any = None) -> Any:
        """The mime bundle of an object and the metadata of its parts."""
        kind = type(obj)
        if include or exclude or not has_plain_attributes(obj):
            return super().format(obj, include, exclude)
        registered = self.formatters
        known = self._known
        if known is None or known.registered != list(registered.items()):
            known = self._learn(registered)
        own = getattr(obj, "__dict__", _nowhere)
        if known.nobody_may_know(kind, own):
            return self._ask(known.always, obj, kind)
        from ipyrust import images  # Not for a start: most cells show no picture.

        images.quicken()
        if any(asked.may_know(obj, kind, own) for asked in known.first):
            return super().format(obj)
        asked = [each for each in known.then if each.may_know(obj, kind, own)]
        return self._ask(asked, obj, kind)

    def _ask(self, asked: list[_Asked], obj: Any, kind: type) -> Any:
        bundle: dict[str, Any] = {}
        metadata: dict[str, Any] = {}
        for each in asked:
            if kind in _ATOMS and each.is_repr(obj, kind):
                text = _repr(obj)
                if text is not None:
                    bundle[each.format_type] = text
                    continue
            data = each.formatter(obj)
            if isinstance(data, tuple) and len(data) == 2:
                data, about = data
                if about is not None:
                    metadata[each.format_type] = about
            if data is not None:
                bundle[each.format_type] = data
        return bundle, metadata

    def _learn(self, registered: dict[str, Any]) -> _Known:
        known = self._known = _Known(self, registered)
        for each in (*known.first, *known.then):
            if hasattr(each.formatter, "observe"):
                each.formatter.observe(self._forget, names=_DECISIVE)
        self.observe(self._forget, names=["ipython_display_formatter", "mimebundle_formatter"])
        return known

    def _forget(self, change: Any) -> None:
        self._known = None


class _Known:
    """The formatters as they were when we looked."""

    def __init__(self, display: DisplayFormatter, registered: dict[str, Any]) -> None:
        self.registered = list(registered.items())
        # These two come first and may take an object for themselves.
        self.first = (
            _Asked("", display.ipython_display_formatter),
            _Asked("", display.mimebundle_formatter),
        )
        self.then = [_Asked(*each) for each in self.registered]
        self.always = [each for each in self.then if each.always]
        sometimes = [each for each in (*self.first, *self.then) if not each.always]
        self._registries = [registry for each in sometimes for registry in each.registries]
        self._methods = tuple(dict.fromkeys(each.method for each in sometimes))
        self._first_always = any(each.always for each in self.first)

    def nobody_may_know(self, kind: type, own: dict[str, Any]) -> bool:
        """Whether no formatter but those that are always asked can have an answer."""
        return not (
            self._first_always
            or any(self._registries)
            or any(map(hasattr, repeat(kind), self._methods))
            or (own and any(map(own.__contains__, self._methods)))
        )


class _Asked:
    """A formatter, and what it goes by."""

    __slots__ = ("_plain", "always", "format_type", "formatter", "method", "registries")

    def __init__(self, format_type: str, formatter: Any) -> None:
        self.format_type = format_type
        self.formatter = formatter
        self._plain = type(formatter) is formatters.PlainTextFormatter
        # Plain text has an answer for everything, and of somebody's own formatter nothing is known.
        ours = type(formatter).__module__ == formatters.__name__
        self.always = self._plain or not ours
        self.method: str = formatter.print_method if ours else ""
        names = ("singleton_printers", "type_printers", "deferred_printers") if ours else ()
        self.registries: list[dict[Any, Any]] = [getattr(formatter, name) for name in names]

    def may_know(self, obj: Any, kind: type, own: dict[str, Any]) -> bool:
        """Whether asking the formatter can lead to anything."""
        if self.always or self.method in own or hasattr(kind, self.method):
            return True
        singletons, types, deferred = self.registries
        return (
            bool(deferred)
            or (bool(types) and not types.keys().isdisjoint(kind.__mro__))
            or id(obj) in singletons
        )

    def is_repr(self, obj: Any, kind: type) -> bool:
        """Whether the text is the `repr` of the object."""
        if not self._plain:
            return False
        singletons, types, _ = self.registries
        return (singletons.get(id(obj)) or types.get(kind)) is pretty._repr_pprint


def _repr(obj: Any) -> str | None:
    try:
        return repr(obj)
    except Exception:
        return None  # The formatter meets it again, and shows it.
