"""What the kernel loads and makes late is there for everybody who asks for it."""

from __future__ import annotations

import pytest
from harness import Client, Kernel, StartKernel


@pytest.fixture
def client(fresh_kernel: Kernel) -> Client:
    return fresh_kernel.client()


def value(client: Client, code: str) -> object:
    cell = client.run(code)
    assert cell.result is not None
    return eval(cell.result)


@pytest.mark.ipyrust_only("another kernel may load what warns")
def test_the_shell_is_made_without_a_warning(start_kernel: StartKernel) -> None:
    client = start_kernel(environment={"PYTHONWARNINGS": "error::UserWarning"}).client()
    assert client.run("1").result == "1"


@pytest.mark.ipykernel_differs("it loads and makes all at the start")
def test_a_kernel_that_only_computes_has_loaded_little(client: Client) -> None:
    heavy = ["_ssl", "debugpy", "socketserver"]  # Whatever the IPython.
    code = f"import sys; [name for name in {heavy} if name in sys.modules]"
    # What this environment's `sitecustomize` and the like have loaded is not ours.
    assert value(client, code) == []


def test_modules_are_what_they_are_everywhere(client: Client) -> None:
    code = (
        "import json, locale, pdb, shutil, ssl, sys, tempfile, uuid\n"
        "from ssl import SSLError\n"
        "import logging.config, traitlets.config.application as application\n"
        "(json.loads('[1]'), shutil.__name__, issubclass(ssl.SSLError, OSError),"
        " ssl.SSLError is SSLError, len(str(uuid.uuid4())), len(tempfile.gettempdir()) > 0,"
        " locale.getlocale() != 1, callable(logging.config.fileConfig),"
        " callable(application.dictConfig), 'IPython' in pdb.Pdb.__module__,"
        " {type(module).__name__ for module in (json, pdb, shutil, ssl, tempfile, uuid)})"
    )
    expected = ([1], "shutil", True, True, 36, True, True, True, True, True, {"module"})
    assert value(client, code) == expected


def test_signals_are_enumerations_everywhere(client: Client) -> None:
    code = (
        "import os, signal\n"
        "seen = []\n"
        "before = signal.signal(signal.SIGUSR2, lambda number, frame: seen.append(number))\n"
        "os.kill(os.getpid(), signal.SIGUSR2)\n"
        "(signal.SIGUSR2.name, before is signal.SIG_DFL, seen == [signal.SIGUSR2],"
        " signal.Signals(2).name, signal.SIGTERM in signal.valid_signals())"
    )
    assert value(client, code) == ("SIGUSR2", True, True, "SIGINT", True)


def test_names_are_what_they_are_everywhere(client: Client) -> None:
    code = (
        "import asyncio, enum, inspect, pathlib, socket, subprocess\n"
        "import asyncio.subprocess, IPython.display, IPython.core.interactiveshell as shell\n"
        "from IPython.utils import PyColorize\n"
        "from IPython.core import display_functions, page\n"
        "(asyncio.subprocess.PIPE == subprocess.PIPE,"
        " asyncio.subprocess.STDOUT == subprocess.STDOUT,"
        " asyncio.subprocess.DEVNULL == subprocess.DEVNULL,"
        " isinstance(socket.AF_INET6, enum.IntEnum), socket.socket.__module__,"
        " IPython.display.display is display_functions.display is shell.display is display,"
        " callable(IPython.display.HTML), callable(PyColorize.Parser), callable(page.page),"
        " pathlib.Path('/a b').as_uri(),"
        " {type(module).__name__ for module in (socket, subprocess, IPython.display, PyColorize)})"
    )
    expected = (True, True, True, True, "socket", True, True, True, True, "file:///a%20b")
    assert value(client, code) == (*expected, {"module"})


def test_processes_and_sockets_of_asyncio_work(client: Client) -> None:
    code = (
        "import asyncio, sys\n"
        "async def answer(reader, writer):\n"
        "    writer.write(await reader.readline())\n"
        "    writer.close()\n"
        "server = await asyncio.start_server(answer, '127.0.0.1', 0)\n"
        "port = server.sockets[0].getsockname()[1]\n"
        "reader, writer = await asyncio.open_connection('127.0.0.1', port)\n"
        "writer.write(b'line\\n')\n"
        "line = await reader.readline()\n"
        "server.close()\n"
        "process = await asyncio.create_subprocess_exec(\n"
        "    sys.executable, '-c', 'print(1)', stdout=asyncio.subprocess.PIPE)\n"
        "output, _ = await process.communicate()\n"
        "(line, output)"
    )
    assert value(client, code) == (b"line\n", b"1\n")


def test_a_thread_wakes_the_loop(client: Client) -> None:
    code = (
        "import asyncio, threading, time\n"
        "loop, woken = asyncio.get_running_loop(), asyncio.Event()\n"
        "threading.Timer(0.05, loop.call_soon_threadsafe, (woken.set,)).start()\n"
        "await woken.wait()\n"
        "type(loop) is asyncio.SelectorEventLoop"
    )
    assert value(client, code) is True


def test_a_pool_that_is_made_late_works_for_its_cell(client: Client) -> None:
    client.run("from concurrent.futures import ThreadPoolExecutor; pool = ThreadPoolExecutor(1)")
    cell = client.run("pool.submit(print, 'pooled').result()")
    assert cell.text() == "pooled\n"


@pytest.mark.ipykernel_differs("it makes all at the start")
def test_the_inspector_is_made_by_the_first_question(client: Client) -> None:
    # IPython 8 makes its inspector by another way, and that one at the start.
    code = (
        "import IPython\n"
        "names = ['pycolorize', 'inspector'][:1 + (IPython.version_info[0] > 8)]\n"
        "[name for name in names if name in vars(get_ipython())]"
    )
    assert value(client, code) == []
    reply = client.request("inspect_request", {"code": "len", "cursor_pos": 3})
    assert "Return the number of items" in reply.content["data"]["text/plain"]
    assert value(client, "get_ipython().inspector is get_ipython().inspector") is True
    assert "1" in str(value(client, "get_ipython().pycolorize('a = 1')"))


def test_the_inspectors_class_can_be_chosen(start_kernel: StartKernel) -> None:
    client = start_kernel().client()
    code = (
        "from IPython.core.oinspect import Inspector\n"
        "shell = get_ipython()\n"
        "(shell.inspector_class is Inspector, type(shell.inspector) is Inspector,"
        " 'inspector_class' in shell.class_trait_names(config=True))"
    )
    assert value(client, code) == (True, True, True)
    with_bad_class = "get_ipython().inspector_class = int"
    error = client.run(with_bad_class, expect="error").of_type("error")[0].content
    assert error["ename"] == "TraitError"


def test_colours_can_be_changed_before_they_are_used(client: Client) -> None:
    code = (
        "shell = get_ipython()\n"
        "import IPython\n"
        "shell.colors = 'nocolor' if IPython.version_info[0] > 8 else 'NoColor'\n"
        "'\\x1b' in shell.pycolorize('a = 1')"
    )
    assert value(client, code) is False


def test_the_debugger_that_comes_first_is_the_same(client: Client) -> None:
    code = (
        "from IPython.core import debugger\nfrom IPython.core.debugger import Pdb\nimport pdb\n"
        "pdb.Pdb is debugger.Pdb is Pdb"
    )
    assert value(client, code) is True


def test_the_traceback_handlers_can_be_configured_before_the_first_error(client: Client) -> None:
    client.run("get_ipython().InteractiveTB.set_mode('Plain'); get_ipython().SyntaxTB;")
    error = client.run("1/0", expect="error").of_type("error")[0].content
    assert "Traceback" in error["traceback"][0]
    assert "ZeroDivisionError" in error["traceback"][-1]


def test_a_custom_handler_set_before_the_first_error_is_used(client: Client) -> None:
    code = (
        "def handler(shell, kind, error, traceback, tb_offset=None):\n"
        "    print('handled', kind.__name__)\n"
        "get_ipython().set_custom_exc((ZeroDivisionError,), handler)"
    )
    client.run(code)
    client.run("get_ipython().InteractiveTB;")
    assert "handled ZeroDivisionError" in client.execute("1/0").wait().text()


def test_the_completer_is_offered_for_configuration(client: Client) -> None:
    code = "'IPCompleter' in [type(c).__name__ for c in get_ipython().configurables]"
    assert value(client, code) is True
    client.run("%config IPCompleter.use_jedi = False")
    assert value(client, "get_ipython().Completer.use_jedi") is False


def test_completers_that_are_added_before_the_first_completion_are_asked(client: Client) -> None:
    code = (
        "ip = get_ipython()\n"
        "ip.set_hook('complete_command', lambda self, event: ['hooked'], str_key='%mine')\n"
        "ip.set_custom_completer(lambda self, text: ['customised'])"
    )
    client.run(code)
    reply = client.request("complete_request", {"code": "%mine ", "cursor_pos": 6})
    assert "hooked" in reply.content["matches"]
    assert "customised" in value(client, "ip.Completer.all_completions('custom')")  # type: ignore[operator]


def test_errors_of_threads_at_once_are_all_shown(start_kernel: StartKernel) -> None:
    client = start_kernel().client()
    code = (
        "import threading\n"
        "def fail():\n"
        "    try: 1/0\n"
        "    except ZeroDivisionError: get_ipython().InteractiveTB.structured_traceback("
        "*__import__('sys').exc_info()); good.append(1)\n"
        "good = []\n"
        "threads = [threading.Thread(target=fail) for _ in range(4)]\n"
        "[t.start() for t in threads]; [t.join() for t in threads]\n"
        "len(good)"
    )
    assert value(client, code) == 4


@pytest.mark.parametrize("error", ["KeyboardInterrupt", "OSError"])
def test_what_failed_to_be_made_is_made_at_the_next_question(
    fresh_client: Client, error: str
) -> None:
    """A person interrupts once more, or there is no descriptor left to read a file with."""
    fresh_client.run(
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "make = InteractiveShell.init_traceback_handlers\n"
        "def fail(*arguments):\n"
        "    InteractiveShell.init_traceback_handlers = make\n"
        f"    raise {error}\n"
        "InteractiveShell.init_traceback_handlers = fail"
    )
    fresh_client.execute("1/0").wait()
    cell = fresh_client.run("1/0", expect="error")
    assert cell.text() == cell.text("stderr") == ""
    assert "ZeroDivisionError" in cell.one("error").content["traceback"][-1]
