"""Text of cells: whole, in order, live, in few messages, whoever wrote it and however."""

from __future__ import annotations

import time

import pytest
from harness import Client, Execution, Kernel, StartKernel


def number_of_messages(cell: Execution) -> int:
    return len(cell.of_type("stream"))


def test_text_of_both_streams(client: Client) -> None:
    cell = client.run("import sys\nprint('out')\nprint('err', file=sys.stderr)")
    assert (cell.text(), cell.text("stderr")) == ("out\n", "err\n")


def test_one_print_is_one_message(client: Client) -> None:
    assert number_of_messages(client.run("print('a', 'b', 3)")) == 1


def test_text_of_any_kind(client: Client) -> None:
    text = "ä€😀\t\x00\x1b[31mred\x1b[0m\r\n\\ \x7f"
    assert client.run(f"print({text!r}, end='')").text() == text


def test_text_is_live(client: Client) -> None:
    cell = client.execute("print('early')\nimport time; time.sleep(1000)")
    cell.wait_for_text("early\n")
    assert not client.has_reply(cell.request)
    client.request("interrupt_request", channel="control")
    cell.wait()


def test_text_is_live_while_the_cell_computes(client: Client) -> None:
    cell = client.execute("print('early')\nwhile True: pass")
    cell.wait_for_text("early\n")
    client.request("interrupt_request", channel="control")
    cell.wait()


def test_a_line_that_is_not_finished_is_shown(client: Client) -> None:
    cell = client.execute("print('no end', end='')\nimport time; time.sleep(1000)")
    cell.wait_for_text("no end")
    client.request("interrupt_request", channel="control")
    cell.wait()


def test_a_hundred_thousand_prints_are_whole_in_few_messages(client: Client) -> None:
    cell = client.run("for n in range(100_000): print(n)")
    assert cell.text() == "".join(f"{n}\n" for n in range(100_000))
    assert number_of_messages(cell) < 500


def test_prints_that_flush_are_whole(client: Client) -> None:
    cell = client.run("for n in range(2000): print(n, flush=True)")
    assert cell.text() == "".join(f"{n}\n" for n in range(2000))


@pytest.mark.ipykernel_differs("it sends a message for each, and waits for it")
def test_prints_that_flush_are_paced(client: Client) -> None:
    cell = client.run("for n in range(20_000): print(n, flush=True)")
    assert cell.text() == "".join(f"{n}\n" for n in range(20_000))
    assert number_of_messages(cell) < 1_000


def test_fifty_megabytes_are_whole(client: Client) -> None:
    cell = client.run("import sys\nfor n in range(800): print(f'{n:05}' + 'x' * 65_531)")
    text = cell.text()
    assert len(text) == 800 * 65_537
    assert [int(line[:5]) for line in text.splitlines()] == list(range(800))


@pytest.mark.ipykernel_differs("it joins each stream by itself")
def test_alternating_streams_keep_their_order(client: Client) -> None:
    code = "import sys\nfor n in range(10): print(n, file=(sys.stdout, sys.stderr)[n % 2])"
    cell = client.run(code)
    assert [m.content["text"] for m in cell.of_type("stream")] == [f"{n}\n" for n in range(10)]


WRITERS = {
    "os.write": "os.write(1, b'written\\n')",
    "os.system": "os.system('echo written')",
    "subprocess": "subprocess.run(['echo', 'written'])",
    "C library": "ctypes.CDLL(None).puts(b'written'); ctypes.CDLL(None).fflush(None)",
    "sys.__stdout__": "print('written', file=sys.__stdout__, flush=True)",
    "sys.stdout.buffer": "sys.stdout.buffer.write(b'written\\n'); sys.stdout.buffer.flush()",
}
IMPORTS = "import ctypes, os, subprocess, sys, threading, time\n"


@pytest.mark.both_doors
@pytest.mark.parametrize(
    "writer",
    [
        pytest.param(
            name,
            marks=pytest.mark.ipykernel_differs("its stdout has no buffer")
            if name == "sys.stdout.buffer"
            else (),
        )
        for name in WRITERS
    ],
)
def test_output_below_python_is_shown(client: Client, writer: str) -> None:
    cell = client.run(IMPORTS + WRITERS[writer] + ";")
    cell.wait_for_text("written\n")
    assert cell.text() == "written\n"


def test_the_error_descriptor_is_stderr(client: Client) -> None:
    cell = client.run("import os\nos.write(2, b'to the error descriptor\\n');")
    cell.wait_for_text("to the error descriptor\n", "stderr")


@pytest.mark.ipykernel_differs("descriptors are read by another thread")
@pytest.mark.parametrize("writer", ["os.write", "os.system", "subprocess", "C library"])
def test_output_below_python_is_in_order_with_pythons(client: Client, writer: str) -> None:
    code = f"for n in range(20):\n    print('before')\n    {WRITERS[writer]}\n    print('after')\n"
    cell = client.run(IMPORTS + code)
    assert cell.text() == "before\nwritten\nafter\n" * 20


@pytest.mark.ipykernel_differs("descriptors are read by another thread")
@pytest.mark.parametrize("writer", ["os.write", "os.system", "subprocess", "C library"])
def test_output_below_python_is_in_order_in_a_flood(client: Client, writer: str) -> None:
    # Who has asked in vain for long enough whether something was written asks no more.
    code = (
        "for n in range(4):\n"
        "    for _ in range(1_500): print('line')\n"
        f"    {WRITERS[writer]}\n"
        "    print('after')\n"
        f"    {WRITERS[writer]}\n"
    )
    for _ in range(2):
        cell = client.run(IMPORTS + code)
        assert cell.text() == ("line\n" * 1_500 + "written\nafter\nwritten\n") * 4


def test_output_below_python_is_shown_while_the_cell_runs_after_a_flood(
    kernel: Kernel, client: Client
) -> None:
    code = "for _ in range(2_000): print('line')\nos.write(2, b'below\\n'); time.sleep(60)"
    cell = client.execute(IMPORTS + code)
    cell.wait_for_text("below\n", "stderr")
    kernel.interrupt()
    assert cell.wait().status == "error"


def test_a_fork_after_a_flood_writes_and_the_parent_goes_on(client: Client) -> None:
    code = (
        "def flood():\n"
        "    for _ in range(2_000): print('line')\n"
        "flood()\n"
        "if (child := os.fork()) == 0:\n"
        "    print('child', flush=True); os._exit(0)\n"
        "os.waitpid(child, 0); flood()\n"
    )
    cell = client.run(IMPORTS + code).wait_for_text("child\n")
    assert cell.text().count("line\n") == 4_000


@pytest.mark.ipykernel_differs("descriptors are read by another thread")
def test_output_below_python_comes_before_the_idle(client: Client) -> None:
    for n in range(20):
        cell = client.run(f"import os\nos.write(1, b'number {n}\\n');")
        assert cell.text() == f"number {n}\n"


@pytest.mark.ipykernel_differs("descriptors are read by another thread")
def test_output_below_python_comes_before_a_display(client: Client) -> None:
    cell = client.run("import os\nos.write(1, b'first\\n')\ndisplay('second')")
    assert cell.types == ["stream", "display_data"]


def test_the_output_of_a_child_is_live(client: Client) -> None:
    # A program that has begun: a shell that is interrupted before it starts one waits for that.
    program = "import time; print('early', flush=True); time.sleep(1000)"
    command = f"shlex.join([sys.executable, '-c', {program!r}])"
    cell = client.execute(f"import os, shlex, sys\nos.system({command})")
    cell.wait_for_text("early\n")
    client.request("interrupt_request", channel="control")
    cell.wait()


def test_much_output_of_a_child_is_whole(client: Client) -> None:
    cell = client.run("import os\nos.system('seq 200000');")
    expected = "".join(f"{n}\n" for n in range(1, 200_001))
    client.wait(lambda: len(cell.text()) >= len(expected), "all of the child's output")
    assert cell.text() == expected


def test_bytes_that_are_no_text_are_shown_somehow(client: Client) -> None:
    cell = client.run("import os\nos.write(1, b'a\\xff\\xfeb \\xc3\\xa4\\n');")
    cell.wait_for_text("b ä\n")


@pytest.mark.ipykernel_differs("it decodes what it happens to have read")
def test_a_character_cut_in_two_writes_is_whole(client: Client) -> None:
    code = "import os, time\nos.write(1, b'\\xc3'); time.sleep(0.2); os.write(1, b'\\xa4\\n');"
    cell = client.run(code)
    cell.wait_for_text("\n")
    assert cell.text() == "ä\n"


def test_threads_write_to_the_cell_while_it_runs(client: Client) -> None:
    code = (
        "import threading\n"
        "def speak(n):\n"
        "    for k in range(200): print(f'<{n}.{k}>')\n"
        "threads = [threading.Thread(target=speak, args=(n,)) for n in range(8)]\n"
        "[t.start() for t in threads]\n"
        "[t.join() for t in threads];"
    )
    cell = client.run(code)
    words = cell.text().replace("\n", "").replace("><", ">\n<").splitlines()
    assert sorted(words) == sorted(f"<{n}.{k}>" for n in range(8) for k in range(200))


@pytest.mark.ipykernel_differs("it sends it to the latest cell")
def test_a_thread_writes_to_the_cell_that_started_it(client: Client) -> None:
    starter = client.run(
        "import threading\n"
        "go = threading.Event()\n"
        "def speak():\n    go.wait(); print('from the thread')\n"
        "thread = threading.Thread(target=speak); thread.start()"
    )
    other = client.run("go.set(); thread.join(); print('from the cell')")
    starter.wait_for_text("from the thread\n")
    assert other.text() == "from the cell\n"


@pytest.mark.ipykernel_differs("it sends it to the latest cell")
def test_the_threads_of_a_pool_write_to_the_cell_that_started_them(client: Client) -> None:
    starter = client.run(
        "from concurrent.futures import ThreadPoolExecutor\n"
        "import threading\n"
        "go = threading.Event()\n"
        "pool = ThreadPoolExecutor(1)\n"
        "def speak(): go.wait(); print('from the pool')\n"
        "future = pool.submit(speak)"
    )
    client.run("go.set(); future.result(); pool.shutdown()")
    starter.wait_for_text("from the pool\n")


def test_text_after_the_cell_is_not_lost(client: Client) -> None:
    cell = client.run(
        "import threading\n"
        "go = threading.Event()\n"
        "def speak(): go.wait(); print('late')\n"
        "thread = threading.Thread(target=speak); thread.start()"
    )
    client.run("go.set()")
    client.wait_message(
        "iopub",
        lambda m: m.type == "stream" and m.content["text"] == "late\n",
        "the text of the thread",
    )
    assert cell.status == "ok"


@pytest.mark.ipykernel_differs("it loses up to 72 % and `idle` with it")
def test_a_paused_subscriber_loses_nothing(start_kernel: StartKernel) -> None:
    kernel = start_kernel(transport="tcp")
    client = kernel.client(receive_limit=1000)
    code = (
        "from IPython.display import display\n"
        "for n in range(3000): print(f'line {n} ' + 'x' * 1000); display(n)"
    )
    cell = client.execute(code)
    cell.wait_for("display_data")
    # It is the pause that is tested: two seconds in which nobody takes anything.
    pause_until = time.monotonic() + 2
    while time.monotonic() < pause_until:
        client.pump(0.1, channels=["shell", "control"])
    cell.wait()
    assert cell.text() == "".join(f"line {n} {'x' * 1000}\n" for n in range(3000))
    assert len(cell.of_type("display_data")) == 3000


def test_the_kernel_answers_while_a_subscriber_is_paused(start_kernel: StartKernel) -> None:
    kernel = start_kernel(transport="tcp")
    client = kernel.client(receive_limit=10)
    client.execute("while True: print('x' * 10_000)").wait_for("stream")
    # From here on nothing is taken from IOPub.
    request = client.send("control", "kernel_info_request")
    client.wait(lambda: client.messages["control"], "a reply on control", channels=["control"])
    assert client.messages["control"][0].parent_id == request.id
    assert client.heartbeat() == b"ping"
    client.send("control", "interrupt_request")
    client.wait(lambda: client.messages["control"][1:], "another one", channels=["control"])
    assert kernel.is_alive()


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_streams_have_all_that_a_file_has(client: Client, name: str) -> None:
    code = (
        f"import sys, io; s = sys.{name}\n"
        "(isinstance(s, io.TextIOBase), s.encoding.lower(), s.writable(), s.readable(),"
        " s.seekable(), s.closed, s.isatty(), s.fileno(), s.write('abc\\n'))"
    )
    descriptor = {"stdout": 1, "stderr": 2}[name]
    cell = client.run(code)
    assert cell.result is not None
    shown = eval(cell.result)
    assert shown[:7] == (True, "utf-8", True, False, False, False, False)
    assert shown[7] >= descriptor
    assert shown[8] == 4
    assert cell.text(name) == "abc\n"


@pytest.mark.ipykernel_differs("it has no buffer, and its errors are None")
def test_streams_have_a_buffer_and_policies(client: Client) -> None:
    code = (
        "import sys; s = sys.stdout\n"
        "(s.errors is not None, s.line_buffering in (True, False), s.buffer.write(b'bytes\\n'),"
        " s.buffer.flush(), s.name)"
    )
    cell = client.run(code)
    assert cell.text() == "bytes\n"
    assert cell.result is not None
    assert eval(cell.result)[:3] == (True, True, 6)


@pytest.mark.parametrize("arguments", ["", "'a', 'b'", "text='a'", "None", "1"])
def test_write_takes_one_text(client: Client, arguments: str) -> None:
    cell = client.run(f"import sys; sys.stdout.write({arguments})", expect="error")
    assert cell.one("error").content["ename"] == "TypeError"


def test_writing_something_else_than_text_is_a_type_error(client: Client) -> None:
    cell = client.run("import sys; sys.stdout.write(b'bytes')", expect="error")
    assert cell.reply.content["ename"] == "TypeError"


def test_faulthandler_and_logging_find_a_stream(client: Client) -> None:
    code = "import faulthandler, logging\nfaulthandler.enable()\nlogging.warning('a warning')"
    cell = client.run(code)
    cell.wait_for_text("WARNING:root:a warning\n", "stderr")


def test_streams_may_be_replaced_and_restored(client: Client) -> None:
    code = (
        "import contextlib, io\n"
        "with contextlib.redirect_stdout(io.StringIO()) as caught: print('caught')\n"
        "print('shown')\n"
        "caught.getvalue()"
    )
    cell = client.run(code)
    assert cell.text() == "shown\n"
    assert cell.result == repr("caught\n")


def test_a_closed_stream_does_not_end_the_kernel(fresh_kernel: Kernel) -> None:
    client = fresh_kernel.client()
    client.execute("import sys; sys.stdout.close()").wait()
    assert client.run("1 + 1").result == "2"


def test_descriptors_may_be_closed_and_replaced(fresh_kernel: Kernel) -> None:
    client = fresh_kernel.client()
    code = (
        "import os\n"
        "saved = os.dup(1); null = os.open(os.devnull, os.O_WRONLY)\n"
        "os.dup2(null, 1); os.write(1, b'swallowed'); os.dup2(saved, 1)\n"
        "os.write(1, b'shown again\\n');"
    )
    client.run(code).wait_for_text("shown again\n")
    assert client.run("1 + 1").result == "2"


def test_progress_bars_overwrite_their_line(client: Client) -> None:
    code = "import sys\nfor n in range(50): sys.stderr.write(f'\\r{n}'); sys.stderr.flush()"
    assert client.run(code).text("stderr") == "".join(f"\r{n}" for n in range(50))


def test_warnings_are_on_stderr(client: Client) -> None:
    cell = client.run("import warnings; warnings.warn('careful')")
    assert "careful" in cell.text("stderr")


PATCHED = (
    "import sys\n"
    "def loud(write): return lambda *a: write(*a[:-1], a[-1].upper())\n"
    "kind = type(sys.stdout)\n"
)


def test_write_of_a_stream_may_be_replaced_and_restored(client: Client) -> None:
    code = (
        "before = sys.stdout.write\n"
        "sys.stdout.write = loud(before)\n"
        "print('loud')\n"
        "sys.stdout.write = before\n"
        "print('quiet')"
    )
    assert client.run(PATCHED + code).text() == "LOUD\nquiet\n"


@pytest.mark.ipykernel_differs("IPython gives its streams a write of their own for each cell")
def test_write_of_the_streams_class_may_be_replaced_and_restored(fresh_kernel: Kernel) -> None:
    code = (
        "before = kind.write\n"
        "kind.write = loud(before)\n"
        "print('loud')\n"
        "kind.write = before\n"
        "print('quiet')"
    )
    assert fresh_kernel.client().run(PATCHED + code).text() == "LOUD\nquiet\n"


@pytest.mark.ipykernel_differs("its streams are made otherwise")
def test_a_subclass_of_the_stream_has_its_own_write(client: Client) -> None:
    code = (
        "class Loud(kind):\n"
        "    def write(self, text): return super().write(text.upper())\n"
        "stream = Loud(get_ipython().kernel.iopub, 'stdout', 1)\n"
        "print('loud', file=stream)\n"
        "kind.write(stream, 'quiet')"
    )
    assert client.run(PATCHED + code).text() == "LOUD\nquiet"


def test_text_of_a_subclass_of_str_is_its_own(client: Client) -> None:
    code = (
        "import sys\n"
        "class Liar(str):\n"
        "    def __str__(self): return 'a lie'\n"
        "    def __len__(self): return 1\n"
        "sys.stdout.write(Liar('the truth'));"
    )
    assert client.run(code).text() == "the truth"


@pytest.mark.ipykernel_differs("the hooks of its thread that sends are asked")
def test_a_hook_of_a_stream_sees_its_threads_text(client: Client) -> None:
    code = (
        "import sys, threading\n"
        "seen = []\n"
        "def hook(message):\n"
        "    seen.append(message['content']['text'])\n"
        "    return None if 'keep' in seen[-1] else message\n"
        "sys.stdout.register_hook(hook)\n"
        "sys.stdout.write('keep\\n'); sys.stdout.write('show\\n')\n"
        "thread = threading.Thread(target=print, args=('other',)); thread.start(); thread.join()\n"
        "known = sys.stdout.unregister_hook(hook), sys.stdout.unregister_hook(hook)\n"
        "print('unseen')\n"
        "(seen, known)"
    )
    cell = client.run(code)
    assert cell.text() == "show\nother\nunseen\n"
    assert cell.result == "(['keep\\n', 'show\\n'], (True, False))"


@pytest.mark.ipykernel_differs("it keeps each write apart, and all of them")
def test_what_a_cell_wrote_is_kept_for_the_history_of_outputs(client: Client) -> None:
    client.run(
        "count = get_ipython().execution_count - 1\n"  # IPython counts before the code runs.
        "publisher = get_ipython().display_pub; publisher.store_display_history = True\n"
        "print('before'); display('shown'); print('after'); print('x' * 5_000)\n"
        "publisher.store_display_history = False"
    )
    cell = client.run(
        "[(o.output_type, ''.join(o.bundle['stream'])) for o in get_ipython().history_manager"
        ".outputs[count] if 'stream' in o.bundle]"
        " if hasattr(get_ipython().history_manager, 'outputs') else 'not with this IPython'"
    )
    assert cell.result is not None
    if "not with" not in cell.result:
        kept = eval(cell.result)
        assert kept == [("out_stream", "before\n"), ("out_stream", "after\n\n")]
