"""Parts of the shell that are made when somebody first asks for them.

IPython makes a completer, the formatters of tracebacks, an inspector and a colourer of source text
at its start; a kernel that is asked for no completion, whose cells do not fail and ask for no help,
needs none of them. They appear under IPython's names with the first question for them, from
whatever thread, made by IPython's own methods.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from traitlets import Type
from traitlets.config.loader import Config

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell
else:
    # A class with traits would look through all of the shell's once more.
    InteractiveShell = object

from ipyrust import tracebacks

_SET_MEANWHILE = ("sys_excepthook", "custom_exceptions", "CustomTB")


class _FirstUse:
    """An attribute that a method of the shell makes; afterwards the instance has it itself."""

    def __init__(self, make: str) -> None:
        self._make = make
        self._name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, shell: Any, owner: type) -> Any:
        if shell is None:
            return self
        with shell.making:
            if self._name not in vars(shell):
                getattr(shell, self._make)()
        try:
            return vars(shell)[self._name]
        except KeyError:
            raise AttributeError(self._name) from None


class _Configurables(list[Any]):
    """A list that is completed when somebody looks at it, not when something is added."""

    def __init__(self, items: list[Any], complete: Callable[[], None]) -> None:
        super().__init__(items)
        self._complete = complete

    def __iter__(self) -> Iterator[Any]:
        self._complete()
        return super().__iter__()

    def __len__(self) -> int:
        self._complete()
        return super().__len__()

    def __getitem__(self, place: Any) -> Any:
        self._complete()
        return super().__getitem__(place)

    def __contains__(self, item: object) -> bool:
        self._complete()
        return super().__contains__(item)


def is_named(trait: Any) -> bool:
    """Whether this is a trait for a class, and the class only named so far."""
    return (
        type(trait) is Type
        and isinstance(trait.klass, str)
        and isinstance(trait.default_value, str)
    )


class LateType(Type[Any, Any]):
    """A class that is named by a text, which is imported for who asks, not for every shell."""

    def instance_init(self, obj: Any) -> None:
        """Nothing: IPython imports it here."""

    def get(self, obj: Any, cls: Any = None) -> Any:
        self._resolve_classes()
        return super().get(obj, cls)

    def validate(self, obj: Any, value: Any) -> Any:
        self._resolve_classes()
        return super().validate(obj, value)


class LateShell(InteractiveShell):  # type: ignore[misc]
    """What comes before IPython's shell among a shell's bases, so that it makes nothing early."""

    Completer: Any = _FirstUse("_make_completer")
    InteractiveTB: Any = _FirstUse("_make_traceback_handlers")
    SyntaxTB: Any = _FirstUse("_make_traceback_handlers")
    inspector: Any = _FirstUse("_make_highlighting")
    pycolorize: Any = _FirstUse("_make_highlighting")

    def __init__(self, **kwargs: Any) -> None:
        self.making = threading.RLock()
        self._completer_due = False
        self._traceback_handlers_due = False
        self._highlighting_due = False
        super().__init__(**kwargs)

    def _find_my_config(self, config: Config) -> Any:
        # Each of the shell's parts asks for this at its own start, to look in it for itself.
        names = [base.__name__ for base in type(self).__mro__]
        return Config() if _sections(config).isdisjoint(names) else super()._find_my_config(config)

    @property
    def configurables(self) -> list[Any]:
        """What `%config` offers; the completer is one of them."""
        return self._configurables

    @configurables.setter
    def configurables(self, value: list[Any]) -> None:
        self._configurables = _Configurables(value, self._make_completer)

    @contextlib.contextmanager
    def _once(self, due: str) -> Iterator[None]:
        """What is made here is not due any more, unless an interrupt or an error is in the way."""
        setattr(self, due, False)
        try:
            yield
        except BaseException:
            setattr(self, due, True)
            raise

    def init_completer(self) -> None:
        self._completer_due = True

    def _make_completer(self) -> None:
        with self.making:
            if self._completer_due:
                with self._once("_completer_due"):
                    super().init_completer()

    def init_traceback_handlers(self, custom_exceptions: Any) -> None:
        self.sys_excepthook = sys.excepthook
        self.set_custom_exc(*custom_exceptions)
        self._traceback_handlers_due = True

    def _make_traceback_handlers(self) -> None:
        if not self._traceback_handlers_due:
            return  # Asked for while the shell is being made.
        # What was set meanwhile stays.
        kept = {name: vars(self)[name] for name in _SET_MEANWHILE}
        with self._once("_traceback_handlers_due"):
            tracebacks.remember()
            super().init_traceback_handlers(((), None))
        self.__dict__.update(kept)
        # IPython 8 asks for the handlers before `init_pdb` has run.
        self.InteractiveTB.call_pdb = vars(self).get("_call_pdb", False)

    def init_syntax_highlighting(self, changes: Any = None) -> None:
        # Colours that somebody has chosen may be none, and it is now that IPython says so.
        chosen = self.colors != type(self).colors.default_value
        if "pycolorize" in vars(self) or chosen:
            self._init_highlighting(changes)
        else:
            self._highlighting_due = True

    def _make_highlighting(self) -> None:
        if self._highlighting_due:
            self._init_highlighting()

    def _init_highlighting(self, changes: Any = None) -> None:
        # It looks whether there are handlers to be told of the colours; later ones know them.
        due, self._traceback_handlers_due = self._traceback_handlers_due, False
        try:
            with self._once("_highlighting_due"):
                super().init_syntax_highlighting(changes)
        finally:
            self._traceback_handlers_due = due

    def init_pdb(self) -> None:
        if self.pdb:
            super().init_pdb()
        else:
            self._call_pdb = False  # What IPython does, without the traceback handlers.


def _sections(config: Config) -> set[str]:
    """The names of all sections of a configuration, however deep."""
    names = set()
    for name, value in config.items():
        if isinstance(value, Config):
            names.add(name)
            names |= _sections(value)
    return names
