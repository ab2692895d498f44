"""An inspection makes HTML of code only for who gets it."""

from __future__ import annotations

from typing import Any

import pytest
from ipyrust import inspection
from IPython.core import oinspect
from IPython.core.interactiveshell import InteractiveShell


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The code that HTML was made of."""
    codes: list[str] = []

    def pylight(code: str) -> str:
        codes.append(code)
        return f"<b>{code}</b>"

    monkeypatch.setattr(oinspect, "pylight", pylight)
    return codes


def documented(value: int) -> int:
    """Says something."""
    return value


def shell(html: bool) -> Any:
    found = InteractiveShell.instance()
    found.user_ns["documented"] = documented
    found.enable_html_pager = html
    return found


def test_the_text_is_that_of_ipython(made: list[str]) -> None:
    expected = shell(html=False).object_inspect_mime("documented")["text/plain"]
    del made[:]
    reply = inspection.inspect(shell(html=False), "documented", None)
    assert reply["data"] == {"text/plain": expected}
    assert "Says something." in expected
    assert made == []


def test_html_is_made_where_it_is_wanted(made: list[str]) -> None:
    inspection.inspect(shell(html=False), "documented", None)
    try:
        reply = inspection.inspect(shell(html=True), "documented", None)
    finally:
        shell(html=False)
    assert made
    assert f"<b>{made[0]}</b>" in reply["data"]["text/html"]
    # Others that inspect in this process get theirs, too.
    assert "<b>" in shell(html=False).object_inspect_mime("documented")["text/html"]


def test_a_name_that_is_not_there_leaves_nothing_behind(made: list[str]) -> None:
    assert inspection.inspect(shell(html=False), "no_such_name", None)["found"] is False
    assert "<b>" in shell(html=False).object_inspect_mime("documented")["text/html"]
