"""Where an interrupt lands decides what becomes of it; none that is meant for a cell is lost."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from ipyrust.interrupts import Interrupts


@pytest.fixture
def interrupts() -> Iterator[Interrupts]:
    before = signal.getsignal(signal.SIGINT), sys.unraisablehook
    policy = Interrupts()
    policy.install()
    yield policy
    signal.signal(signal.SIGINT, before[0])
    sys.unraisablehook = before[1]


def interrupt() -> None:
    signal.raise_signal(signal.SIGINT)


def run_cell(interrupts: Interrupts, code: Callable[[], Awaitable[Any]]) -> Any:
    """What the serve loop does with a cell."""

    async def serve() -> Any:
        cell = interrupts.begin(asyncio.get_running_loop(), asyncio.current_task())
        try:
            return await interrupts.guarded_cell(cell, code())
        except asyncio.CancelledError:
            return "cancelled" if interrupts.is_cancelled() else "cancelled by somebody else"
        finally:
            interrupts.end(cell)

    loop = asyncio.new_event_loop()
    try:
        task = loop.create_task(serve())
        while not task.done():
            try:
                loop.run_until_complete(task)
            except KeyboardInterrupt:
                # It has ended a task of the cell's, and left the loop on its way.
                continue
        return task.result()
    finally:
        loop.close()


def test_idle_is_not_interrupted(interrupts: Interrupts) -> None:
    interrupt()
    assert interrupts.cell is None


def test_idle_tells_who_wants_to_know(interrupts: Interrupts) -> None:
    told = []
    interrupts.when_idle.append(lambda: told.append(True))
    interrupt()
    assert told == [True]


def test_a_running_cell_is_interrupted(interrupts: Interrupts) -> None:
    async def code() -> None:
        interrupts.before_code()
        interrupt()

    with pytest.raises(KeyboardInterrupt):
        run_cell(interrupts, code)


def test_an_interrupt_while_the_request_is_taken_reaches_its_cell(interrupts: Interrupts) -> None:
    interrupts.taking = True
    interrupt()

    async def code() -> None:
        interrupts.before_code()

    with pytest.raises(KeyboardInterrupt):
        run_cell(interrupts, code)


def test_an_interrupt_of_another_request_does_not_reach_the_next_cell(
    interrupts: Interrupts,
) -> None:
    interrupts.taking = True
    interrupt()
    interrupts.taken_other()

    async def code() -> int:
        interrupts.before_code()
        return 1

    assert run_cell(interrupts, code) == 1


def test_an_interrupt_that_a_hook_swallows_stops_the_code(interrupts: Interrupts) -> None:
    async def code() -> None:
        with contextlib.suppress(KeyboardInterrupt):  # As IPython calls its hooks.
            interrupt()
        interrupts.before_code()

    with pytest.raises(KeyboardInterrupt):
        run_cell(interrupts, code)


def test_code_that_catches_the_interrupt_goes_on(interrupts: Interrupts) -> None:
    async def code() -> str:
        interrupts.before_code()
        with contextlib.suppress(KeyboardInterrupt):
            interrupt()
        interrupts.before_code()  # The second statement of the same cell.
        return "on"

    assert run_cell(interrupts, code) == "on"


def test_an_awaiting_cell_is_cancelled(interrupts: Interrupts) -> None:
    async def code() -> None:
        interrupts.before_code()
        asyncio.get_running_loop().call_soon(interrupt)
        await asyncio.sleep(60)

    assert run_cell(interrupts, code) == "cancelled"


def test_a_task_that_blocks_the_loop_is_interrupted(interrupts: Interrupts) -> None:
    async def block() -> None:
        interrupt()
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            pass

    async def code() -> None:
        interrupts.before_code()
        await asyncio.create_task(block())

    began = time.monotonic()
    assert run_cell(interrupts, code) == "cancelled"
    assert time.monotonic() - began < 30


def test_an_interrupt_swallowed_by_a_destructor_comes_again(interrupts: Interrupts) -> None:
    class Swallows:
        def __del__(self) -> None:
            interrupt()

    async def code() -> None:
        interrupts.before_code()
        Swallows()
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            pass

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run_cell(interrupts, code)
    assert time.monotonic() - began < 30


def test_a_handler_of_the_cell_is_obeyed_and_replaced_at_its_end(interrupts: Interrupts) -> None:
    heard = []

    async def code() -> None:
        interrupts.before_code()
        signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
        interrupt()

    run_cell(interrupts, code)
    assert heard == [signal.SIGINT]
    interrupt()
    assert heard == [signal.SIGINT]


def test_a_handler_outside_cells_can_be_interrupted(interrupts: Interrupts) -> None:
    with pytest.raises(KeyboardInterrupt):
        interrupts.guarded(interrupt)


def test_the_wait_of_a_toolkit_is_interrupted_only_when_it_hangs(interrupts: Interrupts) -> None:
    came = []

    def toolkit() -> None:
        interrupt()
        came.append("went on")
        interrupt()
        came.append("still went on")

    async def code() -> None:
        interrupts.before_code()
        with pytest.raises(KeyboardInterrupt):
            interrupts.waiting(toolkit)
        await asyncio.sleep(60)

    # The cell is told by its cancellation, and the toolkit's callback by the second.
    assert run_cell(interrupts, code) == "cancelled"
    assert came == ["went on"]


def test_the_idle_wait_of_a_toolkit_is_interrupted_when_requests_wait(
    interrupts: Interrupts,
) -> None:
    interrupts.waiting(interrupt)
    interrupts.is_blocked = lambda: True
    with pytest.raises(KeyboardInterrupt):
        interrupts.waiting(interrupt)
