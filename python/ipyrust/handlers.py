"""What each request is answered with; one function per type.

`execute_request` has a module of its own. What needs no Python (kernel_info, connect, interrupt,
usage) never arrives here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ipyrust import comms, completion, history, inspection

if TYPE_CHECKING:
    from ipyrust._core import Request
    from ipyrust.kernel import Kernel

# The content of the reply; `None` if there is none.
Handler = Callable[["Kernel", "Request"], "dict[str, Any] | None"]


PARTIAL = {"ipyrust": {"partial": True}}  # In the metadata of answers that lack jedi's part.


def complete(kernel: Kernel, request: Request) -> dict[str, Any] | None:
    content = request.content
    code, position = content["code"], content.get("cursor_pos")
    if completion.jedi_is_ready(kernel.shell):
        return completion.complete(kernel.shell, code, position)
    request.reply(completion.complete(kernel.shell, code, position, quick=True), metadata=PARTIAL)
    completion.make_jedi_ready()
    return None


def inspect(kernel: Kernel, request: Request) -> dict[str, Any]:
    content = request.content
    return inspection.inspect(
        kernel.shell,
        content["code"],
        content.get("cursor_pos"),
        content.get("detail_level", 0),
        tuple(content.get("omit_sections") or ()),
    )


def is_complete(kernel: Kernel, request: Request) -> dict[str, Any]:
    status, indent = kernel.shell.input_transformer_manager.check_complete(request.content["code"])
    reply = {"status": status}
    if status == "incomplete":
        reply["indent"] = " " * (indent or 0)
    return reply


def history_(kernel: Kernel, request: Request) -> dict[str, Any]:
    return history.history_reply(kernel.shell, request.content)


def comm_info(kernel: Kernel, request: Request) -> dict[str, Any]:
    target_name = request.content.get("target_name")
    return {"status": "ok", "comms": comms.comm_info(kernel.comm_manager, target_name)}


def comm_open(kernel: Kernel, request: Request) -> None:
    kernel.comm_manager.comm_open(kernel.shell_stream, "", message(request))


def comm_msg(kernel: Kernel, request: Request) -> None:
    kernel.comm_manager.comm_msg(kernel.shell_stream, "", message(request))


def comm_close(kernel: Kernel, request: Request) -> None:
    kernel.comm_manager.comm_close(kernel.shell_stream, "", message(request))


def shutdown(kernel: Kernel, request: Request) -> dict[str, Any]:
    # The kernel is stopped once this is answered: whoever serves the request sees to it.
    content = {"status": "ok", "restart": bool(request.content.get("restart", False))}
    # The clients that did not ask learn of it, too.
    kernel.iopub.publish("shutdown_reply", content, request.parent, topic=kernel._topic("shutdown"))
    return content


def debug(kernel: Kernel, request: Request) -> dict[str, Any]:
    kernel.control_parent = request.parent
    return kernel.debugger.process(request.content)


def create_subshell(kernel: Kernel, request: Request) -> dict[str, Any]:
    return {"status": "ok", "subshell_id": kernel.subshells.create()}


def delete_subshell(kernel: Kernel, request: Request) -> dict[str, Any]:
    subshell_id: Any = request.content.get("subshell_id")
    if not kernel.subshells.delete(subshell_id):
        raise KeyError(f"there is no subshell {subshell_id!r}")
    return {"status": "ok"}


def list_subshell(kernel: Kernel, request: Request) -> dict[str, Any]:
    return {"status": "ok", "subshell_id": kernel.subshells.list()}


SHELL: dict[str, Handler] = {
    "complete_request": complete,
    "inspect_request": inspect,
    "is_complete_request": is_complete,
    "history_request": history_,
    "comm_info_request": comm_info,
    "comm_open": comm_open,
    "comm_msg": comm_msg,
    "comm_close": comm_close,
    "shutdown_request": shutdown,  # On shell it is deprecated, and still used.
}

CONTROL: dict[str, Handler] = {
    "shutdown_request": shutdown,
    "debug_request": debug,
    "create_subshell_request": create_subshell,
    "delete_subshell_request": delete_subshell,
    "list_subshell_request": list_subshell,
}

# While a cell keeps the main thread busy, these are answered beside it, by the control thread and
# without jedi, which may take seconds and is not made for two threads.
BESIDE_A_CELL: dict[str, Handler] = {
    "complete_request": lambda kernel, request: completion.complete(
        kernel.shell, request.content["code"], request.content.get("cursor_pos"), quick=True
    ),
    "inspect_request": inspect,
    "is_complete_request": is_complete,
}


def message(request: Request) -> dict[str, Any]:
    """A request as jupyter_client's messages are: nested dictionaries."""
    return dict(request.parent.message)
