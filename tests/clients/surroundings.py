"""What the tests of real clients share: a Jupyter to run them in, and notebooks to run."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import zmq
from harness import Target
from jupyter_client.asynchronous import AsyncKernelClient
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

KERNEL_NAME = "under-test"


@dataclass(frozen=True)
class Jupyter:
    """Where clients run, and what they see."""

    directory: Path
    environment: dict[str, str]
    clients_python: str

    def command(self, *arguments: str) -> list[str]:
        """A command of the clients' environment, such as `jupyter`."""
        program, *rest = arguments
        return [str(Path(self.clients_python).parent / program), *rest]

    def run(self, *arguments: str, directory: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            env=self.environment,
            cwd=directory,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )


def register(target: Target, name: str, prefix: Path) -> None:
    """As a user registers the kernel: its own installer writes the kernelspec."""
    module = "ipykernel" if target.is_ipykernel else "ipyrust.install"
    command = [target.python, "-m", module, *(["install"] if target.is_ipykernel else [])]
    command += ["--prefix", str(prefix), "--name", name]
    subprocess.run(command, check=True, capture_output=True, cwd=prefix)


def user_environment() -> dict[str, str]:
    """The variables of this process as a person's would be, without those of pytest.

    ipykernel leaves descriptors 1 and 2 alone when it sees them.
    """
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}


def notebook_of(*sources: str) -> nbformat.NotebookNode:
    """A notebook with these code cells."""
    return new_notebook(cells=[new_code_cell(source) for source in sources])


class PatientNotebookClient(NotebookClient):
    """nbclient, without its way to miss the reply of a cell that uses an Output widget.

    It sends the widget's state on the shell socket while it awaits the cell's reply there.
    jupyter_client sends past asyncio's socket object, which then never learns of a reply that came
    in between: with any kernel, about one run in ten ends in a timeout. Asking for the socket's
    events makes it look.
    """

    async def async_start_new_kernel_client(self) -> AsyncKernelClient:
        client = await super().async_start_new_kernel_client()
        channel = client.shell_channel
        send = channel.send

        def send_and_look(message: dict[str, Any]) -> None:
            send(message)
            channel.socket.get(zmq.EVENTS)

        channel.send = send_and_look
        return client


def execute(
    notebook: nbformat.NotebookNode,
    kernel_name: str = KERNEL_NAME,
    directory: Path | None = None,
    **options: object,
) -> nbformat.NotebookNode:
    """Execute a notebook in place with nbclient."""
    resources = {"metadata": {"path": str(directory)}} if directory else {}
    options = {"timeout": 120, **options}
    client = PatientNotebookClient(
        notebook, kernel_name=kernel_name, resources=resources, **options
    )
    client.execute(env=user_environment())
    return notebook


def text_of(cell: nbformat.NotebookNode) -> str:
    """What a reader sees of a cell's outputs, as text."""
    parts = []
    for output in cell.outputs:
        if output.output_type == "stream":
            parts.append(output.text)
        elif output.output_type == "error":
            parts.append(f"{output.ename}: {output.evalue}\n")
        else:
            parts.append(output.data.get("text/plain", "") + "\n")
    return "".join(parts)
