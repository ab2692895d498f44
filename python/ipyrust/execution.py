"""`execute_request`: a cell, from its code to its reply."""

from __future__ import annotations

import asyncio
import os
from functools import lru_cache
from inspect import signature
from types import CodeType
from typing import TYPE_CHECKING, Any

from IPython.core.async_helpers import _asyncio_runner
from IPython.core.interactiveshell import InteractiveShell

from ipyrust import _core, context
from ipyrust.interrupts import interrupts
from ipyrust.shell import text_of

if TYPE_CHECKING:
    from ipyrust._core import Request
    from ipyrust.kernel import Kernel
    from ipyrust.shell import ZMQInteractiveShell


async def execute(kernel: Kernel, request: Request, *, on_main: bool) -> bool:
    """Run the cell and answer; whether the cells behind it are not to be run."""
    content = request.content
    shell = kernel.shell
    code: str = content["code"]
    silent: bool = content.get("silent", False)
    execution = context.Execution(silent=silent)
    context.execution.set(execution)
    if not silent:
        kernel.iopub.publish(
            "execute_input",
            {"code": code, "execution_count": shell.execution_count},
            request.parent,
        )
    loop = asyncio.get_running_loop()
    cell = interrupts.begin(loop, asyncio.current_task()) if on_main else None
    work = _run(shell, content, request.metadata)
    torn = False  # IPython has not come to show the error.
    try:
        if cell is not None:
            result = await interrupts.guarded_cell(cell, work)
        else:
            result = await work
        error = result.error_before_exec or result.error_in_exec
        if isinstance(error, asyncio.CancelledError) and interrupts.is_cancelled():
            error = KeyboardInterrupt()
    except (KeyboardInterrupt, asyncio.CancelledError) as raised:
        # It hit IPython's machinery around the code: what a person sees is the same.
        interrupted = cell is not None or interrupts.is_cancelled()
        error = KeyboardInterrupt() if interrupted else raised
        execution.error = None
        torn = True
    finally:
        if cell is not None:
            interrupts.end(cell)
        context.execution.set(None)
    if _core.forked():
        # The cell has called `os.fork` and let the child come back here: it has no kernel.
        os._exit(0 if error is None else 1)
    _core.flush_c_stdio()  # What C code has printed belongs before the reply.
    reply = _reply(kernel, execution, error, request, torn=torn)
    aborts = bool(reply["status"] == "error" and not silent and content.get("stop_on_error", True))
    request.reply(reply, abort_others=aborts)
    return aborts


async def _run(
    shell: ZMQInteractiveShell, content: dict[str, Any], metadata: dict[str, Any]
) -> Any:
    code = content["code"]
    silent = content.get("silent", False)
    options: dict[str, Any] = {
        "store_history": bool(content.get("store_history", not silent)),
        "silent": silent,
    }
    known = _known_options(shell)
    if "cell_id" in known:
        options["cell_id"] = metadata.get("cellId")
    if "cell_meta" in known:
        options["cell_meta"] = metadata
    transformed, problem = _transform(shell, code)
    if (
        problem is None
        and shell.loop_runner is _asyncio_runner
        and shell.should_run_async(code, transformed_cell=transformed)
    ):
        result = None
        try:
            result = await shell.run_cell_async(code, transformed_cell=transformed, **options)
        finally:
            shell.events.trigger("post_execute")
            if not silent:
                shell.events.trigger("post_run_cell", result)
    else:
        # Through the public method: VS Code and others wrap it. The transformed text is reused.
        if problem is None:
            shell.remember_transformed(code, transformed)
        result = shell.run_cell(code, **options)
    execution = context.execution.get()
    if execution is not None and result.success:
        expressions = content.get("user_expressions") or {}
        execution.expressions = shell.user_expressions(expressions) if expressions else {}
    return result


# Stands on the stack below whatever the cell itself does.
CELL_CODE: CodeType = _run.__code__


def _transform(shell: ZMQInteractiveShell, code: str) -> tuple[str, Exception | None]:
    try:
        return shell.transform_cell(code), None
    except Exception as problem:
        # IPython meets it again where it can show it.
        return code, problem


def _reply(
    kernel: Kernel,
    execution: context.Execution,
    error: BaseException | None,
    request: Request,
    *,
    torn: bool,
) -> dict[str, Any]:
    shell = kernel.shell
    reply: dict[str, Any] = {
        "status": "ok",
        "execution_count": shell.execution_count - 1,
        "user_expressions": execution.expressions,
        "payload": execution.payloads,
    }
    shown = execution.error
    if error is None and execution.result_failed and shown is not None:
        reply.update(shown, status="error", user_expressions={})
    elif error is not None:
        if shown is None:
            shown = {"ename": type(error).__name__, "evalue": text_of(error), "traceback": []}
            if torn and isinstance(error, KeyboardInterrupt):
                shown["traceback"] = ["KeyboardInterrupt"]
                kernel.iopub.publish("error", shown, request.parent)
        reply.update(shown, status="error", user_expressions={})
        # As the error is known by: what was shown last may be the error of an error's display.
        reply["ename"] = type(error).__name__
        reply["evalue"] = text_of(error)
    if reply["status"] == "error":
        reply["engine_info"] = {
            "engine_uuid": kernel.ident,
            "engine_id": kernel.int_id,
            "method": "execute",
        }
    return reply


def _known_options(shell: ZMQInteractiveShell) -> frozenset[str]:
    # `cell_id` came with IPython 8.2, `cell_meta` with 9; who wraps `run_cell` may know neither.
    known = _parameters(InteractiveShell.run_cell)
    replaced = vars(shell).get("run_cell")
    if replaced is not None:
        parameters = _parameters(replaced)
        if "**" not in parameters:
            known &= parameters
    return known


@lru_cache(maxsize=4)
def _parameters(function: Any) -> frozenset[str]:
    try:
        parameters = signature(function).parameters.values()
    except (TypeError, ValueError):
        return frozenset()
    return frozenset("**" if p.kind is p.VAR_KEYWORD else p.name for p in parameters)
