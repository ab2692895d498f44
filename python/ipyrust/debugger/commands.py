"""The debugger's commands: what a `debug_request` asks for and what is answered.

A command is answered here when debugpy does not know it (it is Jupyter's own) or when a notebook
needs more than the Debug Adapter Protocol says; everything else is forwarded. `process` runs on the
control thread, so a stopped cell hinders nothing; events come from a thread of the connection.
"""

from __future__ import annotations

import ast
import contextlib
import json
import logging
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

from . import cells
from .client import Client, DebugError, Message
from .tracing import Tracer
from .variables import LiveVariables, is_shown

REQUEST_TIMEOUT = 30.0  # Evaluating an expression may take long; being silent for ever may not.

logger = logging.getLogger(__name__)


class Debugger:
    """The debugger of one kernel; there is one per process."""

    def __init__(self, shell: Any, publish: Callable[[Message], None]) -> None:
        """`publish` sends the content of a `debug_event`."""
        self._shell = shell
        self._publish = publish
        self._tracer = Tracer(shell, self._release_others)
        self._client: Client | None = None
        self._attached = False
        self._live: LiveVariables | None = None
        self._breakpoints: dict[str, list[Message]] = {}
        # Shared with the thread of events.
        self._lock = threading.Lock()
        self._stopped_threads: set[int] = set()

    def process(self, request: Message) -> Message:
        """Answer the content of a `debug_request`; whatever is wrong with it becomes the answer."""
        command = request.get("command")
        response: Message = {
            "seq": 0,
            "type": "response",
            "request_seq": request.get("seq", 0),
            "success": False,
            "command": command,
        }
        try:
            if not isinstance(command, str):
                raise DebugError("the debug request has no `command`")
            arguments = request.get("arguments")
            if not isinstance(arguments, dict | None):
                raise DebugError(f"`{command}`: `arguments` is not an object")
            handler = _COMMANDS.get(command, Debugger._forward)
            answer = handler(self, command, arguments or {})
        except DebugError as error:
            answer = {"success": False, "message": str(error)}
        except Exception as error:
            # Values are foreign code: their repr may do anything. The debugger goes on.
            logger.warning("debug request %r failed", command, exc_info=True)
            answer = {"success": False, "message": f"`{command}` failed: {error!r}"}
        return {**response, **answer}

    def close(self) -> None:
        """End the session as the kernel ends."""
        self._end()

    # What Jupyter adds to the protocol; it needs no session.

    def _debug_info(self, command: str, arguments: Message) -> Message:
        with self._lock:
            stopped = sorted(self._stopped_threads)
        return _success(
            {
                "isStarted": self._client is not None,
                "hashMethod": cells.HASH_METHOD,
                "hashSeed": cells.HASH_SEED,
                "tmpFilePrefix": cells.cell_directory() + os.sep,
                "tmpFileSuffix": cells.FILE_SUFFIX,
                "breakpoints": [
                    {"source": source, "breakpoints": breakpoints}
                    for source, breakpoints in self._breakpoints.items()
                ],
                "stoppedThreads": stopped,
                "richRendering": True,
                "exceptionPaths": ["Python Exceptions"],
                "copyToGlobals": True,
            }
        )

    def _dump_cell(self, command: str, arguments: Message) -> Message:
        path = cells.cell_file_name(_text(command, arguments, "code"))
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with open(path, "w", encoding="utf-8", errors="surrogatepass", newline="") as file:
            file.write(arguments["code"])
        return _success({"sourcePath": path})

    def _source(self, command: str, arguments: Message) -> Message:
        source = arguments.get("source")
        if not isinstance(source, dict):
            raise DebugError("`source`: `source` is missing")
        path = _text(command, source, "path")
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                return _success({"content": file.read()})
        except OSError as error:
            raise DebugError(f"`source` cannot read {path}: {error.strerror}") from error

    def _modules(self, command: str, arguments: Message) -> Message:
        modules = list(sys.modules.values())
        first = arguments.get("startModule") or 0
        count = arguments.get("moduleCount") or len(modules)
        found = []
        for number, module in enumerate(modules[first : first + count], first):
            path = getattr(getattr(module, "__spec__", None), "origin", None)
            if isinstance(path, str) and path.endswith(".py"):
                found.append({"id": number, "name": module.__name__, "path": path})
        return _success({"modules": found, "totalModules": len(modules)})

    def _inspect_variables(self, command: str, arguments: Message) -> Message:
        self._forget_live()
        self._live = LiveVariables(self._shell.user_ns)
        return _success({"variables": self._live.children()})

    def _rich_inspect_variables(self, command: str, arguments: Message) -> Message:
        name = _text(command, arguments, "variableName")
        if name in ("special variables", "function variables"):
            # Groups that debugpy makes; they have nothing to show.
            return _success({"data": {}, "metadata": {}})
        if not name.isidentifier():
            return {
                "success": False,
                "message": f"`{command}`: {name!r} is not the name of a variable",
                "body": {"data": {}, "metadata": {}},
            }
        frame = arguments.get("frameId")
        if frame is None or not self._is_stopped():
            result = self._shell.user_expressions({name: name})[name]
            if result.get("status") != "ok":
                message = f"`{command}`: {result.get('ename')}: {result.get('evalue')}"
                return {
                    "success": False,
                    "message": message,
                    "body": {"data": {}, "metadata": {}},
                }
            data, metadata = result.get("data", {}), result.get("metadata", {})
        else:
            # Evaluated where the cell is stopped; the text comes back as its `repr`, whole because
            # the context is the clipboard.
            response = self._ask(
                "evaluate",
                {
                    "expression": f"__import__({variables_module!r}, fromlist=['*'])"
                    f".rich_json({name})",
                    "frameId": frame,
                    "context": "clipboard",
                },
            )
            if not response.get("success"):
                return {**response, "body": {"data": {}, "metadata": {}}}
            data, metadata = json.loads(ast.literal_eval(response["body"]["result"]))
        metadata = {mime: value for mime, value in metadata.items() if mime in data}
        return _success({"data": data, "metadata": metadata})

    # What the protocol has too, with something to add.

    def _initialize(self, command: str, arguments: Message) -> Message:
        if self._client is None:
            self._client = self._connect()
        # Kind to clients that leave out what debugpy insists on.
        return self._ask(command, {"adapterID": "debugpy", **arguments})

    def _attach(self, command: str, arguments: Message) -> Message:
        self._session(command)
        host, port = self._tracer.listen()
        arguments = {
            "type": "python",
            "request": "attach",
            **arguments,
            "connect": {"host": host, "port": port},
            # The user's own rules come first: the first that matches a file decides.
            "rules": [*(arguments.get("rules") or ()), *_internal_rules()],
            # The kernel goes on after a debugger leaves.
            "subProcess": False,
        }
        # debugpy answers only after `configurationDone`, which `_handle_event` sends.
        response = self._ask(command, arguments)
        if response.get("success"):
            self._attached = True
            self._tracer.attach()
        return response

    def _configuration_done(self, command: str, arguments: Message) -> Message:
        self._session(command)
        if not self._attached:
            raise DebugError("`configurationDone`: nothing is attached yet; send `attach` first")
        return {"success": True}  # Said to debugpy while it was attached.

    def _disconnect(self, command: str, arguments: Message) -> Message:
        if self._client is None:
            return {"success": True}
        self._client.leaving = True
        try:
            # A client that leaves must not take the kernel with it.
            return self._ask(command, {**arguments, "terminateDebuggee": False})
        finally:
            self._end()

    def _set_breakpoints(self, command: str, arguments: Message) -> Message:
        source = arguments.get("source")
        if not isinstance(source, dict):
            raise DebugError("`setBreakpoints`: `source` is missing")
        path = _text(command, source, "path")
        response = self._ask(command, arguments)
        if response.get("success"):
            # debugpy moves a breakpoint to a line that has code; what stands is what it says.
            asked = arguments.get("breakpoints") or []
            placed = response.get("body", {}).get("breakpoints", [])
            self._breakpoints[path] = [
                {**(asked[i] if i < len(asked) else {}), "line": stands["line"]}
                for i, stands in enumerate(placed)
                if stands.get("line")  # Zero: no line of the cell has code there.
            ]
        return response

    def _stack_trace(self, command: str, arguments: Message) -> Message:
        response = self._ask(command, arguments)
        frames = response.get("body", {}).get("stackFrames")
        if response.get("success") and frames:
            # Below the cell's own outermost frame are IPython's and ours.
            for index in range(len(frames) - 1, -1, -1):
                if cells.is_cell_file((frames[index].get("source") or {}).get("path") or ""):
                    del frames[index + 1 :]
                    break
            response["body"]["totalFrames"] = len(frames)
        return response

    def _variables(self, command: str, arguments: Message) -> Message:
        reference = arguments.get("variablesReference")
        if not isinstance(reference, int):
            raise DebugError("`variables`: `variablesReference` is missing or not a number")
        # Told apart by the reference itself: what `inspectVariables` gave out are addresses, what
        # debugpy gives out are small numbers.
        if self._live is not None and self._live.knows(reference):
            found = self._live.children(reference, arguments.get("format"))
            return _success({"variables": found})
        response = self._ask(command, arguments)
        if response.get("success"):
            body = response["body"]
            body["variables"] = [each for each in body["variables"] if is_shown(each["name"])]
        return response

    def _copy_to_globals(self, command: str, arguments: Message) -> Message:
        names = [_text(command, arguments, key) for key in ("srcVariableName", "dstVariableName")]
        for name in names:
            # They become part of an expression: nothing but a name may.
            if not name.isidentifier():
                raise DebugError(f"`{command}`: {name!r} is not the name of a variable")
        source, destination = names
        return self._ask(
            "setExpression",
            {
                "expression": f"globals()[{destination!r}]",
                "value": source,
                "frameId": arguments.get("srcFrameId"),
            },
        )

    def _resume(self, command: str, arguments: Message) -> Message:
        # Before it is sent: the event that says so may come after the cell's end, and the next
        # stop may come before the response is looked at.
        with self._lock:
            stopped = set(self._stopped_threads)
            self._stopped_threads.clear()
        response = self._ask(command, arguments)
        if not response.get("success"):
            with self._lock:
                self._stopped_threads |= stopped
        return response

    def _forward(self, command: str, arguments: Message) -> Message:
        return self._ask(command, arguments)

    # The session.

    def _session(self, command: str) -> Client:
        if self._client is None:
            raise DebugError(f"`{command}`: no debug session; send `initialize` and then `attach`")
        return self._client

    def _ask(self, command: str, arguments: Message) -> Message:
        """What debugpy answers, less what belongs to its own connection."""
        response = self._session(command).request(command, arguments, REQUEST_TIMEOUT)
        answer: Message = {
            key: response[key] for key in ("success", "message", "body") if key in response
        }
        answer["seq"] = response.get("seq", 0)
        return answer

    def _connect(self) -> Client:
        address = self._tracer.listen()
        try:
            return Client(address, self._handle_event, self._lose)
        except OSError as error:
            raise DebugError(f"cannot connect to debugpy: {error}") from error

    def _lose(self) -> None:
        """The adapter is gone: a later `initialize` starts anew, as far as that is possible."""
        logger.warning("the debug adapter has closed the connection")
        self._end()
        self._publish({"seq": 0, "type": "event", "event": "terminated"})

    def _end(self) -> None:
        client, self._client = self._client, None
        self._attached = False
        self._tracer.detach()
        self._forget_live()
        self._breakpoints = {}
        with self._lock:
            self._stopped_threads.clear()
        if client is not None:
            client.close()

    def _forget_live(self) -> None:
        live, self._live = self._live, None
        if live is not None:
            live.close()

    # Events.

    def _handle_event(self, event: Message) -> None:
        body = event.get("body") or {}
        match event.get("event"):
            case "initialized":
                if self._client is not None:
                    with contextlib.suppress(DebugError):  # Then `attach` fails and says why.
                        self._client.send("configurationDone", None)
            case "stopped":
                # A client asks at once which threads are stopped; `debugInfo` then knows.
                stopped = {body["threadId"]} if "threadId" in body else set()
                if body.get("allThreadsStopped"):
                    stopped |= self._thread_ids()
                with self._lock:
                    self._stopped_threads |= stopped
            case "continued":
                with self._lock:
                    if body.get("allThreadsContinued", True):
                        self._stopped_threads.clear()
                    else:
                        self._stopped_threads.discard(body.get("threadId", 0))
            case "output" if "Debugging will be disabled for this thread" in body.get("output", ""):
                return  # The tracer enables it again before the next cell.
        self._publish(event)

    def _thread_ids(self) -> set[int]:
        client = self._client
        if client is None:
            return set()
        try:
            response = client.request("threads", None, timeout=5)
        except DebugError:
            return set()
        return {thread["id"] for thread in response.get("body", {}).get("threads", [])}

    def _is_stopped(self) -> bool:
        with self._lock:
            return bool(self._stopped_threads)

    def _release_others(self) -> None:
        """Others are stopped together with a cell that is interrupted; this is a signal handler."""
        client = self._client
        if client is not None:
            client.call_soon(self._release)

    def _release(self) -> None:
        client = self._client
        with self._lock:
            threads = sorted(self._stopped_threads)
        if client is not None and threads:
            with contextlib.suppress(DebugError):  # One means all of them.
                client.send("continue", {"threadId": threads[-1]})


variables_module = LiveVariables.__module__

_COMMANDS: dict[str, Callable[[Debugger, str, Message], Message]] = {
    "debugInfo": Debugger._debug_info,
    "dumpCell": Debugger._dump_cell,
    "source": Debugger._source,
    "modules": Debugger._modules,
    "inspectVariables": Debugger._inspect_variables,
    "richInspectVariables": Debugger._rich_inspect_variables,
    "copyToGlobals": Debugger._copy_to_globals,
    "initialize": Debugger._initialize,
    "attach": Debugger._attach,
    "configurationDone": Debugger._configuration_done,
    "disconnect": Debugger._disconnect,
    "setBreakpoints": Debugger._set_breakpoints,
    "stackTrace": Debugger._stack_trace,
    "variables": Debugger._variables,
    **dict.fromkeys(("continue", "next", "stepIn", "stepOut"), Debugger._resume),
    # The rest is debugpy's: pause, threads, scopes, evaluate, setVariable, exceptionInfo,
    # setExceptionBreakpoints, ...
}


def _success(body: Message) -> Message:
    return {"success": True, "body": body}


def _text(command: str, arguments: Message, key: str) -> str:
    value = arguments.get(key)
    if not isinstance(value, str):
        raise DebugError(f"`{command}`: `{key}` is missing or not text")
    return value


def _internal_rules() -> list[Message]:
    """Rules that keep IPython, this kernel and the event loop out of steps and stacks."""
    rules = []
    for name in ("ipyrust", "IPython", "asyncio"):
        path = getattr(sys.modules.get(name), "__file__", None)
        if path is not None:
            rules.append({"path": os.path.join(os.path.dirname(path), "**"), "include": False})
    return rules
