"""The least a kernel in Python can be: `exec` on pyzmq, without IPython and without its services.

It is no kernel for people. It bounds what Python and ZeroMQ cost by themselves, and it is what
`selfcheck.py` measures: `BENCH_FAULTS`, a JSON object, gives it faults of a known size.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import io
import json
import os
import sys
import threading
import time
import traceback
import uuid
from typing import Any

import zmq

DELIMITER = b"<IDS|MSG>"
INFO = {
    "status": "ok",
    "protocol_version": "5.3",
    "implementation": "floor",
    "implementation_version": "0",
    "language_info": {"name": "python", "version": sys.version.split()[0]},
    "banner": "",
}


class Output(io.TextIOBase):
    """sys.stdout: one message for everything between two flushes or 64 KB."""

    def __init__(self, kernel: Floor) -> None:
        self._kernel = kernel
        self._pieces: list[str] = []
        self._size = 0

    def write(self, text: str) -> int:
        self._pieces.append(text)
        self._size += len(text)
        if self._size > 65_536:
            self.flush()
        return len(text)

    def flush(self) -> None:
        if self._pieces:
            text, self._pieces, self._size = "".join(self._pieces), [], 0
            self._kernel.stream(text)


class Floor:
    """Requests one after another; nothing is answered while a cell runs."""

    def __init__(self, connection: dict[str, Any], faults: dict[str, float]) -> None:
        self._key = connection["key"].encode()
        self._faults = faults
        self._streams = 0
        self._parent: bytes = b"{}"
        context = zmq.Context()

        def bind(kind: int, name: str) -> zmq.Socket[bytes]:
            socket = context.socket(kind)
            socket.setsockopt(zmq.LINGER, 1000)
            separator = ":" if connection["transport"] == "tcp" else "-"
            port = connection[f"{name}_port"]
            socket.bind(f"{connection['transport']}://{connection['ip']}{separator}{port}")
            return socket

        self._iopub = bind(zmq.PUB, "iopub")
        self._shell = bind(zmq.ROUTER, "shell")
        self._control = bind(zmq.ROUTER, "control")
        if faults.get("wakeups"):
            threading.Thread(target=_restless, args=(faults["wakeups"],), daemon=True).start()
        self._globals: dict[str, Any] = {"__name__": "__main__"}

    def serve(self) -> None:
        poller = zmq.Poller()
        poller.register(self._shell, zmq.POLLIN)
        poller.register(self._control, zmq.POLLIN)
        while True:
            for socket, _ in poller.poll():
                frames = socket.recv_multipart()
                start = frames.index(DELIMITER)
                self._parent = frames[start + 2]
                kind = json.loads(self._parent)["msg_type"]
                content = json.loads(frames[start + 5])
                self._publish("status", {"execution_state": "busy"})
                reply = self._answer(kind, content)
                if not self._faults.get("deaf") or kind != "execute_request":
                    reply_type = kind.replace("_request", "_reply")
                    self._send(socket, frames[:start], reply_type, reply)
                self._publish("status", {"execution_state": "idle"})
                if kind == "shutdown_request":
                    return

    def _answer(self, kind: str, content: dict[str, Any]) -> dict[str, Any]:
        if kind == "kernel_info_request":
            return INFO
        if kind == "execute_request":
            return self._execute(content["code"])
        return {"status": "ok"}

    def _execute(self, code: str) -> dict[str, Any]:
        self._publish("execute_input", {"code": code, "execution_count": 1})
        time.sleep(self._faults.get("delay", 0.0))
        end = time.process_time() + self._faults.get("burn", 0.0)
        while time.process_time() < end:
            pass
        if self._faults.get("allocate"):
            # Pages count as resident once they are written to; then they are given back.
            _ = b"x" * int(self._faults["allocate"])
        try:
            output = Output(self)
            with contextlib.redirect_stdout(output):
                self._run(code)
            output.flush()
        except Exception as error:
            content = {
                "ename": type(error).__name__,
                "evalue": str(error),
                "traceback": traceback.format_exc().splitlines(),
            }
            self._publish("error", content)
            return {"status": "error", "execution_count": 1, **content}
        return {"status": "ok", "execution_count": 1, "user_expressions": {}, "payload": []}

    def _run(self, code: str) -> None:
        try:
            value = eval(compile(code, "<cell>", "eval"), self._globals)
        except SyntaxError:
            exec(compile(code, "<cell>", "exec"), self._globals)
            return
        if value is not None:
            data = {"text/plain": repr(value)}
            self._publish("execute_result", {"data": data, "metadata": {}, "execution_count": 1})

    def stream(self, text: str) -> None:
        self._streams += 1
        every = int(self._faults.get("lose_every", 0))
        if every and self._streams % every == 0:
            return
        self._publish("stream", {"name": "stdout", "text": text})

    def _publish(self, kind: str, content: dict[str, Any]) -> None:
        self._send(self._iopub, [kind.encode()], kind, content)

    def _send(
        self, socket: zmq.Socket[bytes], prefix: list[bytes], kind: str, content: dict[str, Any]
    ) -> None:
        header = {
            "msg_id": uuid.uuid4().hex,
            "msg_type": kind,
            "session": "floor",
            "version": "5.3",
        }
        parts = [json.dumps(header).encode(), self._parent, b"{}", json.dumps(content).encode()]
        signature = hmac.new(self._key, b"".join(parts), hashlib.sha256).hexdigest().encode()
        socket.send_multipart([*prefix, DELIMITER, signature, *parts])


def _restless(often: float) -> None:
    while True:
        time.sleep(1 / often)


def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as file:
        connection = json.load(file)
    Floor(connection, json.loads(os.environ.get("BENCH_FAULTS", "{}"))).serve()


if __name__ == "__main__":
    main()
