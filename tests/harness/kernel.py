"""A kernel as a process: its connection file, its log, its beginning and its end.

Kernels talk over ipc in a private directory unless a test is about tcp: no ports, no collisions.
Each has its own IPython directory, so that nothing on the machine changes what a test sees.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .client import Client
from .waiting import LIMIT, TimedOutError

CHANNELS = ("shell", "iopub", "stdin", "control", "hb")
REPOSITORY = Path(__file__).resolve().parents[2]

# What the surroundings of the tests must not tell a kernel. ipykernel leaves descriptors 1 and 2
# alone when it sees pytest's variable.
FOREIGN_VARIABLES = ("JPY_", "JUPYTER", "IPYTHON", "IPYKERNEL", "MPL", "PYTEST", "PYDEVD")


@dataclass(frozen=True)
class Target:
    """A kernel that tests run on: how it is called and how it is started."""

    name: str
    python: str
    module: str
    program: str | None = None  # Started in place of `python -m module`, if there is one.

    @property
    def is_ipykernel(self) -> bool:
        return self.name == "ipykernel"

    @property
    def words(self) -> list[str]:
        """What starts it, before the kernel's own arguments."""
        if self.program is not None:
            # As the kernelspec that `ipyrust.install` writes.
            return [self.program, "--python", self.python]
        return [self.python, "-m", self.module]

    def command(self, connection_file: Path | str = "{connection_file}") -> list[str]:
        return [*self.words, "-f", str(connection_file)]

    def through(self, door: str) -> Target:
        """The same kernel, started as a module or by its program."""
        program = str(Path(self.python).with_name("ipyrust")) if door == "program" else None
        return replace(self, program=program)


def ipyrust_target(python: str | None = None) -> Target:
    return Target("ipyrust", python or sys.executable, "ipyrust")


def reference_target() -> Target:
    """ipykernel, in an environment of its own."""
    python = os.environ.get("IPYRUST_REFERENCE_PYTHON") or str(
        REPOSITORY / ".venvs" / "reference" / "bin" / "python"
    )
    if not Path(python).exists():
        raise FileNotFoundError(
            f"no ipykernel to compare with: {python} does not exist; "
            "`make test` creates it, or set IPYRUST_REFERENCE_PYTHON"
        )
    return Target("ipykernel", python, "ipykernel_launcher")


def free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago, all different since all are held at once."""
    holders = [socket.socket() for _ in range(count)]
    try:
        for holder in holders:
            holder.bind(("127.0.0.1", 0))
        return [int(holder.getsockname()[1]) for holder in holders]
    finally:
        for holder in holders:
            holder.close()


def make_connection(directory: Path, transport: str = "ipc") -> dict[str, Any]:
    """The content of a connection file."""
    ports = free_ports(len(CHANNELS)) if transport == "tcp" else range(1, len(CHANNELS) + 1)
    return {
        "transport": transport,
        "ip": "127.0.0.1" if transport == "tcp" else str(directory / "k"),
        **{f"{channel}_port": port for channel, port in zip(CHANNELS, ports, strict=True)},
        "key": uuid.uuid4().hex,
        "signature_scheme": "hmac-sha256",
        "kernel_name": "",
    }


class Kernel:
    """A running kernel. `with target_kernel.client() as client:` talks to it."""

    def __init__(
        self,
        target: Target,
        *,
        transport: str = "ipc",
        connection: Mapping[str, Any] | None = None,
        connection_file_text: str | None = None,
        arguments: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        command: Sequence[str] | None = None,
        working_directory: Path | None = None,
        ipython_directory: Path | None = None,
        outlives_tests: bool = False,
    ) -> None:
        """Start the process.

        `connection` changes entries of the connection file (`None` removes one), and
        `connection_file_text` replaces the whole file. `command` replaces the command; the
        connection file's path is put where it says `{connection_file}`.
        """
        self.target = target
        # Short, since the path of a socket may have 100 characters.
        self.directory = Path(tempfile.mkdtemp(prefix="kernel-", dir="/tmp"))
        self.ipython_directory = ipython_directory or self.directory / "ipython"
        self.transport = transport
        self.connection_file = self.directory / "kernel.json"
        self.log = self.directory / "output.log"
        self.clients: list[Client] = []
        self._connection_changes = dict(connection or {})
        self._connection_file_text = connection_file_text
        if command is None:
            self._command = target.command(self.connection_file)
        else:
            path = str(self.connection_file)
            self._command = [word.replace("{connection_file}", path) for word in command]
        self._command += arguments
        self._working_directory = working_directory or self.directory
        self._environment = self._make_environment(environment or {}, outlives_tests)
        self.suspect = False  # Set when a test failed on it: the next one gets a new process.
        self._start()

    @property
    def name(self) -> str:
        return self.target.name

    @property
    def output(self) -> str:
        """What the kernel wrote to the standard output and error it was started with."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    @property
    def pid(self) -> int:
        return self.process.pid

    def is_alive(self) -> bool:
        return self.process.poll() is None

    def client(self, *, ready: bool = True, **options: Any) -> Client:
        """A connected client; with `ready`, one whose requests are answered and published to."""
        client = Client(self.connection, alive=self._check_alive, **options)
        self.clients.append(client)
        if not ready:
            return client
        try:
            client.wait_ready()
        except KernelDiedError:
            # Another program may have taken a tcp port since it was chosen: once more.
            if self.transport != "tcp" or "in use" not in self.output.lower():
                raise
            self._start()
            client.close()
            return self.client(ready=ready, **options)
        return client

    def interrupt(self) -> None:
        """As jupyter_client interrupts a local kernel: the signal to its process group."""
        os.killpg(self.process.pid, signal.SIGINT)

    def wait_for_exit(self, limit: float = LIMIT) -> int:
        try:
            return self.process.wait(limit)
        except subprocess.TimeoutExpired:
            raise TimedOutError(f"the kernel still runs after {limit:.0f} s") from None

    def kill(self) -> None:
        """End the process and all that it started."""
        for client in self.clients:
            client.close()
        self.clients.clear()
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def restart(self) -> None:
        """A new process in place of this one."""
        self.kill()
        self.suspect = False
        self._start()

    def stop(self) -> None:
        """End the process and all that it started, and forget its files."""
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> Kernel:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _start(self) -> None:
        self.connection = make_connection(self.directory, self.transport)
        self.connection.update(self._connection_changes)
        for name in [name for name, value in self.connection.items() if value is None]:
            del self.connection[name]
        if self._connection_file_text is None:
            self.connection_file.write_text(json.dumps(self.connection))
        else:
            self.connection_file.write_text(self._connection_file_text)
        self.connection_file.chmod(0o600)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._working_directory,
                env=self._environment,
                start_new_session=True,  # As jupyter_client starts kernels.
            )

    def _make_environment(self, changes: Mapping[str, str], outlives_tests: bool) -> dict[str, str]:
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(FOREIGN_VARIABLES)
        }
        environment["IPYTHONDIR"] = str(self.ipython_directory)
        environment["JUPYTER_RUNTIME_DIR"] = str(self.directory)
        if not outlives_tests:
            environment["JPY_PARENT_PID"] = str(os.getpid())  # As jupyter_client starts kernels.
        return {**environment, **changes}

    def _check_alive(self) -> None:
        if (status := self.process.poll()) is not None:
            raise KernelDiedError(f"the kernel ended with {status}; its output:\n{self.output}")


class KernelDiedError(AssertionError):
    """The kernel ended while a client waited for it."""


StartKernel = Callable[..., Kernel]  # The `start_kernel` fixture: `Kernel` without the target.
