"""The signatures that completions carry, read from the functions themselves.

IPython asks jedi twice for the signature of each function that it offers, and jedi asks `inspect`,
which builds objects for every parameter that are then only printed: of an answer to `np.` that was
four fifths. What a Python function takes stands in its code and its defaults, and what a module's
function in C takes never changes. Where something else decides (the constructor of a class, jedi's
own reading of a source), jedi is asked as before.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import lru_cache
from inspect import Parameter, Signature
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

# What `inspect` looks at before the code of a function.
_DECIDING = ("__text_signature__", "_partialmethod", "__partialmethod__")
_STARS: dict[Any, str] = {Parameter.VAR_POSITIONAL: "*", Parameter.VAR_KEYWORD: "**"}


def read_signatures_directly() -> None:
    """Let IPython's completer read them so; the texts are the same."""
    from IPython.core import completer

    by_jedi = getattr(completer, "_make_signature", None)
    if by_jedi is not None and not isinstance(by_jedi, Signatures):
        completer._make_signature = Signatures(by_jedi)


class Signatures:
    """Makes a signature out of a completion of jedi's, in the place of IPython's function."""

    def __init__(self, by_jedi: Callable[[Any], str]) -> None:
        self._by_jedi = by_jedi

    def __call__(self, completion: Any) -> str:
        try:
            text = directly(completion)
        except Exception:
            # The object does not let itself be asked, or these parts of jedi's have changed.
            text = None
        return self._by_jedi(_Asked(completion)) if text is None else text


class _Asked:
    """A completion whose signatures jedi is asked for once."""

    def __init__(self, completion: Any) -> None:
        self._signatures = completion.get_signatures()

    def get_signatures(self) -> Any:
        return self._signatures


def directly(completion: Any) -> str | None:
    """The signature, if it is one of a function that exists and is plain; without its name."""
    from jedi.inference.compiled.mixed import MixedName  # type: ignore[import-untyped]

    if not isinstance(completion._name, MixedName):
        return None
    access = completion._name.infer_compiled_value().access_handle.access
    # jedi writes the name before the bracket, and IPython cuts at the first one.
    if "(" in access.py__name__():
        return None
    parameters = _parameters(access._obj, access)
    documentation = access._obj.__doc__
    if parameters is None or not isinstance(documentation, str):
        return None
    returned = _returned(documentation)
    arrow = f" -> {returned}" if returned else ""
    return f"({', '.join(parameters)}){arrow}"


@lru_cache(maxsize=8192)
def _returned(documentation: str) -> str:
    """What jedi takes for the type of the result: what stands behind an arrow."""
    from jedi.inference.compiled.value import _parse_function_doc  # type: ignore[import-untyped]

    return str(_parse_function_doc(inspect.cleandoc(documentation))[1])


def _parameters(called: Any, access: Any) -> list[str] | None:
    """The parameters as jedi prints them; `None` if it takes `inspect` to find them."""
    bound = type(called) is MethodType
    found = _unbound(called.__func__ if bound else called, access)
    if found is None:
        return None
    parameters = list(found)
    if bound:
        if not parameters or parameters[0].startswith("*"):
            return None
        del parameters[0]
        if parameters[:1] == ["/"]:
            del parameters[0]
    return parameters


def _unbound(function: Any, access: Any) -> Iterator[str] | None:
    """What `inspect` would find, looking where it looks, in its order."""
    for _ in range(100):
        if not callable(function) or type(function) is MethodType:
            return None
        plain = type(function) is FunctionType
        attributes = vars(function) if plain else _Attributes(function)
        if "__signature__" in attributes:
            signature = attributes["__signature__"]
            return _of_signature(signature, access) if type(signature) is Signature else None
        if "__wrapped__" in attributes:
            function = attributes["__wrapped__"]
        elif plain:
            special = any(name in attributes for name in _DECIDING)
            return None if special else _of_function(function, access)
        elif type(function) is BuiltinFunctionType and type(function.__self__) is ModuleType:
            signature = _of_builtin(function)
            return None if signature is None else _of_signature(signature, access)
        else:
            return None
    return None


class _Attributes:
    """The attributes of any object, as of a function."""

    def __init__(self, owner: Any) -> None:
        self._owner = owner

    def __contains__(self, name: str) -> bool:
        return hasattr(self._owner, name)

    def __getitem__(self, name: str) -> Any:
        return getattr(self._owner, name)


@lru_cache(maxsize=8192)
def _of_builtin(function: Any) -> Signature | None:
    """Of a module's function in C, whose signature is a text that never changes."""
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return None  # It has none; jedi looks into the documentation.


def _of_signature(signature: Signature, access: Any) -> Iterator[str]:
    annotation_text = getattr(access, "_annotation_to_str", inspect.formatannotation)
    only_positional = only_by_name = False
    for parameter in signature.parameters.values():
        kind = parameter.kind
        if only_positional and kind != Parameter.POSITIONAL_ONLY:
            yield "/"
        only_positional = kind == Parameter.POSITIONAL_ONLY
        if kind == Parameter.KEYWORD_ONLY and not only_by_name:
            yield "*"
        only_by_name |= kind in (Parameter.KEYWORD_ONLY, Parameter.VAR_POSITIONAL)
        text = _STARS.get(kind, "") + parameter.name
        if parameter.annotation is not Parameter.empty:
            text += f": {annotation_text(parameter.annotation)}"
        if parameter.default is not Parameter.empty:
            text += f"={parameter.default!r}"
        yield text
    if only_positional:
        yield "/"


def _of_function(function: FunctionType, access: Any) -> Iterator[str]:
    code = function.__code__
    names = code.co_varnames
    annotations = inspect.get_annotations(function)
    annotation_text = getattr(access, "_annotation_to_str", inspect.formatannotation)
    count, only_by_name = code.co_argcount, code.co_kwonlyargcount
    defaults = function.__defaults__ or ()
    defaults_by_name = function.__kwdefaults__ or {}

    def annotated(name: str) -> str:
        return f"{name}: {annotation_text(annotations[name])}" if name in annotations else name

    first_default = count - len(defaults)
    for place, name in enumerate(names[:count]):
        if place and place == code.co_posonlyargcount:
            yield "/"
        text = annotated(name)
        if place >= first_default:
            text += f"={defaults[place - first_default]!r}"
        yield text
    if count and count == code.co_posonlyargcount:
        yield "/"
    rest = count + only_by_name
    if code.co_flags & inspect.CO_VARARGS:
        yield f"*{annotated(names[rest])}"
        rest += 1
    elif only_by_name:
        yield "*"
    for name in names[count : count + only_by_name]:
        text = annotated(name)
        yield f"{text}={defaults_by_name[name]!r}" if name in defaults_by_name else text
    if code.co_flags & inspect.CO_VARKEYWORDS:
        yield f"**{annotated(names[rest])}"
