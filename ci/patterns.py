"""Write python/ipyrust/patterns_cp*.py: the regular expressions that a start compiles, compiled.

For each python that is given its ipyrust imports what a kernel imports, while it is noted what
`re` gives to its engine. `ci/patterns` calls this; tests/unit/test_patterns.py says whether what is
there is still what `re` makes, and whether it covers what a start compiles.
"""

from __future__ import annotations

import ast
import subprocess
import sys
import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "python" / "ipyrust"

RECORD = """
import re, sys
version = "{}{}".format(*sys.version_info)
sys.modules["ipyrust.patterns_cp" + version] = None  # All are to be compiled.
compiler = vars(re).get("_compiler") or vars(re)["sre_compile"]
engine = compiler._sre
compiled, recorded = [], []

class Recorder:
    def __getattr__(self, name):
        return getattr(engine, name)
    def compile(self, pattern, flags, code, groups, names, by_number):
        compiled.append((int(flags), groups, dict(names), tuple(map(int, code))))
        return engine.compile(pattern, flags, code, groups, names, by_number)

def compile(pattern, flags=0):
    result = original(pattern, flags)
    if type(pattern) is str:
        recorded.append(((pattern, int(flags)), compiled[-1]))
    return result

compiler._sre = Recorder()
original, compiler.compile = compiler.compile, compile
from ipyrust.__main__ import _import_application
_import_application()
from ipyrust import traceback_modules
traceback_modules.load()
traceback_modules.load_stack_data()
print(repr((version, engine.MAGIC, recorded)))
"""

HEAD = '''\
"""The regular expressions of a start, as CPython {}.{} compiles them; written by `ci/patterns`."""

from ipyrust.patterns import Table

MAGIC = {}

KNOWN: Table = {{
'''
ENTRY = """\
    ({text}, {flags}): ({final}, {groups}, (
{numbers}
    ), {{{names}}}),
"""


def text_lines(text: str) -> str:
    """A text as Python source, cut so that no line is too long."""
    cut = [text[start : start + 60] for start in range(0, len(text), 60)] or [""]
    separator = "\n     "
    return separator.join(repr(piece) for piece in cut)


def lines(values: Iterable[object]) -> str:
    text = "".join(f"{value}, " for value in values)
    indent = " " * 8
    return textwrap.fill(text, 100, initial_indent=indent, subsequent_indent=indent)


def name_lines(names: dict[str, int]) -> str:
    items = [f"{name!r}: {number}" for name, number in names.items()]
    return f"\n{lines(items)}\n    " if items else ""


def source(version: str, magic: int, recorded: list[Any]) -> str:
    entries = [
        ENTRY.format(
            text=text_lines(text),
            flags=flags,
            final=final,
            groups=groups,
            names=name_lines(names),
            numbers=lines(numbers),
        )
        for (text, flags), (final, groups, names, numbers) in sorted(recorded)
    ]
    return HEAD.format(version[0], version[1:], magic) + "".join(entries) + "}\n"


def main() -> int:
    if len(sys.argv) < 2:
        print("usage: ci/patterns PYTHON...")
        return 1
    for python in sys.argv[1:]:
        command = [python, "-I", "-c", RECORD]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        version, magic, recorded = ast.literal_eval(output)
        path = PACKAGE / f"patterns_cp{version}.py"
        path.write_text(source(version, magic, recorded))
        print(f"{path.relative_to(ROOT)}: {len(recorded)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
