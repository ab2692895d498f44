"""Payloads: what a cell asks its client to do, sent with the reply of the cell."""

from __future__ import annotations

from typing import Any

from IPython.core.autocall import ZMQExitAutocall
from IPython.core.payload import PayloadManager

from ipyrust import context

__all__ = ["PayloadsOfCell", "ZMQExitAutocall", "page_payload", "set_pager"]


class PayloadsOfCell(PayloadManager):  # type: ignore[misc]
    """Keeps payloads apart by cell: cells of subshells run at the same time."""

    def write_payload(self, data: dict[str, Any], single: bool = True) -> None:
        execution = context.execution.get()
        if execution is None:
            super().write_payload(data, single)
            return
        if not isinstance(data, dict):
            raise TypeError(f"Each payload write must be a dict, got: {data!r}")
        source = data.get("source")
        if single and source is not None:
            for index, payload in enumerate(execution.payloads):
                if payload.get("source") == source:
                    execution.payloads[index] = data
                    return
        execution.payloads.append(data)

    def read_payload(self) -> list[dict[str, Any]]:
        execution = context.execution.get()
        if execution is None:
            return list(super().read_payload())
        return execution.payloads

    def clear_payload(self) -> None:
        execution = context.execution.get()
        if execution is None:
            super().clear_payload()
        else:
            execution.payloads = []


def page_payload(data: Any, start: int) -> dict[str, Any]:
    """The payload that shows text or a mime bundle in the client's pager."""
    bundle = data if isinstance(data, dict) else {"text/plain": data}
    # Offsets that were computed may come out below the first line.
    return {"source": "page", "data": bundle, "start": max(0, start)}


def set_pager(shell: Any) -> None:
    """Make IPython's pager (`?`, `%less`, ...) the client's."""

    def show(
        hooked: Any, data: Any, start: int = 0, screen_lines: int = 0, pager_cmd: Any = None
    ) -> None:
        shell.payload_manager.write_payload(page_payload(data, start))

    shell.set_hook("show_in_pager", show, 99)
