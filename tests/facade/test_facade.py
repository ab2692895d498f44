"""`ipykernel` for the libraries that ask for it by name, with and without the real package.

The checks are those of the libraries, in their own words; the libraries themselves are run
elsewhere. Whether ipykernel is installed is decided by a directory on the path of the kernel.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import Client, StartKernel

pytestmark = pytest.mark.ipyrust_only("ipykernel needs no facade")


@pytest.fixture(scope="module")
def code_without_ipykernel() -> str:
    """Code that hides an installed ipykernel from a kernel's path."""
    return (
        "import sys, importlib.machinery as _m\n"
        "class _Hidden(_m.PathFinder):\n"
        "    @classmethod\n"
        "    def find_spec(cls, name, path=None, target=None):\n"
        "        if name.partition('.')[0] == 'ipykernel': return None\n"
        "        return super().find_spec(name, path, target)\n"
        "sys.meta_path[:] = [_Hidden if f is _m.PathFinder else f for f in sys.meta_path]\n"
    )


@pytest.fixture
def alone(client: Client, code_without_ipykernel: str) -> Client:
    """A client of a kernel without ipykernel."""
    client.run(code_without_ipykernel)
    return client


# The check of each library, and what it must give.
CHECKS = {
    "vscode": (
        "import re, ipykernel\n"
        "version = ipykernel.__version__\n"
        r"bool(re.match(r'^\d+\.\d+\.\d+$', version)) and int(version.split('.')[0]) >= 6"
    ),
    "version_info": "import ipykernel; ipykernel.version_info >= (6, 0, 0)",
    "tqdm": "import sys; 'ipykernel.zmqshell' in sys.modules",
    "tqdm_old": "'IPKernelApp' in get_ipython().config",
    "plotly": (
        "shell = get_ipython()\n"
        "shell.__class__.__name__ == 'ZMQInteractiveShell' and "
        "shell.__class__.__module__.startswith('ipykernel.')"
    ),
    "isinstance": (
        "from ipykernel.zmqshell import ZMQInteractiveShell\n"
        "isinstance(get_ipython(), ZMQInteractiveShell)"
    ),
    "wandb": (
        "import ipykernel.connect, os\n"
        "path = ipykernel.connect.get_connection_file()\n"
        "os.path.samefile(path, get_ipython().config['IPKernelApp']['connection_file'])"
    ),
    "connection_info": (
        "from ipykernel import get_connection_info\n"
        "info = get_connection_info(unpack=True)\n"
        "isinstance(info['key'], bytes) and isinstance(info['shell_port'], int)"
    ),
    "panel": (
        "from ipykernel.comm import Comm, CommManager\n"
        "from ipykernel.kernelbase import Kernel\n"
        "Kernel.initialized() and Kernel._instance is get_ipython().kernel"
        " and Kernel.instance() is get_ipython().kernel"
    ),
    "ipython_kernel": (
        "from ipykernel.ipkernel import IPythonKernel\n"
        "isinstance(get_ipython().kernel, IPythonKernel)"
    ),
    "application": (
        "from ipykernel.kernelapp import IPKernelApp\n"
        "IPKernelApp.initialized() and IPKernelApp.instance().kernel is get_ipython().kernel"
    ),
    "click": "import sys; type(sys.stderr).__module__.startswith('ipykernel.')",
    "streams": (
        "import sys\nfrom ipykernel.iostream import OutStream\nisinstance(sys.stdout, OutStream)"
    ),
    "displayhook": (
        "from ipykernel.displayhook import ZMQShellDisplayHook\n"
        "isinstance(get_ipython().displayhook, ZMQShellDisplayHook)"
    ),
    "display_publisher": (
        "from ipykernel.zmqshell import ZMQDisplayPublisher\n"
        "isinstance(get_ipython().display_pub, ZMQDisplayPublisher)"
    ),
    "json": (
        "from ipykernel.jsonutil import json_clean, encode_images\n"
        "json_clean({'a': (1, 2)}) == {'a': [1, 2]} and "
        "encode_images({'image/png': b'x'}) == {'image/png': 'eA=='}"
    ),
    "inline": (
        "from ipykernel.pylab.backend_inline import flush_figures\n"
        "import matplotlib_inline.backend_inline as real\n"
        "flush_figures is real.flush_figures"
    ),
    "event_loops": (
        "from ipykernel.eventloops import enable_gui, register_integration, loop_map\n"
        "callable(enable_gui) and callable(register_integration)"
    ),
    "embed": "from ipykernel.embed import embed_kernel; callable(embed_kernel)",
    "colab": (
        "from ipykernel.compiler import get_file_name\n"
        "get_file_name('x') == __import__('ipyrust.debugger.cells', fromlist=['x'])"
        ".cell_file_name('x')"
    ),
    "attributes": "import ipykernel, ipykernel.comm.manager; ipykernel.comm.manager.CommManager",
}


@pytest.mark.parametrize("library", CHECKS)
def test_the_checks_of_libraries(alone: Client, library: str) -> None:
    result = alone.run(CHECKS[library]).result
    assert result == "True" or library == "attributes"


def test_what_is_not_there_is_an_import_error(alone: Client) -> None:
    cell = alone.run("import ipykernel.no_such_module", expect="error")
    assert cell.reply.content["ename"] == "ModuleNotFoundError"
    cell = alone.run("from ipykernel.iostream import IOPubThread", expect="error")
    assert cell.reply.content["ename"] == "ImportError"


def test_a_module_whose_library_is_missing_keeps_no_traceback_from_being_shown(
    alone: Client,
) -> None:
    alone.run("sys.modules['matplotlib_inline.backend_inline'] = None")
    missing = alone.run("from ipykernel.pylab.backend_inline import show", expect="error")
    assert missing.reply.content["ename"] == "ImportError"
    # A frame whose module is looked for among all that are loaded.
    failed = alone.run("exec(compile('1/0', '<frozen>', 'exec'))", expect="error")
    assert failed.types == ["error"]
    assert failed.reply.content["traceback"]


def test_bokehs_comm(alone: Client) -> None:
    cell = alone.run(
        "from ipykernel.comm import Comm\n"
        "comm = Comm(target_name='bokeh')\n"
        "comm.send('text')\n"
        "comm.send({'a': 1}, buffers=[b'binary'])\n"
        "comm.close()"
    )
    opened, first, second, closed = (m for m in cell.published if m.type.startswith("comm_"))
    assert (opened.type, opened.content["target_name"]) == ("comm_open", "bokeh")
    assert first.content["data"] == "text"
    assert (second.content["data"], second.buffers) == ({"a": 1}, [b"binary"])
    assert closed.type == "comm_close"


def test_panels_kernel_sends_by_another_way(alone: Client) -> None:
    cell = alone.run(
        "from ipykernel.comm import Comm, CommManager\n"
        "from ipykernel.kernelbase import Kernel\n"
        "sent = []\n"
        "class Session:\n"
        "    def send(self, stream, msg_or_type, content=None, parent=None, ident=None, **more):\n"
        "        sent.append((stream, msg_or_type, content['data']))\n"
        "class OtherKernel(Kernel):\n"
        "    implementation = 'panel'\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.session = Session()\n"
        "        self.iopub_socket = 'elsewhere'\n"
        "        self.comm_manager = CommManager(parent=self, kernel=self)\n"
        "        self.shell = None\n"
        "        self.shell_handlers['comm_msg'] = self.comm_manager.comm_msg\n"
        "ours, Kernel._instance = Kernel._instance, OtherKernel()\n"
        "comm = Comm(target_name='t'); comm.send({'n': 1}); comm.close()\n"
        "Kernel._instance = ours\n"
        "sent"
    )
    assert not [m for m in cell.published if m.type.startswith("comm_")]
    assert cell.result == (
        "[('elsewhere', 'comm_open', {}),\n"
        " ('elsewhere', 'comm_msg', {'n': 1}),\n"
        " ('elsewhere', 'comm_close', {})]"
    )


def test_ipyparallels_thread_works_for_the_cell_that_ran_last(alone: Client) -> None:
    cell = alone.run(
        "import sys, threading\n"
        "begin, end = threading.Event(), threading.Event()\n"
        "def work():\n"
        "    for stream in (sys.stdout, sys.stderr):\n"
        "        stream._thread_to_parent.pop(threading.current_thread().ident, None)\n"
        "    begin.wait(); print('from the thread'); display('shown'); end.set()\n"
        "threading.Thread(target=work, daemon=True).start()"
    )
    later = alone.run("begin.set(); end.wait()")
    later.wait_for("display_data")
    assert later.text() == "from the thread\n"
    assert not cell.types


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A directory with a package that stands for an installed ipykernel."""
    package = tmp_path / "ipykernel"
    package.mkdir()
    (package / "__init__.py").write_text("__version__ = '99.0.0'\n")
    (package / "zmqshell.py").write_text("ZMQInteractiveShell = 'the real one'\n")
    singleton = (
        "from traitlets.config import SingletonConfigurable\n"
        "class {name}(SingletonConfigurable): pass\n"
    )
    (package / "kernelbase.py").write_text(singleton.format(name="Kernel"))
    (package / "kernelapp.py").write_text(singleton.format(name="IPKernelApp"))
    (package / "iostream.py").write_text("import io\nclass OutStream(io.TextIOBase): pass\n")
    return tmp_path


@pytest.mark.parametrize(("choice", "version"), [("", "99.0.0"), ("1", "7.4.0"), ("0", "99.0.0")])
def test_an_installed_ipykernel_is_left_alone_unless_ours_is_chosen(
    start_kernel: StartKernel, installed: Path, choice: str, version: str
) -> None:
    environment = {"PYTHONPATH": str(installed), "IPYRUST_FACADE": choice}
    with start_kernel(environment=environment).client() as client:
        client.run("import sys; loaded = {m for m in sys.modules if m.startswith('ipykernel')}")
        assert client.run("loaded - {'ipykernel.zmqshell'}").result == "set()"
        assert client.run("import ipykernel; ipykernel.__version__").result == repr(version)
        code = "import ipykernel.zmqshell as m; m.ZMQInteractiveShell == 'the real one'"
        assert client.run(code).result == str(choice != "1")
        code = "import ipykernel.eventloops"
        cell = client.run(code, expect="ok" if choice == "1" else "error")
        if choice != "1":
            assert cell.reply.content["ename"] == "ModuleNotFoundError"


def test_an_installed_ipykernel_knows_the_running_kernel(
    start_kernel: StartKernel, installed: Path
) -> None:
    with start_kernel(environment={"PYTHONPATH": str(installed)}).client() as client:
        checks = (
            "import ipykernel; ipykernel.iostream.__name__ == 'ipykernel.iostream'",
            "ipykernel.kernelbase.Kernel.instance() is get_ipython().kernel",
            "ipykernel.kernelapp.IPKernelApp.initialized()",
            "ipykernel.kernelapp.IPKernelApp.instance() is get_ipython().kernel.app",
            "import sys; isinstance(sys.stdout, ipykernel.iostream.OutStream)",
            "import io; not isinstance(io.StringIO(), ipykernel.iostream.OutStream)",
            "class Other(ipykernel.kernelbase.Kernel): pass\nOther() is not None",
            "not isinstance(get_ipython().kernel, Other)",
        )
        for check in checks:
            assert client.run(check).result == "True", check


def test_the_facade_costs_nothing_at_the_start(start_kernel: StartKernel) -> None:
    with start_kernel().client() as client:
        code = "import sys; sorted(m for m in sys.modules if 'facade' in m)"
        assert client.run(code).result == "['ipyrust.facade']"
