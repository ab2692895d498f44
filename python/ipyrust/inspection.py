"""Inspection: what a client shows of a name.

IPython makes text and HTML of everything. Clients get the HTML only where `enable_html_pager` is
set; making it takes longer than all the rest, so where it is not, it is not made.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ipyrust.shell import ZMQInteractiveShell


def inspect(
    shell: ZMQInteractiveShell,
    code: str,
    cursor_position: int | None,
    detail_level: int = 0,
    omit_sections: tuple[str, ...] = (),
) -> dict[str, Any]:
    """The content of `inspect_reply`."""
    from IPython.utils.tokenutil import token_at_cursor

    if cursor_position is None:
        cursor_position = len(code)
    name = token_at_cursor(code, cursor_position)
    reply: dict[str, Any] = {"status": "ok", "data": {}, "metadata": {}, "found": False}
    try:
        with contextlib.nullcontext() if shell.enable_html_pager else _without_html():
            reply["data"] = shell.object_inspect_mime(
                name, detail_level=detail_level, omit_sections=omit_sections
            )
        if not shell.enable_html_pager:
            reply["data"].pop("text/html", None)
        reply["found"] = True
    except KeyError:
        pass  # There is no such name.
    return reply


class _Here(threading.local):
    """What this thread is about; others may inspect at the same time."""

    html_is_unwanted = False


_here = _Here()


class _Highlight:
    """Makes HTML of code, in the place of IPython's function."""

    def __init__(self, original: Callable[[str], str]) -> None:
        self._original = original

    def __call__(self, code: str) -> str:
        return "" if _here.html_is_unwanted else self._original(code)


@contextlib.contextmanager
def _without_html() -> Iterator[None]:
    """Within this block this thread makes no HTML of code."""
    from IPython.core import oinspect

    original = getattr(oinspect, "pylight", None)
    if original is not None and not isinstance(original, _Highlight):
        oinspect.pylight = _Highlight(original)
    _here.html_is_unwanted = True
    try:
        yield
    finally:
        _here.html_is_unwanted = False
