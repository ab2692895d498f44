"""A Jupyter kernel for Python: Rust moves the messages, IPython gives them their meaning."""

from __future__ import annotations

__all__ = ["__version__"]


def __getattr__(name: str) -> str:
    # Asked for by few, so that `import ipyrust.install` works without the compiled part.
    if name == "__version__":
        from ipyrust._core import __version__

        return __version__
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
