"""The text of cells made into Python, at no cost where a cell is Python already.

IPython splits every cell into tokens to find its own syntax (`%magic`, `!command`, `help?`, prompts
that were copied with the code). Most cells have none of the characters that such syntax needs, and
one look for them takes a twentieth of the time.
"""

from __future__ import annotations

import re
from typing import cast

from IPython.core.inputtransformer2 import TransformerManager

# Whatever IPython could see something in, and more: what is found here is left to IPython. So are
# cells with indented lines, whose tokens may be an error.
_NOT_PLAIN = re.compile(
    r"""
      \?                     # help
    | (?:^|=)[\s\\]*[%!]     # magics and commands, at the start or assigned
    | ^[,;/]                 # calls without parentheses
    | ^(?:>>>|\.\.\.)        # prompts of Python
    | In[ ]\[ | ^\[(?:nav|ins)\]  # and of IPython
    | ^[^\S\n]               # an indented line, or one of spaces
    | \A\n                   # a first line that is empty
    | [\0\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]  # other ends of lines, and what no tokenizer takes
    | [\ud800-\udfff]
    """,
    re.VERBOSE | re.MULTILINE,
)


class CellTransformer(TransformerManager):  # type: ignore[misc]
    """IPython's, which lets plain cells pass while nobody has added a transformation."""

    def __init__(self) -> None:
        super().__init__()
        self._known = self._transformations()

    def _transformations(self) -> tuple[list[object], list[object], list[object]]:
        return (
            list(self.cleanup_transforms),
            list(self.line_transforms),
            list(self.token_transformers),
        )

    def transform_cell(self, cell: str) -> str:
        if _NOT_PLAIN.search(cell) or self._transformations() != self._known:
            return cast("str", super().transform_cell(cell))
        return cell if cell.endswith("\n") else cell + "\n"
