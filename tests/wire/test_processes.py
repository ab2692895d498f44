"""Child processes: fork, multiprocessing in all its ways, shells, and who cleans up."""

from __future__ import annotations

import sys

import pytest
from harness import Client, Kernel

# A module that spawned children can import, as they must.
MODULE = "import os\ndef square(n):\n    return n * n, os.getpid() != {pid}\n"


def test_a_forked_child_writes_to_the_cell(client: Client) -> None:
    code = (
        "import os, sys\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    print('from the child'); sys.stdout.flush(); os._exit(7)\n"
        "print('status', os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))"
    )
    cell = client.run(code)
    cell.wait_for_text("from the child\n")
    assert "status 7\n" in cell.text()


def test_a_forked_child_that_ends_normally_leaves_the_kernel_alone(client: Client) -> None:
    code = (
        "import multiprocessing\n"
        "child = multiprocessing.get_context('fork').Process(target=print, args=('in child',))\n"
        "child.start(); child.join(); child.exitcode"
    )
    cell = client.run(code)
    assert cell.result == "0"
    cell.wait_for_text("in child\n")
    assert client.run("1").result == "1"


@pytest.mark.both_doors
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_pool_of_processes(kernel: Kernel, client: Client, method: str) -> None:
    (kernel.directory / "squares.py").write_text(MODULE.format(pid=kernel.pid))
    code = (
        "import sys, multiprocessing\n"
        f"sys.path.insert(0, {str(kernel.directory)!r})\n"
        "import squares\n"
        f"with multiprocessing.get_context({method!r}).Pool(2) as pool:\n"
        "    results = pool.map(squares.square, range(5))\n"
        "results == [(n * n, True) for n in range(5)]"
    )
    assert client.run(code).result == "True"


def test_a_pool_runs_functions_of_the_cell_when_forked(client: Client) -> None:
    code = (
        "from concurrent.futures import ProcessPoolExecutor\nimport multiprocessing\n"
        "def double(n): return 2 * n\n"
        "context = multiprocessing.get_context('fork')\n"
        "with ProcessPoolExecutor(2, mp_context=context) as pool:\n"
        "    results = list(pool.map(double, range(3)))\n"
        "results"
    )
    assert client.run(code).result == "[0, 2, 4]"


def test_forked_children_that_print_much(client: Client) -> None:
    code = (
        "import multiprocessing\n"
        "def speak(n):\n"
        "    for k in range(200): print(f'<{n}.{k}>')\n"
        "context = multiprocessing.get_context('fork')\n"
        "children = [context.Process(target=speak, args=(n,)) for n in range(4)]\n"
        "[child.start() for child in children]\n"
        "[child.join() for child in children]\n"
        "[child.exitcode for child in children]"
    )
    cell = client.run(code)
    assert cell.result == "[0, 0, 0, 0]"
    for n in range(4):
        cell.wait_for_text(f"<{n}.199>")
        positions = [cell.text().index(f"<{n}.{k}>") for k in range(200)]
        assert positions == sorted(positions)


def test_exceptions_in_a_pool_come_back(client: Client) -> None:
    code = (
        "import multiprocessing\n"
        "def fail(n): raise ValueError(n)\n"
        "with multiprocessing.get_context('fork').Pool(1) as pool: pool.map(fail, [3])"
    )
    assert client.run(code, expect="error").reply.content["ename"] == "ValueError"
    assert client.run("1").result == "1"


def test_fork_from_a_thread(client: Client) -> None:
    code = (
        "import os, threading\n"
        "statuses = []\n"
        "def fork():\n"
        "    child = os.fork()\n"
        "    if not child: os._exit(3)\n"
        "    statuses.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
        "thread = threading.Thread(target=fork)\n"
        "thread.start(); thread.join(); statuses"
    )
    assert client.run(code).result == "[3]"
    assert client.run("1").result == "1"


def test_a_forked_child_that_executes_something_else(client: Client) -> None:
    code = (
        "import os\n"
        "child = os.fork()\n"
        "if not child: os.execvp('sh', ['sh', '-c', 'echo replaced; exit 4'])\n"
        "print('status', os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))"
    )
    cell = client.run(code)
    cell.wait_for_text("replaced\n")
    cell.wait_for_text("status 4\n")


def test_a_child_can_be_terminated(client: Client) -> None:
    code = (
        "import multiprocessing, time\n"
        "child = multiprocessing.get_context('fork').Process(target=time.sleep, args=(1000,))\n"
        "child.start(); child.terminate(); child.join(); child.exitcode"
    )
    assert client.run(code).result == "-15"


def test_signals_of_a_forked_child_are_as_in_any_python(client: Client) -> None:
    """Libraries compare the handlers; asyncio cancels what `asyncio.run` runs if it is Python's."""
    code = (
        "import asyncio, multiprocessing, os, signal\n"
        "read, write = os.pipe()\n"
        "async def wait():\n"
        "    os.write(write, b'.')\n"
        "    try: await asyncio.sleep(1000)\n"
        "    except asyncio.CancelledError: print('cancelled', flush=True); raise\n"
        "def work():\n"
        "    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler\n"
        "    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL\n"
        "    asyncio.run(wait())\n"
        "child = multiprocessing.get_context('fork').Process(target=work)\n"
        "child.start(); os.read(read, 1)\n"
        "os.kill(child.pid, signal.SIGINT); child.join()"
    )
    cell = client.run(code)
    cell.wait_for_text("KeyboardInterrupt\n", "stderr")
    assert "ipyrust" not in cell.text("stderr")
    if sys.version_info >= (3, 11):
        cell.wait_for_text("cancelled\n")


def test_shell_commands(client: Client) -> None:
    assert client.run("!echo one; echo two").text().replace("\r", "") == "one\ntwo\n"
    assert client.run("lines = !printf 'a\\nb\\n'\nlines").result == "['a', 'b']"
    client.run("word = 'given'")
    assert client.run("!echo {word} $word").text().strip() == "given given"


def test_a_failed_shell_command_sets_the_exit_code(client: Client) -> None:
    client.run("!exit 3")
    assert client.run("_exit_code").result == "3"


def test_the_bash_magic(client: Client) -> None:
    cell = client.run("%%bash\necho out\necho err >&2")
    assert cell.text() == "out\n"
    assert cell.text("stderr") == "err\n"


def test_a_failed_bash_cell_is_an_error(client: Client) -> None:
    cell = client.run("%%bash\nexit 5", expect="error")
    assert cell.reply.content["ename"] == "CalledProcessError"


def test_other_script_magics(client: Client) -> None:
    cell = client.run("%%script python3 -u --\nprint(6 * 7)")
    assert cell.text() == "42\n"


def test_the_standard_input_of_a_child_is_empty(client: Client) -> None:
    code = "import subprocess\nsubprocess.run(['cat'], capture_output=True, timeout=50).stdout"
    assert client.run(code).result == "b''"


def test_children_do_not_inherit_the_sockets(client: Client) -> None:
    code = (
        "import subprocess\n"
        "listing = subprocess.run(['ls', '-l', '/proc/self/fd'], capture_output=True, text=True)\n"
        "listing.stdout.count('socket:')"
    )
    assert client.run(code).result == "0"
