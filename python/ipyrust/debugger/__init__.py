"""The debugger: `debug_request` answered through debugpy, from the control thread.

`Debugger` knows the Jupyter side (which commands there are, what is answered without debugpy, what
is filtered), `client` speaks the Debug Adapter Protocol, `tracing` is what debugpy does to this
process, `variables` looks at variables while nothing is stopped, `cells` names the cells' files.

debugpy is imported by the first request that cannot be answered without it, and the rest of this
package by the first `debug_request`: the shell needs `cells` at every start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .commands import Debugger
    from .tracing import available

__all__ = ["Debugger", "available"]


def __getattr__(name: str) -> object:
    if name == "Debugger":
        from .commands import Debugger

        return Debugger
    if name == "available":
        from .tracing import available

        return available
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
