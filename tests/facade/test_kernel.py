"""What libraries find at `get_ipython().kernel` and at the streams, and what they do with it."""

from __future__ import annotations

from harness import Client, StartKernel

ATTRIBUTES = (
    *("shell", "session", "iopub_socket", "stdin_socket", "shell_stream"),
    *("control_stream", "io_loop", "shell_handlers", "control_handlers", "comm_manager", "parent"),
    *("config", "log", "ident", "int_id", "user_ns", "user_module", "execution_count", "debugger"),
    *("implementation", "implementation_version", "banner", "language_info", "help_links"),
    *("eventloop", "control_thread", "get_parent", "set_parent", "send_response", "raw_input"),
    *("getpass", "do_shutdown", "_topic", "_parent_header"),
)


def test_the_kernel_has_the_attributes_that_libraries_use(client: Client) -> None:
    code = f"[name for name in {ATTRIBUTES!r} if not hasattr(get_ipython().kernel, name)]"
    assert client.run(code).result == "[]"


def test_a_librarys_handler_replaces_the_kernels(start_kernel: StartKernel) -> None:
    client = start_kernel().client()
    client.run(
        "seen = []\n"
        "handlers = get_ipython().kernel.shell_handlers\n"
        "async def mine(stream, identities, message):\n"
        "    seen.append((message['header']['msg_type'], message['content']['data']))\n"
        "handlers['comm_msg'] = mine"
    )
    client.wait_idle(client.send("shell", "comm_msg", {"comm_id": "c", "data": {"a": 1}}))
    code = "while not seen: await __import__('asyncio').sleep(0.01)\nseen"
    assert client.run(code).result == "[('comm_msg', {'a': 1})]"


def test_a_handler_that_fails_is_survived(start_kernel: StartKernel) -> None:
    client = start_kernel().client()
    client.run("get_ipython().kernel.shell_handlers['comm_msg'] = lambda *arguments: 1 / 0")
    client.wait_idle(client.send("shell", "comm_msg", {"comm_id": "c", "data": {}}))
    assert client.run("6 * 7").result == "42"


def test_a_thread_is_given_a_cell_and_gives_it_back(client: Client) -> None:
    first = client.run("parent = get_ipython().get_parent()")
    second = client.run(
        "import sys, threading\n"
        "def work():\n"
        "    token = sys.stdout.set_thread_parent(parent)\n"
        "    print('for the first')\n"
        "    sys.stdout.reset_thread_parent(token)\n"
        "    shell = get_ipython()\n"
        "    token = shell.set_thread_parent(parent)\n"
        "    display('for the first'); print('and this')\n"
        "    shell.reset_thread_parent(token)\n"
        "    print('for the second')\n"
        "thread = threading.Thread(target=work); thread.start(); thread.join()"
    )
    assert first.wait_for_text("and this").text() == "for the first\nand this\n"
    assert [m.type for m in first.published].count("display_data") == 1
    assert second.text() == "for the second\n"
