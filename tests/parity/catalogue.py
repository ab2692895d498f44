"""All the notebooks, by the name of the library."""

from . import ipython, libraries
from .registry import LIBRARIES

__all__ = ["LIBRARIES", "ipython", "libraries"]
