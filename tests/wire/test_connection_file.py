"""Connection files: transports, keys, schemes, the handshake, and an error for what is wrong."""

from __future__ import annotations

import json
import os
import re
import socket
from pathlib import Path
from typing import Any

import pytest
import zmq
from harness import LIMIT, Client, Kernel, Session, StartKernel, Target, wait_until
from harness.kernel import free_ports


def start_error(kernel: Kernel) -> str:
    """What a kernel that cannot start says; it must say so and end."""
    assert kernel.wait_for_exit() != 0
    return kernel.output


@pytest.mark.parametrize("transport", ["tcp", "ipc"])
def test_a_transport(start_kernel: StartKernel, transport: str) -> None:
    kernel = start_kernel(transport=transport)
    client = kernel.client()
    assert client.run("6 * 7").result == "42"
    assert client.heartbeat(b"over " + transport.encode()) == b"over " + transport.encode()
    cell = client.execute("input()", allow_stdin=True)
    cell.answer("text")
    assert cell.wait().result == "'text'"


@pytest.mark.parametrize("scheme", ["hmac-sha256", "hmac-sha512", "hmac-sha1", "hmac-md5"])
def test_a_signature_scheme(start_kernel: StartKernel, scheme: str) -> None:
    kernel = start_kernel(connection={"signature_scheme": scheme})
    if scheme in ("hmac-sha1", "hmac-md5") and not kernel.target.is_ipykernel:
        # Refused in one sentence, or spoken: nothing in between.
        try:
            client = kernel.client()
        except AssertionError:
            assert scheme in start_error(kernel)
            return
    else:
        client = kernel.client()
    assert client.run("6 * 7").result == "42"


@pytest.mark.ipykernel_differs("a traceback that names the second half")
def test_an_unknown_signature_scheme_is_an_error(start_kernel: StartKernel) -> None:
    output = start_error(start_kernel(connection={"signature_scheme": "hmac-nonsense"}))
    assert "hmac-nonsense" in output


def test_an_empty_key_means_no_signatures(start_kernel: StartKernel) -> None:
    client = start_kernel(connection={"key": ""}).client()
    cell = client.run("6 * 7")
    assert cell.result == "42"


def test_messages_are_those_of_jupyter_client(fresh_kernel: Kernel) -> None:
    """Frames made by the library that most clients use, not by this harness."""
    session_module = pytest.importorskip("jupyter_client.session")
    client = fresh_kernel.client()
    session = session_module.Session(key=fresh_kernel.connection["key"].encode())
    request = session.msg("execute_request", {"code": "6 * 7", "silent": False})
    client.send_frames("shell", session.serialize(request))
    request_id = request["header"]["msg_id"]
    reply = client.wait_message("shell", lambda m: m.parent_id == request_id, "a reply")
    assert reply.type == "execute_reply"
    assert reply.content["status"] == "ok"


def test_ports_of_zero_are_chosen_and_written_down(start_kernel: StartKernel) -> None:
    zeros = {f"{channel}_port": 0 for channel in ("shell", "iopub", "stdin", "control", "hb")}
    kernel = start_kernel(transport="tcp", connection=zeros)

    def written() -> dict[str, Any] | None:
        try:
            content = json.loads(kernel.connection_file.read_text())
        except ValueError:
            return None
        return content if all(content[name] for name in zeros) else None

    connection = wait_until(lambda: written() or not kernel.is_alive(), "the ports")
    assert isinstance(connection, dict), kernel.output
    with Client(connection) as client:
        client.wait_ready()
        assert client.run("6 * 7").result == "42"
    assert connection["key"] == kernel.connection["key"]


@pytest.mark.both_doors
@pytest.mark.ipykernel_differs("it makes a connection file where none is")
def test_a_missing_connection_file(start_kernel: StartKernel, tmp_path: Path) -> None:
    """Whoever names a file means that one; without a name the kernel makes its own."""
    path = tmp_path / "missing" / "kernel.json"
    kernel = start_kernel(command=["true"])
    output = start_error(start_kernel(command=kernel.target.command(path)))
    assert str(path) in output
    assert "Traceback" not in output
    assert not path.parent.exists()


@pytest.mark.both_doors
@pytest.mark.ipykernel_differs("it starts with ports of its own")
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "kernel.json"),
        ("not json", "kernel.json"),
        ("[]", "kernel.json"),
        ('{"transport": "tcp"', "kernel.json"),
        ("\xff", "kernel.json"),
    ],
)
def test_a_malformed_connection_file(start_kernel: StartKernel, text: str, words: str) -> None:
    output = start_error(start_kernel(connection_file_text=text))
    assert words in output
    assert "Traceback" not in output


@pytest.mark.ipykernel_differs("it has a default for everything")
@pytest.mark.parametrize("name", ["shell_port", "key", "transport"])
def test_an_incomplete_connection_file_names_what_is_missing(
    start_kernel: StartKernel, name: str
) -> None:
    kernel = start_kernel(transport="tcp", connection={name: None})
    if name == "shell_port":
        assert name in start_error(kernel)
        return
    # What has a default in jupyter_client has the same here; all else is named.
    try:
        with Client({"key": "", "transport": "tcp", **kernel.connection}) as client:
            client.check_alive = kernel._check_alive
            client.wait_ready()
    except AssertionError:
        assert name in start_error(kernel)


@pytest.mark.ipykernel_differs("a traceback")
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"shell_port": "many"}, "shell_port"),
        ({"shell_port": 70_000}, "shell_port"),
        ({"shell_port": -1}, "shell_port"),
        ({"key": 5}, "key"),
        ({"transport": "pigeon"}, "transport"),
        ({"ip": 7}, "ip"),
    ],
)
def test_a_value_of_the_wrong_kind_is_named(
    start_kernel: StartKernel, changes: dict[str, Any], words: str
) -> None:
    output = start_error(start_kernel(connection=changes))
    assert words in output
    assert "Traceback" not in output


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_connection_file(start_kernel: StartKernel, tmp_path: Path) -> None:
    path = tmp_path / "kernel.json"
    path.write_text("{}")
    path.chmod(0)
    kernel = start_kernel()
    kernel.kill()
    output = start_error(start_kernel(command=kernel.target.command(path)))
    assert str(path) in output


@pytest.mark.ipykernel_differs("a traceback")
def test_a_directory_is_no_connection_file(start_kernel: StartKernel, target: Target) -> None:
    output = start_error(start_kernel(command=target.command(Path("/tmp"))))
    assert "/tmp" in output
    assert "Traceback" not in output


HANGS = pytest.mark.ipykernel_differs("a thread of it dies, and it neither works nor ends")


@pytest.mark.both_doors
@pytest.mark.parametrize(
    "channel",
    [
        "shell",
        pytest.param("iopub", marks=HANGS),
        "stdin",
        "control",
        pytest.param("hb", marks=HANGS),
    ],
)
def test_a_port_in_use_is_an_error_that_names_it(start_kernel: StartKernel, channel: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        kernel = start_kernel(transport="tcp", connection={f"{channel}_port": port})
        output = start_error(kernel)
        assert "in use" in output.lower()
        if not kernel.target.is_ipykernel:
            assert str(port) in output
            assert "Traceback" not in output


def test_the_key_is_never_logged(start_kernel: StartKernel) -> None:
    kernel = start_kernel(arguments=["--debug"], transport="tcp")
    client = kernel.client()
    client.run("1")
    client.run("%connect_info")
    assert kernel.connection["key"] not in kernel.output
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        failed = start_kernel(transport="tcp", connection={"shell_port": taken.getsockname()[1]})
        assert failed.connection["key"] not in start_error(failed)


def test_two_kernels_beside_each_other(start_kernel: StartKernel) -> None:
    first, second = start_kernel(), start_kernel()
    one, two = first.client(), second.client()
    one.run("x = 'first'")
    two.run("x = 'second'")
    assert (one.run("x").result, two.run("x").result) == ("'first'", "'second'")


@pytest.mark.both_doors
def test_the_kernel_tells_cells_its_connection_file(fresh_kernel: Kernel) -> None:
    client = fresh_kernel.client()
    path = str(fresh_kernel.connection_file)
    code = "get_ipython().config['IPKernelApp']['connection_file']"
    assert client.run(code).result == repr(path)


@pytest.mark.both_doors
@pytest.mark.ipykernel_differs("it has no registration files")
def test_a_registration_file_makes_the_kernel_bind_and_register(
    start_kernel: StartKernel, target: Target
) -> None:
    """JEP 66: no port is chosen before it is bound."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context.instance()
    (port,) = free_ports(1)
    with context.socket(zmq.ROUTER) as socket:
        socket.linger = 0
        socket.bind(f"tcp://127.0.0.1:{port}")
        registration = {
            "transport": "tcp",
            "ip": "127.0.0.1",
            "signature_scheme": "hmac-sha256",
            "key": "the key of the registration",
            "registration_port": port,
        }
        kernel = start_kernel(connection_file_text=json.dumps(registration))
        assert socket.poll(int(LIMIT * 1000)), kernel.output
        frames = socket.recv_multipart()
        session = Session(b"the key of the registration")
        request = session.decode("registration", frames)
        assert request.type == "handshake_request"
        ports = {name: value for name, value in request.content.items() if name.endswith("_port")}
        assert set(ports) == {
            f"{channel}_port" for channel in ("shell", "iopub", "stdin", "control", "hb")
        }
        assert all(0 < value < 65536 for value in ports.values())
        reply = session.message("registration", "handshake_reply", {"status": "ok"}, parent=request)
        socket.send_multipart([*request.identities, *session.encode(reply)])
        with Client({**registration, **ports}) as client:
            client.wait_ready()
            assert client.run("6 * 7").result == "42"


@pytest.mark.ipykernel_differs("it has no registration files")
def test_a_registration_that_is_refused_or_stale_ends_the_kernel_with_a_sentence(
    start_kernel: StartKernel,
) -> None:
    context = zmq.Context.instance()
    with context.socket(zmq.REP) as listener:
        listener.linger = 0
        port = listener.bind_to_random_port("tcp://127.0.0.1")
        registration = {
            "transport": "tcp",
            "ip": "127.0.0.1",
            "signature_scheme": "hmac-sha256",
            "key": "the key of the registration",
        }
        text = json.dumps({**registration, "registration_port": port})
        (free,) = free_ports(1)
        stale = json.dumps({**registration, "registration_port": free})
        # Who started it is gone: it waits, and meanwhile others are turned away.
        left_alone = start_kernel(connection_file_text=stale)

        session = Session(b"the key of the registration")
        answers = [
            (session, "handshake_reply", {"status": "error"}, "status"),
            (session, "shutdown_reply", {"status": "ok"}, "shutdown_reply"),
            (Session(b"another key"), "handshake_reply", {"status": "ok"}, "signature"),
        ]
        for signer, message_type, content, words in answers:
            kernel = start_kernel(connection_file_text=text)
            assert listener.poll(LIMIT * 1000)
            request = session.decode("registration", listener.recv_multipart())
            reply = signer.message("registration", message_type, content, parent=request)
            listener.send_multipart(signer.encode(reply))
            assert kernel.wait_for_exit() != 0
            assert f"the registration at tcp://127.0.0.1:{port} was not accepted" in kernel.output
            assert words in kernel.output

        assert left_alone.wait_for_exit() != 0
        assert f"nobody answered the registration at tcp://127.0.0.1:{free}" in left_alone.output


def test_the_files_of_ipc_belong_to_their_owner_alone(fresh_kernel: Kernel) -> None:
    fresh_kernel.client()
    names = [p.name for p in fresh_kernel.directory.iterdir() if re.match(r"k-\d", p.name)]
    assert sorted(names) == [f"k-{n}" for n in range(1, 6)]


@pytest.mark.both_doors
def test_without_a_connection_file_the_kernel_makes_one(
    start_kernel: StartKernel, target: Target, tmp_path: Path
) -> None:
    command = target.command(Path("unused"))[:-2]
    kernel = start_kernel(command=command, environment={"JUPYTER_RUNTIME_DIR": str(tmp_path)})

    def made() -> list[Path]:
        assert kernel.is_alive(), kernel.output
        return [
            path
            for path in tmp_path.glob("kernel-*.json")
            if path.read_text().rstrip().endswith("}")
        ]

    (path,) = wait_until(made, "a connection file")
    assert path.stat().st_mode & 0o077 == 0, "others could read the key"
    connection = json.loads(path.read_text())
    assert connection["key"]
    with Client(connection) as client:
        client.wait_ready()
        assert client.run("6 * 7").result == "42"
        client.send("control", "shutdown_request", {"restart": False})
        kernel.wait_for_exit()
    wait_until(lambda: not path.exists(), "the end of the file")
