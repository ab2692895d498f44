"""CurveZMQ: a connection file with keys makes a kernel that speaks encrypted, and only so."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress

import pytest
import zmq
from harness import Client, Kernel, StartKernel, wait_until

StartEncrypted = Callable[[], "tuple[Kernel, str]"]


@pytest.fixture
def start_encrypted(start_kernel: StartKernel) -> StartEncrypted:
    """Starts a kernel with a pair of keys; returns it and the public one."""

    def start() -> tuple[Kernel, str]:
        public, secret = (key.decode() for key in zmq.curve_keypair())
        keys = {"curve_publickey": public, "curve_secretkey": secret}
        return start_kernel(transport="tcp", connection=keys), public

    return start


class Relay:
    """Passes bytes between a client and a port of this machine, and keeps them."""

    def __init__(self, target_port: int) -> None:
        self.passed = bytearray()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._target_port = target_port
        self._sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def __enter__(self) -> Relay:
        return self

    def __exit__(self, *_: object) -> None:
        for end in [self._listener, *self._sockets]:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        for thread in self._threads:
            thread.join(60)

    def _accept(self) -> None:
        with suppress(OSError):
            client, _ = self._listener.accept()
            server = socket.create_connection(("127.0.0.1", self._target_port))
            self._sockets += [client, server]
            for source, sink in ((client, server), (server, client)):
                thread = threading.Thread(target=self._pass_on, args=(source, sink))
                self._threads.append(thread)
                thread.start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                self.passed += data
                sink.sendall(data)


def refused(kernel: Kernel, *reasons: str) -> None:
    """Wait until the kernel's log says of each channel, for one of the reasons, that it refused."""
    refusals = [
        {f"refused a connection to {channel}: {reason}" for reason in reasons}
        for channel in ("shell", "control", "stdin", "iopub")
    ]
    wait_until(
        lambda: all(any(line in kernel.output for line in lines) for lines in refusals),
        "the refusals in the log",
    )


def received(client: Client) -> int:
    """How many messages a client got."""
    return sum(socket.poll(0) for socket in client.sockets.values())


def test_an_encrypted_kernel_does_what_every_kernel_does(start_encrypted: StartEncrypted) -> None:
    kernel, public = start_encrypted()
    client = kernel.client(curve_server_key=public)
    client.heartbeat()
    assert client.run("6 * 7").result == "42"
    asking = client.execute("input('name? ')", allow_stdin=True)
    asking.answer("Ada")
    assert asking.wait().result == "'Ada'"
    endless = client.execute("print('in', flush=True)\nwhile True: pass")
    endless.wait_for_text("in")
    kernel.interrupt()
    assert endless.wait().status == "error"
    large = client.run("print('x' * 3_000_000)")
    assert large.text() == "x" * 3_000_000 + "\n"


def test_the_content_is_not_readable_on_the_way(start_encrypted: StartEncrypted) -> None:
    """What goes over the wire is looked at by a relay between client and kernel."""
    kernel, public = start_encrypted()
    kernel.client(curve_server_key=public)  # It is up.
    with Relay(kernel.connection["shell_port"]) as relay:
        direct = kernel.connection
        client = Client({**direct, "shell_port": relay.port}, curve_server_key=public)
        with client:
            client.wait_ready()
            assert client.run("'a word that ' + 'gives away'").result == "'a word that gives away'"
    assert len(relay.passed) > 1000
    for word in (b"gives away", b"execute_request", b"msg_id"):
        assert word not in relay.passed


@pytest.mark.ipyrust_only("its log says nothing of it")
def test_a_client_with_another_key_is_refused_and_disturbs_nobody(
    start_encrypted: StartEncrypted,
) -> None:
    kernel, public = start_encrypted()
    good = kernel.client(curve_server_key=public)
    wrong = kernel.client(curve_server_key=zmq.curve_keypair()[0].decode(), ready=False)
    wrong.send("shell", "kernel_info_request")
    wrong.send("control", "shutdown_request", {"restart": False})
    refused(kernel, "the client encrypts with another key than the connection file's")
    assert good.run("6 * 7").result == "42"
    assert received(wrong) == 0
    assert kernel.is_alive()
    # It comes again ten times a second, and the log does not grow with it.
    assert kernel.output.count("refused a connection to shell") == 1
    good.send("control", "shutdown_request", {"restart": False})
    assert kernel.wait_for_exit() == 0


@pytest.mark.ipyrust_only("its log says nothing of it")
def test_a_client_that_does_not_encrypt_is_refused(start_encrypted: StartEncrypted) -> None:
    kernel, public = start_encrypted()
    good = kernel.client(curve_server_key=public)
    plain = kernel.client(ready=False)
    plain.send("shell", "kernel_info_request")
    # The client may hang up before the kernel has seen why.
    refused(
        kernel,
        "the client does not encrypt, and the connection file asks for it",
        "the client and the kernel did not agree on encryption",
    )
    assert good.run("6 * 7").result == "42"
    assert received(plain) == 0


def test_a_client_that_encrypts_gets_nothing_from_a_plain_kernel(
    start_kernel: StartKernel,
) -> None:
    kernel = start_kernel(transport="tcp")
    good = kernel.client()
    failures = zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    with zmq.Context() as context, context.socket(zmq.DEALER) as encrypting:
        encrypting.linger = 0
        encrypting.curve_publickey, encrypting.curve_secretkey = zmq.curve_keypair()
        encrypting.curve_serverkey = zmq.curve_keypair()[0]
        # Watched before it connects: after a failure of this kind it does not try again.
        monitor = encrypting.get_monitor_socket(failures)
        encrypting.connect(f"tcp://127.0.0.1:{kernel.connection['shell_port']}")
        encrypting.send(b"a question")
        assert monitor.poll(60_000), "its handshake did not fail"
        assert good.run("6 * 7").result == "42"
        assert not encrypting.poll(0)
        encrypting.disable_monitor()
        monitor.close()


@pytest.mark.ipyrust_only("its words are not ours")
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda public, secret: (public, None), "`curve_publickey` without a `curve_secretkey`"),
        (lambda public, secret: (None, secret), "`curve_publickey` without a `curve_secretkey`"),
        (lambda public, secret: ("short", secret), "`curve_publickey`"),
        (lambda public, secret: (public, "short"), "`curve_secretkey`"),
        (lambda public, secret: (secret, secret), "does not belong to"),
    ],
    ids=["no secret key", "no public key", "bad public key", "bad secret key", "no pair"],
)
def test_keys_that_cannot_be_used_end_the_kernel_with_a_sentence(
    start_kernel: StartKernel,
    change: Callable[[str, str], tuple[str | None, str | None]],
    words: str,
) -> None:
    public, secret = (key.decode() for key in zmq.curve_keypair())
    given = change(public, secret)
    keys = {"curve_publickey": given[0], "curve_secretkey": given[1]}
    kernel = start_kernel(
        transport="tcp", connection={name: key for name, key in keys.items() if key}
    )
    assert kernel.wait_for_exit() == 1
    assert words in kernel.output
    assert "Traceback" not in kernel.output
    assert secret not in kernel.output
