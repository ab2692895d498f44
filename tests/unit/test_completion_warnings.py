"""Completion beside a cell leaves the process's warning filters to the cell."""

from __future__ import annotations

import warnings

import pytest
from ipyrust import completion
from IPython.core import completer
from IPython.core.interactiveshell import InteractiveShell


@pytest.fixture
def changes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Notes who changes the filters for a moment, as no thread beside a cell may."""
    noted: list[str] = []

    class Noted(warnings.catch_warnings):
        def __enter__(self) -> object:
            noted.append("catch_warnings")
            return super().__enter__()

    monkeypatch.setattr(warnings, "catch_warnings", Noted)
    return noted


def test_an_answer_without_jedi_changes_no_filter(changes: list[str]) -> None:
    shell = InteractiveShell.instance()
    shell.user_ns["alphabetical_order"] = 1
    answer = completion.complete(shell, "x = alphabetical_", None, quick=True)
    assert answer["matches"] == ["alphabetical_order"]
    assert changes == []


def test_getting_jedi_ready_changes_no_filter_and_leaves_jedi_as_it_was(
    changes: list[str],
) -> None:
    from jedi.inference.compiled import access

    jedi = completion._Jedi()
    jedi.run()
    assert jedi.is_done
    assert changes == []
    assert access.warnings is warnings


def test_other_warnings_of_the_completer_are_given() -> None:
    completion.accept_provisional()
    with pytest.warns(UserWarning, match="told"):
        completer.warnings.warn("told", stacklevel=1)
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        completer.Completion(0, 1, "text")
    assert given == []
