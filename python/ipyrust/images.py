"""Pictures and plots as base64, made sooner.

IPython makes the text of a picture out of bytes out of bytes: for megabytes that is most of what a
display costs. Its modules get a `b2a_base64` here whose `decode` makes the text straight away. What
comes out is the same.
"""

from __future__ import annotations

import binascii
import sys
from typing import TYPE_CHECKING, Any

import IPython

from ipyrust._core import base64_text

if TYPE_CHECKING:
    from typing_extensions import Buffer

# `Image` and `Video`, and the figures of matplotlib.
_MODULES = ("IPython.core.display", "IPython.core.pylabtools")
# All they do with the bytes in these is to decode them.
_KNOWN = IPython.version_info[0] in (8, 9)


def quicken() -> None:
    """Have pictures of IPython's made here, whose modules may be imported at any time."""
    for name in _MODULES if _KNOWN else ():
        module = sys.modules.get(name)
        if getattr(module, "b2a_base64", None) is binascii.b2a_base64:
            setattr(module, "b2a_base64", _b2a_base64)  # noqa: B010


def _b2a_base64(data: Buffer, /, *, newline: bool = True) -> Any:
    if newline or type(data) is not bytes:
        return binascii.b2a_base64(data, newline=newline)
    return _Base64(data)


class _Base64:
    """The base64 of some bytes, for who decodes it."""

    __slots__ = ("_data",)

    def __init__(self, data: bytes) -> None:
        self._data = data

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        if encoding in ("ascii", "utf-8"):
            return base64_text(self._data)
        return binascii.b2a_base64(self._data, newline=False).decode(encoding, errors)
