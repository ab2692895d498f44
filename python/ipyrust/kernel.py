"""`get_ipython().kernel`: the running kernel as libraries and cells see it.

The names are ipykernel's, for the sake of the libraries that use them. What they do is done by the
kernel library (`core`), by the shell, or by the handlers.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ipyrust import _core, comms, context
from ipyrust.session import Session, Socket
from ipyrust.stdin import Questions

if TYPE_CHECKING:
    from ipyrust.comms import CommManager
    from ipyrust.debugger import Debugger
    from ipyrust.ioloop import IoLoop
    from ipyrust.shell import ZMQInteractiveShell
    from ipyrust.subshells import Subshells

# What ipykernel has under these names is a function that is given (stream, identities, message).
LegacyHandler = Callable[[Any, Any, dict[str, Any]], Any]


class Kernel:
    """The kernel of this process."""

    implementation = "ipyrust"
    language = "python"
    int_id = -1
    shell: ZMQInteractiveShell
    io_loop: IoLoop
    control_thread: Any = None
    # The GUI toolkit's loop, if `%gui` has asked for one.
    eventloop: Any = None

    def __init__(self, core: _core.Kernel, app: Any, log: logging.Logger) -> None:
        self.core = core
        self.app = app
        self.parent = app
        self.log = log
        self.iopub = core.iopub
        self.session = Session(core)
        self.iopub_socket = Socket("iopub")
        self.stdin_socket = Socket("stdin")
        self.control_socket = Socket("control")
        self.shell_stream = Socket("shell")
        self.control_stream = self.control_socket
        self.questions = Questions(core.stdin)
        self.comm_manager: CommManager = comms.install(self)
        # A library that puts a handler here is asked before ours.
        self.shell_handlers: dict[str, LegacyHandler] = {}
        self.control_handlers: dict[str, LegacyHandler] = {}
        self.control_parent: _core.Parent | None = None
        self._debugger: Debugger | None = None
        self._subshells: Subshells | None = None

    # What it is.

    @property
    def implementation_version(self) -> str:
        return _core.__version__

    @property
    def ident(self) -> str:
        return self.core.ident

    @property
    def connection_file(self) -> str:
        return self.core.connection_file

    @property
    def kernel_info(self) -> dict[str, Any]:
        return self.core.kernel_info()

    @property
    def language_info(self) -> dict[str, Any]:
        info: dict[str, Any] = self.core.kernel_info()["language_info"]
        return info

    @property
    def help_links(self) -> list[dict[str, str]]:
        links: list[dict[str, str]] = self.core.kernel_info()["help_links"]
        return links

    @property
    def banner(self) -> str:
        return str(self.core.kernel_info()["banner"])

    @property
    def config(self) -> Any:
        return self.app.config

    @property
    def execution_count(self) -> int:
        return int(self.shell.execution_count)

    @execution_count.setter
    def execution_count(self, value: int) -> None:
        """Nothing: the shell counts."""

    @property
    def user_ns(self) -> dict[str, Any]:
        return self.shell.user_ns  # type: ignore[no-any-return]

    @property
    def user_module(self) -> Any:
        return self.shell.user_module

    @property
    def debugger(self) -> Debugger:
        """The debugger; debugpy is loaded by the first question that needs it."""
        if self._debugger is None:
            from ipyrust.debugger import Debugger

            self._debugger = Debugger(self.shell, self._publish_debug_event)
        return self._debugger

    @property
    def subshells(self) -> Subshells:
        if self._subshells is None:
            from ipyrust.subshells import Subshells

            self._subshells = Subshells(self)
        return self._subshells

    # Who asked.

    def get_parent(self, channel: str | None = None) -> dict[str, Any]:
        """The request that this thread or task works for."""
        parent = self.control_parent if channel == "control" else context.current_parent()
        return parent.message if parent is not None else {}

    def set_parent(self, ident: Any, parent: dict[str, Any], channel: str = "shell") -> None:
        """Work for this request from here on, in this thread or task."""
        if channel == "control":
            self.control_parent = _core.Parent.from_message(parent)
        else:
            context.set_parent(_core.Parent.from_message(parent))

    @property
    def _parent_header(self) -> dict[str, Any]:
        return self.get_parent()

    # What libraries ask it to do.

    def send_response(
        self,
        stream: Any,
        msg_or_type: str | Mapping[str, Any],
        content: Mapping[str, Any] | None = None,
        ident: Any = None,
        buffers: Any = None,
        track: bool = False,
        header: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        channel: str | None = None,
    ) -> dict[str, Any]:
        """Publish a message for the request that this thread or task works for."""
        return self.session.send(
            stream,
            msg_or_type,
            content,
            parent=self.get_parent(channel),
            ident=ident,
            buffers=buffers,
            track=track,
            header=header,
            metadata=metadata,
        )

    def raw_input(self, prompt: object = "") -> str:
        """Ask the person at the client."""
        return self.questions.raw_input(prompt)

    def getpass(self, prompt: object = "", stream: Any = None) -> str:
        """Ask the person at the client for what is not to be shown."""
        return self.questions.getpass(prompt)

    def stop_after_reply(self) -> None:
        """End the kernel once the running cell is answered: what `exit` means."""
        self.app.exit()

    def do_shutdown(self, restart: bool) -> dict[str, Any]:
        """End the kernel."""
        self.app.stop()
        return {"status": "ok", "restart": restart}

    def _topic(self, topic: str) -> bytes:
        return f"kernel.{self.ident}.{topic}".encode()

    def _publish_debug_event(self, content: dict[str, Any]) -> None:
        parent = self.control_parent or context.latest()
        self.iopub.publish("debug_event", content, parent)
