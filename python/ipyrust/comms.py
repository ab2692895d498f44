"""Comms: the hooks of the `comm` package, with the kernel behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import comm
from comm.base_comm import BaseComm
from comm.base_comm import CommManager as BaseCommManager

from ipyrust import context

if TYPE_CHECKING:
    from ipyrust.kernel import Kernel

_kernel: Kernel | None = None


class Comm(BaseComm):  # type: ignore[misc]
    """A comm whose messages are published for the cell that sends them."""

    @property
    def kernel(self) -> Kernel | None:
        return _kernel

    def publish_msg(
        self,
        msg_type: str,
        data: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
        buffers: Any = None,
        **keys: Any,
    ) -> None:
        if _kernel is None:
            return
        _kernel.iopub.publish(
            msg_type,
            {"data": data or {}, "comm_id": self.comm_id, **keys},
            context.current_parent(),
            metadata=metadata or {},
            buffers=buffers,
            topic=self.topic,
        )


class CommManager(BaseCommManager):  # type: ignore[misc]
    """The manager of the kernel's comms: `comm.get_comm_manager()` and `kernel.comm_manager`."""

    def __init__(self, kernel: Kernel) -> None:
        super().__init__()
        self.kernel = kernel


def install(kernel: Kernel) -> CommManager:
    """Make the `comm` package use this kernel."""
    global _kernel
    _kernel = kernel
    manager = CommManager(kernel)

    def create_comm(*args: Any, **kwargs: Any) -> Comm:
        return Comm(*args, **kwargs)

    def get_comm_manager() -> CommManager:
        return manager

    # Who imported the manager before us has filled it; nothing of that is to be lost.
    earlier = comm._comm_manager
    if earlier is not None:
        manager.targets.update(earlier.targets)
        manager.comms.update(earlier.comms)
    comm.create_comm = create_comm
    comm.get_comm_manager = get_comm_manager
    return manager


def comm_info(manager: CommManager, target_name: str | None) -> dict[str, Any]:
    """The `comms` of a `comm_info_reply`."""
    return {
        comm_id: {"target_name": found.target_name}
        for comm_id, found in list(manager.comms.items())
        if target_name is None or found.target_name == target_name
    }
