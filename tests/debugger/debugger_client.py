"""A debugger's client: Debug Adapter Protocol inside `debug_request`, as JupyterLab speaks it."""

from __future__ import annotations

from typing import Any

from harness import Client, Execution, Message


class DebuggerClient:
    """Sends commands and waits for events."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._seq = 0
        self._events_seen = 0

    def request(self, command: str, arguments: Any = None) -> dict[str, Any]:
        """Send a command; the whole response, whatever it is."""
        self._seq += 1
        content = {"type": "request", "seq": self._seq, "command": command}
        if arguments is not None:
            content["arguments"] = arguments
        reply = self.client.request("debug_request", content, channel="control")
        assert reply.type == "debug_reply"
        return reply.content

    def ask(self, command: str, **arguments: Any) -> dict[str, Any]:
        """Send a command that has to succeed; the body of the response."""
        response = self.request(command, arguments)
        assert response["success"], response
        assert response["command"] == command
        assert response["request_seq"] == self._seq
        body: dict[str, Any] = response.get("body", {})
        return body

    def info(self) -> dict[str, Any]:
        return self.ask("debugInfo")

    def attach(self) -> None:
        self.ask(
            "initialize",
            clientID="tests",
            adapterID="",
            pathFormat="path",
            linesStartAt1=True,
            columnsStartAt1=True,
            supportsVariableType=True,
        )
        self.ask("attach")

    def detach(self) -> None:
        self.ask("disconnect", restart=False, terminateDebuggee=False)

    def dump(self, code: str) -> str:
        """The path of a cell's source."""
        path: str = self.ask("dumpCell", code=code)["sourcePath"]
        return path

    def break_at(self, code: str, *lines: int, **more: Any) -> str:
        path = self.dump(code)
        self.ask(
            "setBreakpoints",
            source={"path": path},
            breakpoints=[{"line": line, **more} for line in lines],
            sourceModified=False,
        )
        return path

    def event(self, name: str) -> Message:
        """The next event of this name; those before it are passed over."""

        def find() -> Message | None:
            events = [m for m in self.client.messages["iopub"] if m.type == "debug_event"]
            while self._events_seen < len(events):
                event = events[self._events_seen]
                self._events_seen += 1
                if event.content["event"] == name:
                    return event
            return None

        event: Message = self.client.wait(find, f"the debug event {name}")
        return event

    def stopped(self) -> int:
        """Wait until a cell is stopped; the thread's number."""
        thread: int = self.event("stopped").content["body"]["threadId"]
        return thread

    def frames(self, thread: int) -> list[dict[str, Any]]:
        frames: list[dict[str, Any]] = self.ask("stackTrace", threadId=thread)["stackFrames"]
        return frames

    def variables(self, frame: int, scope: str = "Locals") -> dict[str, str]:
        """Names and shown values of a frame's variables."""
        scopes = {s["name"]: s for s in self.ask("scopes", frameId=frame)["scopes"]}
        reference = scopes[scope]["variablesReference"]
        found = self.ask("variables", variablesReference=reference)["variables"]
        return {variable["name"]: variable["value"] for variable in found}

    def run_to_stop(self, code: str) -> tuple[Execution, int]:
        """Run a cell until the debugger has stopped it."""
        execution = self.client.execute(code)
        return execution, self.stopped()
