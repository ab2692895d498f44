"""Plain cells pass untouched; that is what IPython would have made of them."""

from __future__ import annotations

import pytest
from ipyrust import transform
from ipyrust.transform import CellTransformer
from IPython.core.inputtransformer2 import TransformerManager

CELLS = [
    "",
    "pass",
    "pass\n",
    "\n\npass",
    "a = 1\nb = 2\n",
    "a != b\nc = a % b",
    "f'{a!r}'",
    "'%s' % a",
    "x = [\n1,\n2]",
    "# comment",
    "x = 1;",
    "a\n\nb",
    "a  \nb\t\n",
    # What is IPython's.
    "%time 1",
    "a = %time 1",
    "a = \\\n%time 1",
    "a =!ls",
    "!ls",
    "a\n!ls",
    "%%bash\nls",
    "len?",
    "a\nlen??",
    "?len",
    ",f a b",
    ";f a b",
    "/f a",
    ">>> 1\n... 2",
    "a\n... b",
    "In [1]: 1",
    " In [1]: a\n   ...: b",
    "[ins] In [1]: 1",
    # What has to be shaped, and what is wrong.
    "  a\n  b",
    "if a:\n    b\n   \nc",
    "a\r\nb",
    "a\x0cb",
    "a\u2028%time",
    "if a:\n        b\n    c",
    "(",
    "'''",
    "`",
    "a\0b",
    "\ud800",
]


def outcome(manager: TransformerManager, cell: str) -> object:
    try:
        return manager.transform_cell(cell)
    except Exception as error:
        return type(error)


@pytest.mark.parametrize("cell", CELLS)
def test_a_cell_becomes_what_ipython_makes_of_it(cell: str) -> None:
    assert outcome(CellTransformer(), cell) == outcome(TransformerManager(), cell)


def test_a_plain_cell_is_not_cut_into_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: TransformerManager, cell: str) -> str:
        raise AssertionError

    monkeypatch.setattr(TransformerManager, "transform_cell", refuse)
    assert CellTransformer().transform_cell("a = 1\nb = a != 2") == "a = 1\nb = a != 2\n"


@pytest.mark.parametrize(
    "transformations", ["cleanup_transforms", "line_transforms", "token_transformers"]
)
def test_an_added_transformation_sees_every_cell(transformations: str) -> None:
    manager = CellTransformer()
    seen = []

    class Seen:
        @classmethod
        def find(cls, tokens: object) -> None:
            seen.append(tokens)

        def __new__(cls, lines: list[str]) -> list[str]:  # type: ignore[misc]
            seen.append(lines)
            return lines

    getattr(manager, transformations).append(Seen)
    assert manager.transform_cell("pass") == "pass\n"
    assert seen
    assert transform.CellTransformer().transform_cell("pass") == "pass\n"
