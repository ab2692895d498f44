"""Kernels as a client starts them: a connection file, a process, five sockets."""

from __future__ import annotations

import itertools
import json
import os
import random
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.environments import Environment
from benchmarks.process import Process
from benchmarks.wire import PORTS, Client, MissingError

# Below the range from which Linux takes ports for outgoing connections: nobody gets them by chance.
FIRST_PORT = 25000

# Variables of our own environment that would change how a Python starts.
FOREIGN = ("PYTHON", "JUPYTER", "IPYTHON", "VIRTUAL_ENV", "CONDA", "MPL", "JPY_", "XDG_")


class Running:
    """A kernel process with one client connected."""

    def __init__(
        self,
        environment: Environment,
        home: Path,
        transport: str,
        variables: dict[str, str],
        patience: float,
    ) -> None:
        self.environment = environment
        self.home = home
        self._file = home / f"kernel-{secrets.token_hex(4)}.json"
        self.connection = _connection(transport, home)
        self._file.write_text(json.dumps(self.connection))
        self._log_path = self._file.with_suffix(".log")
        argv = [word.replace("{connection_file}", str(self._file)) for word in environment.argv]
        self.client = Client(self.connection, patience=patience)
        with self._log_path.open("wb") as log:
            self.started = time.monotonic()
            child = subprocess.Popen(
                argv,
                cwd=home,
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # As jupyter_client; and it gives us a group to end.
            )
        self.process = Process(child.pid)
        child.returncode = 0  # Reaped by `Process.wait`; Popen must not try it too.

    def log(self) -> str:
        """The last thing that the kernel wrote to where nobody looks."""
        lines = self._log_path.read_text(errors="replace").strip().splitlines()
        return lines[-1][:200] if lines else ""

    def second_client(self, *, iopub_limit: int) -> Client:
        return Client(self.connection, iopub_limit=iopub_limit)

    def close(self) -> None:
        """Ask the kernel to end; make it if it does not."""
        try:
            if self.process.alive():
                self.client.send("control", "shutdown_request", {"restart": False})
                self.process.wait(5)
        finally:
            self.process.kill()
            self.client.close()


class Subject:
    """One kernel of the comparison: what a row measures.

    A row takes `kernel`, which stays alive from row to row, or `spawn`s kernels of its own.
    """

    def __init__(
        self, environment: Environment, scratch: Path, transport: str, *, patience: float = 60.0
    ) -> None:
        self.environment = environment
        self.name = environment.name
        self._home = scratch / environment.name
        self._home.mkdir(parents=True, exist_ok=True)
        self._transport = transport
        self._patience = patience
        self._kernel: Running | None = None
        self._caches = itertools.count()

    def start(self, *, cold_cache: bool = False) -> Running:
        """A new kernel, not yet spoken to. The caller closes it."""
        variables = self.variables()
        if cold_cache:
            variables["XDG_CACHE_HOME"] = str(self._home / f"cache-{next(self._caches)}")
        return Running(self.environment, self._home, self._transport, variables, self._patience)

    def variables(self) -> dict[str, str]:
        """What a process inherits: nothing of the user's configuration, all else as it is."""
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)
        }
        path = f"{self.environment.prefix / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
        return {
            **inherited,
            **self.environment.variables,
            "HOME": str(self._home),
            "XDG_CACHE_HOME": str(self._home / "cache"),
            "PATH": path,
            # As jupyter_client: a kernel watches whether its parent still lives.
            "JPY_PARENT_PID": str(os.getpid()),
        }

    @contextmanager
    def spawn(self, *, cold_cache: bool = False) -> Iterator[Running]:
        """A new kernel that has run its first cell, for one measurement."""
        kernel = self.start(cold_cache=cold_cache)
        try:
            kernel.client.ready()
            kernel.client.execute("1")
            yield kernel
        finally:
            kernel.close()

    @property
    def kernel(self) -> Running:
        """The long-lived kernel; started when it is first wanted, or after one has died."""
        if self._kernel is None or not self._kernel.process.alive():
            self.close()
            self._kernel = self.start()
            self._kernel.client.ready()
            # History, tracebacks and the like are set up by the first cells.
            for code in ("1", "print(1)", "pass"):
                self._kernel.client.execute(code)
        return self._kernel

    def log(self) -> str:
        return "" if self._kernel is None else self._kernel.log()

    def close(self) -> None:
        if self._kernel is not None:
            self._kernel.close()
            self._kernel = None


@contextmanager
def scratch_directory() -> Iterator[Path]:
    """Where homes, caches and connection files live; short, for paths of Unix sockets."""
    path = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _connection(transport: str, home: Path) -> dict[str, Any]:
    """A connection that nobody else can have.

    With tcp each kernel gets a loopback address of its own out of 127.0.0.0/8, so that no two
    kernels, and no other program, want the same port: no race and no retry.
    """
    if transport == "tcp":
        address = f"127.{random.randint(1, 254)}.{random.randint(0, 255)}.{random.randint(2, 254)}"
    elif transport == "ipc":
        address = str(home / secrets.token_hex(4))
    else:
        raise MissingError(f"no such transport: {transport}")
    ports = {f"{name}_port": FIRST_PORT + number for name, number in PORTS.items()}
    return {
        **ports,
        "transport": transport,
        "ip": address,
        "key": secrets.token_hex(32),
        "signature_scheme": "hmac-sha256",
        "kernel_name": "bench",
    }
