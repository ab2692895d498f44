"""Variables as the debugger shows them while nothing is stopped, and their rich representation.

pydevd already knows how to take every kind of value apart (lists, arrays, data frames, objects),
but only for the frames of a stopped thread. `LiveVariables` shows it the user's namespace as if
that were such a frame, so a client sees the same variables whether a cell is stopped or not.
"""

from __future__ import annotations

import base64
import contextlib
import importlib
import json
import re
import types
from typing import Any

from .tracing import load_debugpy

# What IPython and the interpreter put into the user's namespace; nobody debugs it.
_INTERNAL = frozenset(
    (
        *("__name__", "__doc__", "__package__", "__loader__", "__spec__", "__annotations__"),
        *("__builtins__", "__builtin__", "__display__", "__session__", "get_ipython", "debugpy"),
        *("exit", "quit", "In", "Out", "_oh", "_dh", "_", "__", "___", "_exit_code"),
    )
)
_HISTORY = re.compile(r"_(\d|i)")  # _1, _i, _ii, _i1: the inputs and outputs of cells.


def is_shown(name: str) -> bool:
    """Whether a variable of this name is the user's own."""
    return name not in _INTERNAL and _HISTORY.match(name) is None


class LiveVariables:
    """The variables of the user's namespace at one moment, and what they contain."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        load_debugpy()
        frames = importlib.import_module("_pydevd_bundle.pydevd_suspended_frames")
        frame_utils = importlib.import_module("_pydevd_bundle.pydevd_frame_utils")
        api = importlib.import_module("_pydevd_bundle.pydevd_api")
        self._tracking = contextlib.ExitStack()
        # Of a debugger, variables only need to know how it presents them.
        presenter = types.SimpleNamespace(
            variable_presentation=api.PyDevdAPI.VariablePresentation()
        )
        tracker = self._tracking.enter_context(
            frames.SuspendedFramesManager().track_frames(presenter)
        )
        frame = types.SimpleNamespace(
            f_locals=namespace,
            f_globals=namespace,
            f_code=types.SimpleNamespace(co_name="<module>", co_filename="<namespace>"),
            f_lineno=1,
            f_back=None,
        )
        frame_list = frame_utils.FramesList()
        frame_list.append(frame)
        tracker.track("namespace", frame_list)
        self._tracker = tracker
        self._root = id(frame)

    def knows(self, reference: int) -> bool:
        """Whether this `variablesReference` was given out here."""
        try:
            self._tracker.get_variable(reference)
        except KeyError:
            return False
        return True

    def children(self, reference: int | None = None, form: Any = None) -> list[dict[str, Any]]:
        """What the variable with this `variablesReference` contains; else the namespace itself."""
        variable = self._tracker.get_variable(self._root if reference is None else reference)
        children = variable.get_children_variables(fmt=form)
        if reference is None:
            children = [child for child in children if is_shown(str(child.get_name()))]
        return [child.get_var_data(fmt=form) for child in children]

    def close(self) -> None:
        """Let go of the values."""
        self._tracking.close()


def rich_json(value: Any) -> str:
    """The mime bundle and metadata of a value, as JSON; evaluated in the stopped frame."""
    get_ipython = importlib.import_module("IPython").get_ipython
    bundle, metadata = get_ipython().display_formatter.format(value)
    return json.dumps([bundle, metadata], default=_encode)


def _encode(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    return repr(value)
