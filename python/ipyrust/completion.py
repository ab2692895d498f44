"""Completion: what a client asks while a person types.

jedi reads the stubs of Python's own library before its first answer, which takes seconds where its
cache is empty. Then it does so on a thread of its own; who asks meanwhile is answered without it.
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any

from ipyrust import completion_cache
from ipyrust.completion_signatures import read_signatures_directly
from ipyrust.completion_warnings import accept_provisional, without_filters

if TYPE_CHECKING:
    from IPython.core.completer import IPCompleter

    from ipyrust.shell import ZMQInteractiveShell

TYPES_KEY = "_jupyter_types_experimental"  # The specification's name for what JupyterLab reads.

_quick: dict[int, IPCompleter] = {}


def complete(
    shell: ZMQInteractiveShell, code: str, cursor_position: int | None, *, quick: bool = False
) -> dict[str, Any]:
    """The content of `complete_reply`; `quick` does without jedi, which may take seconds."""
    from IPython.core.completer import rectify_completions

    if cursor_position is None:
        cursor_position = len(code)
    completer = _quick_completer(shell) if quick else shell.Completer
    if completer.use_jedi:
        completion_cache.keep_whole()
    accept_provisional()
    read_signatures_directly()
    found = list(rectify_completions(code, completer.completions(code, cursor_position)))
    start = found[0].start if found else cursor_position
    end = found[0].end if found else cursor_position
    types = [
        {
            "start": item.start,
            "end": item.end,
            "text": item.text,
            "type": item.type,
            "signature": item.signature,
        }
        for item in found
    ]
    return {
        "status": "ok",
        "matches": [item.text for item in found],
        "cursor_end": end,
        "cursor_start": start,
        "metadata": {TYPES_KEY: types},
    }


class _Jedi(threading.Thread):
    """Has jedi read, into its empty cache, what it needs for any answer."""

    def __init__(self) -> None:
        super().__init__(name="ipyrust-jedi", daemon=True)
        # As the debugger's own threads: it is never stopped nor shown.
        self.pydev_do_not_trace = True
        self.is_pydev_daemon_thread = True
        self.is_done = False

    def run(self) -> None:
        # In a namespace of its own: nothing of the user's is touched while cells run.
        with contextlib.suppress(Exception):
            completion_cache.keep_whole()
            import jedi  # type: ignore[import-untyped]

            with without_filters():
                for found in jedi.Interpreter("prin", [{}]).complete(1, 4):
                    if found.type == "function":
                        found.get_signatures()
        self.is_done = True


_jedi: _Jedi | None = None
# Whether the cache has been found filled.
_filled = False


def jedi_is_ready(shell: ZMQInteractiveShell) -> bool:
    """Whether jedi answers as it always does; else `make_jedi_ready` is to be called.

    Not before it has read what its empty cache lacks: the answer that does without jedi is there
    at once. From a filled one it reads within a moment.
    """
    global _filled
    if not shell.Completer.use_jedi:
        return True
    if _jedi is not None:
        return _jedi.is_done
    _filled = _filled or not completion_cache.lacks_builtins()
    return _filled


def make_jedi_ready() -> None:
    """Let jedi read what it needs, beside whatever else goes on."""
    global _jedi
    if _jedi is None:
        _jedi = _Jedi()
        _jedi.start()


def _quick_completer(shell: ZMQInteractiveShell) -> IPCompleter:
    from IPython.core.completer import IPCompleter

    # One of its own: the shell's may be in the middle of something on the main thread.
    completer = _quick.get(id(shell))
    if completer is None:
        completer = IPCompleter(
            shell=shell,
            namespace=shell.user_ns,
            global_namespace=shell.user_global_ns,
            parent=shell,
            use_jedi=False,
        )
        completer.custom_completers = shell.Completer.custom_completers
        completer.custom_matchers = shell.Completer.custom_matchers
        _quick[id(shell)] = completer
    completer.namespace = shell.user_ns
    completer.use_jedi = False
    return completer
