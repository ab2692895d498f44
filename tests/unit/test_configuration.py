"""The command line becomes configuration as traitlets would read it."""

from __future__ import annotations

import pytest
from ipyrust import arguments
from ipyrust.app import IPKernelApp, configuration


def config(*argv: str) -> object:
    return configuration(arguments.read(argv), IPKernelApp)


def test_text_is_read_by_the_trait_it_is_for() -> None:
    app = IPKernelApp(config=config("--IPKernelApp.no_stdout=True", "-c", "x = 1"))
    assert app.no_stdout is True
    assert app.code_to_run == "x = 1"


def test_a_list_takes_one_or_several() -> None:
    one = IPKernelApp(config=config("--ext=first"))
    assert one.extra_extensions == ["first"]
    two = IPKernelApp(config=config("--ext", "first", "--ext", "second"))
    assert two.extra_extensions == ["first", "second"]


@pytest.mark.parametrize("choice", ["origin", "latest"])
def test_thread_output(choice: str) -> None:
    app = IPKernelApp(config=config(f"--IPKernelApp.thread_output={choice}"))
    assert app.thread_output == choice
