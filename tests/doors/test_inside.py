"""What programs do to their process works in a kernel, through either door."""

from __future__ import annotations

import pytest
from harness import Kernel, wait_until

from .places import Place

# The first test of an interpreter installs what ipyrust needs there.
pytestmark = pytest.mark.timeout(600, method="signal")

# Each is a cell whose last expression is the answer. They run one after the other in one kernel.
CELLS = {
    "fork": """
import os
child = os.fork()
if not child:
    os._exit(7)
os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
""",
    "multiprocessing": """
import math, multiprocessing
answers = []
for method in ("fork", "spawn", "forkserver"):
    with multiprocessing.get_context(method).Pool(1) as pool:
        answers.append(pool.apply(math.factorial, (5,)))
answers == [120, 120, 120]
""",
    "subprocess": """
import subprocess, sys
code = "import sys; print(sys.executable, sys.prefix, *(p for p in sys.path if p), sep='\\\\n')"
child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
ours = [sys.executable, sys.prefix, *(p for p in sys.path if p)]
child.stdout.splitlines() == ours and child.returncode == 0
""",
    "a module as a program": """
import subprocess, sys
child = subprocess.run([sys.executable, "-m", "ipyrust", "--version"], capture_output=True)
child.returncode == 0
""",
    "numpy": """
import numpy
float((numpy.ones((40, 40)) @ numpy.ones((40, 40))).sum()) == 64000.0
""",
    "ssl": """
import ssl
ssl.create_default_context().check_hostname and ssl.RAND_bytes(4) != b""
""",
    "sqlite3": """
import sqlite3
sqlite3.connect(":memory:").execute("select 6 * 7").fetchone() == (42,)
""",
    "ctypes": """
import ctypes, sys
version = ctypes.pythonapi.Py_GetVersion
version.restype = ctypes.c_char_p
callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(lambda number: number + 1)
version().decode() == sys.version and callback(41) == 42
""",
    "threads": """
import threading
answers = []
threads = [threading.Thread(target=answers.append, args=(n,)) for n in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
sorted(answers) == list(range(8)) and threading.main_thread() is threading.current_thread()
""",
    "deep recursion": """
def depth(n):
    try:
        return depth(n + 1)
    except RecursionError:
        return n
depth(0) > 500
""",
    "a closed pipe": """
import os
reading, writing = os.pipe()
os.close(reading)
try:
    os.write(writing, b"x")
except BrokenPipeError:
    caught = True
os.close(writing)
caught
""",
}


def test_what_programs_do_works(place: Place, open_kernel: Kernel) -> None:
    with open_kernel.client() as client:
        answers = {name: client.run(code).result for name, code in CELLS.items()}
    assert answers == dict.fromkeys(CELLS, "True")


def test_an_interrupt_reaches_a_cell_and_the_kernel_goes_on(
    place: Place, open_kernel: Kernel
) -> None:
    with open_kernel.client() as client:
        for code in (
            "import time; print('running', flush=True); time.sleep(600)",
            # In a function: on CPython 3.13.0 an interrupt can escape a `try` around `while: pass`.
            "def spin():\n    while True: pass\nprint('running', flush=True); spin()",
        ):
            cell = client.execute(code).wait_for_text("running")
            open_kernel.interrupt()
            assert cell.wait().reply.content["ename"] == "KeyboardInterrupt"
        assert client.run("6 * 7").result == "42"


def test_the_process_ends_when_it_is_asked_to(place: Place, open_kernel: Kernel) -> None:
    with open_kernel.client() as client:
        marker = open_kernel.directory / "marker"
        client.run(f"import atexit, pathlib; atexit.register(pathlib.Path({str(marker)!r}).touch)")
        client.send("control", "shutdown_request", {"restart": False})
        assert open_kernel.wait_for_exit() == 0
    wait_until(marker.exists, "what runs at exit")
