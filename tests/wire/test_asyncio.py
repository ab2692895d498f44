"""The loop of the cells: top-level await, tasks that go on between cells, variables of contexts."""

from __future__ import annotations

import time

import pytest
from harness import Client


def test_await_at_the_top_level(client: Client) -> None:
    code = "import asyncio\nasync def f(): await asyncio.sleep(0); return 7\nawait f()"
    assert client.run(code).result == "7"


def test_async_for_and_with_at_the_top_level(client: Client) -> None:
    code = (
        "import contextlib\n"
        "@contextlib.asynccontextmanager\n"
        "async def manager(): yield [1, 2]\n"
        "async def items(given):\n    for item in given: yield item\n"
        "async with manager() as given:\n    print([item async for item in items(given)])"
    )
    assert client.run(code).text() == "[1, 2]\n"


def test_one_loop_for_all_cells(client: Client) -> None:
    client.run("import asyncio\nloop = asyncio.get_running_loop()")
    assert client.run("asyncio.get_running_loop() is loop").result == "True"


def test_a_task_goes_on_between_cells(client: Client) -> None:
    client.run(
        "import asyncio\n"
        "done = asyncio.Event()\n"
        "async def later(): await asyncio.sleep(0.05); done.set()\n"
        "task = asyncio.create_task(later())"
    )
    # A request that runs no cell: the loop runs without one.
    client.request("kernel_info_request")
    assert client.run("await asyncio.wait_for(done.wait(), 50)").result == "True"


def test_the_output_of_a_task_belongs_to_the_cell_that_started_it(client: Client) -> None:
    starter = client.run(
        "import asyncio\n"
        "go = asyncio.Event()\n"
        "async def speak():\n    await go.wait(); print('from the task')\n"
        "task = asyncio.create_task(speak())"
    )
    other = client.run("go.set()\nawait task\nprint('from the cell')")
    starter.wait_for_text("from the task")
    assert other.text() == "from the cell\n"


def test_displays_of_a_task_belong_to_the_cell_that_started_it(client: Client) -> None:
    starter = client.run(
        "import asyncio\n"
        "go = asyncio.Event()\n"
        "async def show():\n    await go.wait(); display('from the task')\n"
        "task = asyncio.create_task(show())"
    )
    client.run("go.set()\nawait task")
    assert starter.wait_for("display_data").content["data"]["text/plain"] == "'from the task'"


def test_a_context_variable_is_kept_from_cell_to_cell(client: Client) -> None:
    client.run("import contextvars\nvariable = contextvars.ContextVar('variable', default=0)")
    client.run("token = variable.set(1)")
    assert client.run("variable.get()").result == "1"
    assert client.run("import asyncio\nawait asyncio.sleep(0)\nvariable.get()").result == "1"


@pytest.mark.ipykernel_differs("a cell that awaits runs in a copy of the context")
def test_a_context_variable_set_by_an_async_cell_is_kept(client: Client) -> None:
    client.run("import contextvars\nvariable = contextvars.ContextVar('variable', default=0)")
    client.run("import asyncio\nawait asyncio.sleep(0)\nvariable.set(2);")
    assert client.run("variable.get()").result == "2"
    assert client.run("await asyncio.sleep(0)\nvariable.get()").result == "2"


def test_cells_run_one_after_another_also_when_they_await(client: Client) -> None:
    client.run("order = []")
    first = client.execute("import asyncio\nawait asyncio.sleep(0.2); order.append('first')")
    second = client.execute("order.append('second')")
    first.wait()
    second.wait()
    assert client.run("order").result == "['first', 'second']"


def test_an_exception_in_a_task_is_shown_and_survived(client: Client) -> None:
    client.run("import asyncio\nasync def bad(): 1/0\ntask = asyncio.create_task(bad())")
    client.run("await asyncio.sleep(0.01)")
    assert client.run("type(task.exception())").result == "ZeroDivisionError"


CANCEL_ALL = "for task in asyncio.all_tasks(): task.cancel()\n"


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (CANCEL_ALL, "ok"),
        (CANCEL_ALL + "await asyncio.sleep(60)", "error"),
        pytest.param(
            "await asyncio.sleep(0)\n" + CANCEL_ALL,
            "ok",
            marks=pytest.mark.ipykernel_differs("the reply does not come"),
        ),
    ],
)
def test_a_cell_may_cancel_all_tasks(client: Client, code: str, status: str) -> None:
    client.run("import asyncio, contextvars\nvariable = contextvars.ContextVar('variable')")
    client.run("variable.set(1)\nother = asyncio.create_task(asyncio.sleep(60))")
    cell = client.run(code, expect=status)
    if status == "error":
        assert cell.reply.content["ename"] == "CancelledError"
    assert client.run("await asyncio.wait([other])\nother.cancelled()").result == "True"
    assert client.run("variable.get()").result == "1"
    # Nothing is left of it that a timeout would take for its own.
    assert client.run("await asyncio.wait_for(asyncio.sleep(0, 2), 60)").result == "2"


def test_a_task_may_cancel_all_others(client: Client) -> None:
    client.run(
        "import asyncio\n"
        "async def end():\n"
        "    others = asyncio.all_tasks() - {asyncio.current_task()}\n"
        "    for task in others: task.cancel()\n"
        "    await asyncio.gather(*others, return_exceptions=True)\n"
        "asyncio.get_running_loop().call_later(0.05, lambda: asyncio.ensure_future(end()))\n"
        "sleeper = asyncio.create_task(asyncio.sleep(60));"
    )
    time.sleep(0.1)  # While nothing is asked of it.
    assert client.run("await asyncio.wait([sleeper])\nsleeper.cancelled()").result == "True"


@pytest.mark.ipykernel_differs("replies do not come")
def test_no_cell_is_lost_while_all_tasks_are_cancelled(client: Client) -> None:
    client.run(
        "import asyncio\n"
        "async def end():\n"
        "    while True:\n"
        "        for task in asyncio.all_tasks() - {asyncio.current_task()}: task.cancel()\n"
        "        await asyncio.sleep(0.0005)\n"
        "ending = asyncio.create_task(end())"
    )
    for number in range(200):
        assert client.run(f"{number}").result == str(number)
    client.run("ending.cancel()")


def test_asyncio_run_in_a_thread(client: Client) -> None:
    code = (
        "import asyncio, threading\n"
        "results = []\n"
        "async def f(): await asyncio.sleep(0); return 5\n"
        "thread = threading.Thread(target=lambda: results.append(asyncio.run(f())))\n"
        "thread.start(); thread.join(); results"
    )
    assert client.run(code).result == "[5]"


def test_asyncio_run_in_a_cell_says_why_not(client: Client) -> None:
    code = "import asyncio\nasync def f(): pass\ncoroutine = f()\nasyncio.run(coroutine)"
    cell = client.run(code, expect="error")
    assert "running event loop" in cell.reply.content["evalue"]
    client.run("coroutine.close()")


def test_autoawait_can_be_turned_off(client: Client) -> None:
    client.run("%autoawait False")
    cell = client.run("await f()", expect="error")
    client.run("%autoawait True")
    assert cell.reply.content["ename"] == "SyntaxError"


@pytest.mark.parametrize("code", ["asyncio.create_subprocess_exec('echo', 'child', stdout=-1)"])
def test_a_child_process_of_asyncio(client: Client, code: str) -> None:
    whole = f"import asyncio\nprocess = await {code}\n(await process.communicate())[0]"
    assert client.run(whole).result == "b'child\\n'"


def test_run_in_executor_keeps_the_kernel_answering(client: Client) -> None:
    code = (
        "import asyncio, time\n"
        "await asyncio.get_running_loop().run_in_executor(None, time.sleep, 0.05); 'slept'"
    )
    assert client.run(code).result == "'slept'"


def test_inside_of_an_async_cell_a_sync_one_cannot_begin(client: Client) -> None:
    client.run("import asyncio\nrelease = asyncio.Event()\nasked = asyncio.Event()")
    awaiting = client.execute(
        "asyncio.get_running_loop().call_later(0.2, release.set)\n"
        "print('begun'); await release.wait(); seen = globals().get('intruder')"
    ).wait_for_text("begun")
    intruder = client.execute("intruder = 'ran'")
    awaiting.wait()
    intruder.wait()
    assert client.run("seen").result is None
