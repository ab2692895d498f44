"""`jupyter console` in a terminal: a person types, and reads what comes back."""

from __future__ import annotations

from collections.abc import Iterator

import pexpect
import pytest
from clients.surroundings import KERNEL_NAME, Jupyter

# Longer than any step takes on a busy machine.
LIMIT = 60


@pytest.fixture
def console(jupyter: Jupyter) -> Iterator[pexpect.spawn]:
    program, *arguments = jupyter.command(
        "jupyter",
        "console",
        f"--kernel={KERNEL_NAME}",
        "--ZMQTerminalInteractiveShell.simple_prompt=True",
        "--ZMQTerminalInteractiveShell.kernel_is_complete_timeout=30",
    )
    console = pexpect.spawn(
        program,
        arguments,
        env=jupyter.environment | {"TERM": "dumb", "NO_COLOR": "1"},
        timeout=LIMIT,
        encoding="utf-8",
        dimensions=(50, 120),
    )
    try:
        # A cell sent within milliseconds of the first prompt finds the kernel still importing, and
        # the console then shows its output only at its end. Nobody types that fast.
        type_line(console, 1, "'re' + 'ady'")
        console.expect_exact("'ready'")
        yield console
    finally:
        console.close(force=True)


def type_line(console: pexpect.spawn, number: int, line: str) -> None:
    """Wait for the prompt of that number, then type."""
    console.expect_exact(f"In [{number}]: ")
    console.sendline(line)


def test_results_output_and_errors_are_shown(console: pexpect.spawn) -> None:
    type_line(console, 2, "print('prin' + 'ted')")
    console.expect_exact("printed")
    type_line(console, 3, "6 * 7")
    console.expect("Out\\[3\\]: .*42")
    type_line(console, 4, "1/0")
    console.expect_exact("ZeroDivisionError")
    type_line(console, 5, "'still ' + 'usable'")
    console.expect_exact("'still usable'")


def test_input_is_asked_for_and_answered(console: pexpect.spawn) -> None:
    type_line(console, 2, "name = input('Who? ')")
    console.expect_exact("Who? ")
    console.sendline("Ada")
    type_line(console, 3, "'Hello ' + name")
    console.expect_exact("'Hello Ada'")


def test_control_c_interrupts_the_cell(console: pexpect.spawn) -> None:
    type_line(console, 2, "import time; print('sle' + 'eping'); time.sleep(1000)")
    console.expect_exact("sleeping")
    console.sendintr()
    console.expect_exact("KeyboardInterrupt")
    type_line(console, 3, "'still ' + 'usable'")
    console.expect_exact("'still usable'")


def test_exit_ends_console_and_kernel(console: pexpect.spawn) -> None:
    type_line(console, 2, "import os; print('process', os.getpid())")
    console.expect(r"process (\d+)")
    type_line(console, 3, "exit")
    console.expect(pexpect.EOF)
    console.wait()
    assert console.exitstatus == 0
