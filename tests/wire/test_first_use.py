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
