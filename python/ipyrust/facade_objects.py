"""The objects of the `ipykernel` facade that have no counterpart of their own in this kernel.

`Kernel` is what libraries take to reach the running kernel (`Kernel.instance()`) or derive from to
send comm messages by another transport (panel, ipywidgets_bokeh). It does not run a kernel.
"""

from __future__ import annotations

import base64
import logging
import uuid
from collections.abc import Mapping
from typing import Any

from comm.base_comm import CommManager as BaseCommManager
from traitlets import Any as AnyTrait
from traitlets import Dict, MetaHasTraits, Unicode, default
from traitlets.config import SingletonConfigurable
from traitlets.config.configurable import LoggingConfigurable

from ipyrust import _core, comms
from ipyrust.connect import running_kernel
from ipyrust.kernel import Kernel as OurKernel


class _KernelType(MetaHasTraits):
    """The running kernel counts as an instance of the classes it stands in for."""

    def __instancecheck__(self, instance: object) -> bool:
        return isinstance(instance, OurKernel) or super().__instancecheck__(instance)


class Kernel(SingletonConfigurable, metaclass=_KernelType):
    """What a library's own kernel needs of ipykernel's base class to pass messages on."""

    implementation = ""
    implementation_version = ""
    banner = ""
    language_info: Any = Dict()
    shell: Any = AnyTrait(allow_none=True)
    session: Any = AnyTrait(allow_none=True)
    iopub_socket: Any = AnyTrait(allow_none=True)
    stdin_socket: Any = AnyTrait(allow_none=True)
    shell_stream: Any = AnyTrait(allow_none=True)
    control_stream: Any = AnyTrait(allow_none=True)
    comm_manager: Any = AnyTrait(allow_none=True)
    io_loop: Any = AnyTrait(allow_none=True)
    user_ns: Any = AnyTrait(allow_none=True)
    ident = Unicode()
    log: Any = AnyTrait()

    msg_types = (
        *("execute_request", "complete_request", "inspect_request", "history_request"),
        *("comm_info_request", "kernel_info_request", "connect_request", "shutdown_request"),
        *("is_complete_request", "interrupt_request", "comm_open", "comm_msg", "comm_close"),
    )

    @default("ident")
    def _default_ident(self) -> str:
        return str(uuid.uuid4())

    @default("log")
    def _default_log(self) -> Any:
        return logging.getLogger("traitlets")

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.shell_handlers: dict[str, Any] = {}
        self.control_handlers: dict[str, Any] = {}
        self._parents: dict[str, dict[str, Any]] = {}
        self._parent_ident: dict[str, Any] = {}

    def get_parent(self, channel: str | None = None) -> dict[str, Any]:
        return self._parents.get(channel or "shell", {})

    def set_parent(self, ident: Any, parent: dict[str, Any], channel: str = "shell") -> None:
        self._parent_ident[channel] = ident
        self._parents[channel] = parent

    @property
    def _parent_header(self) -> dict[str, Any]:
        return self.get_parent()

    def send_response(
        self, stream: Any, msg_or_type: Any, content: Any = None, **options: Any
    ) -> dict[str, Any] | None:
        channel = options.pop("channel", None)
        if self.session is None:
            return None
        message: dict[str, Any] = self.session.send(
            stream, msg_or_type, content, self.get_parent(channel), **options
        )
        return message

    def _topic(self, topic: str) -> bytes:
        return f"kernel.{self.ident}.{topic}".encode()


class IPythonKernel(Kernel):
    """The name under which IPython's kernel is asked for."""

    implementation = "ipython"


# `Kernel.instance()` and `Kernel._instance` are the kernel that runs.
Kernel._instance = IPythonKernel._instance = running_kernel()


class Comm(comms.Comm):
    """A comm which belongs to the kernel that is current when it is made.

    A library may have put a kernel of its own in the place of ours; then its messages are that
    kernel's to send.
    """

    def __init__(
        self,
        target_name: str = "",
        data: Any = None,
        metadata: Any = None,
        buffers: Any = None,
        show_warning: bool | None = None,
        **options: Any,
    ) -> None:
        kernel = options.pop("kernel", None)
        options.pop("parent", None)
        self._kernel: Any = kernel if kernel is not None else Kernel._instance
        super().__init__(
            target_name=target_name, data=data, metadata=metadata, buffers=buffers, **options
        )

    @property
    def kernel(self) -> Any:
        return self._kernel

    def publish_msg(
        self,
        msg_type: str,
        data: Any = None,
        metadata: Any = None,
        buffers: Any = None,
        **keys: Any,
    ) -> None:
        if self._kernel is None or isinstance(self._kernel, OurKernel):
            super().publish_msg(msg_type, data, metadata, buffers, **keys)
            return
        self._kernel.session.send(
            self._kernel.iopub_socket,
            msg_type,
            {"data": json_clean(data or {}), "comm_id": self.comm_id, **keys},
            metadata=json_clean(metadata or {}),
            parent=self._kernel.get_parent(),
            ident=self.topic,
            buffers=buffers,
        )


class CommManager(LoggingConfigurable, BaseCommManager):  # type: ignore[misc]
    """A comm manager of a library's own."""

    kernel: Any = AnyTrait()
    comms: Any = Dict()
    targets: Any = Dict()

    def __init__(self, kernel: Any = None, **options: Any) -> None:
        super().__init__(**options)
        BaseCommManager.__init__(self)
        self.kernel = kernel


def json_clean(value: Any) -> Any:
    """The value as it will arrive at the client."""
    return _core.json_decode(_core.json_encode(value))


def json_default(value: Any) -> Any:
    """What JSON makes of a value it has no notation for."""
    return _core.json_decode(_core.json_encode(value))


def encode_images(format_dict: Mapping[str, Any]) -> dict[str, Any]:
    """A mime bundle with its binary values as base64 text."""
    return {
        mime: base64.b64encode(value).decode("ascii") if isinstance(value, bytes) else value
        for mime, value in format_dict.items()
    }


__all__ = [
    "Comm",
    "CommManager",
    "IPythonKernel",
    "Kernel",
    "encode_images",
    "json_clean",
    "json_default",
]
