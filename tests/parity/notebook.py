"""A notebook as a client runs it: cells, answers, and what a person does to a widget."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from harness import Client, Execution
from harness.wire import Message


class Notebook:
    """Runs cells one after the other, and keeps every request that it sent."""

    def __init__(self, client: Client, reference_python: str) -> None:
        self.client = client
        self.reference_python = reference_python  # Of an environment with ipykernel.
        self.requests: list[Message] = []

    def run(self, code: str, *, fails: bool = False, **flags: Any) -> Execution:
        """Execute a cell to its end, which must be as expected."""
        execution = self.client.execute(code, **flags)
        self.requests.append(execution.request)
        execution.wait(limit=180)  # Seconds: the first import of a large library on a busy machine.
        content = execution.reply.content
        assert (content["status"] == "error") == fails, "\n".join(content.get("traceback", ["ok"]))
        return execution

    def start(self, code: str, **flags: Any) -> Execution:
        """Begin a cell that the notebook does something to while it runs."""
        execution = self.client.execute(code, **flags)
        self.requests.append(execution.request)
        return execution

    def request(self, message_type: str, content: Mapping[str, Any]) -> None:
        """Any other request, and its reply."""
        request = self.client.send("shell", message_type, content)
        self.requests.append(request)
        self.client.reply_to(request)
        self.client.wait_idle(request)

    def model(self, name: str) -> str:
        """The id of the newest widget of a model, as the kernel has announced it."""

        def find() -> str | None:
            for message in reversed(self.client.messages["iopub"]):
                if message.type == "comm_open":
                    state = message.content["data"].get("state", {})
                    if state.get("_model_name") == name:
                        return str(message.content["comm_id"])
            return None

        found: str = self.client.wait(find, f"a widget {name}")
        return found

    def comm(self, target_name: str) -> str:
        """The id of the newest comm to a target."""

        def accept(message: Message) -> bool:
            return message.type == "comm_open" and message.content["target_name"] == target_name

        message = self.client.wait_message("iopub", accept, f"a comm to {target_name}")
        return str(message.content["comm_id"])

    def tell(self, comm_id: str, data: Any, buffers: Sequence[bytes] = ()) -> Message:
        """Send a message to a comm, and wait until it has been handled."""
        request = self.client.send(
            "shell", "comm_msg", {"comm_id": comm_id, "data": data}, buffers=buffers
        )
        self.requests.append(request)
        self.client.wait_idle(request)
        return request

    def set(self, comm_id: str, **state: Any) -> Message:
        """What a person changes on a widget."""
        return self.tell(comm_id, {"method": "update", "state": state, "buffer_paths": []})

    def send_custom(self, comm_id: str, content: Any) -> Message:
        """A widget's own message, such as a click."""
        return self.tell(comm_id, {"method": "custom", "content": content})

    def wait_for(self, condition: Callable[[Message], bool], what: str) -> Message:
        """A message on IOPub which comes by itself."""
        return self.client.wait_message("iopub", condition, what)

    def wait_text(self, execution: Execution, text: str) -> None:
        """Text of a cell, which may come after its end."""
        execution.wait_for_text(text)
