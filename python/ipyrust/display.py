"""Rich output: what `display()` publishes and what the last expression of a cell becomes.

Both have ipykernel's hooks, which see each message as a dictionary before it is sent and may keep
it: ipywidgets' Output and IPython's capturing live on them.
"""

from __future__ import annotations

import builtins
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from traitlets import Any as AnyTrait
from traitlets import Bool, Instance

from ipyrust import _core, context

if TYPE_CHECKING:
    from collections.abc import Iterable

Hook = Callable[[dict[str, Any]], "dict[str, Any] | None"]


class ZMQDisplayPublisher(context.ThreadParents, DisplayPublisher):  # type: ignore[misc]
    """Publishes `display_data`, `update_display_data` and `clear_output`."""

    session = AnyTrait()
    pub_socket = AnyTrait()
    topic = AnyTrait(b"display_data")
    iopub: Any = AnyTrait()
    recorder = AnyTrait()
    store_display_history = Bool(
        False, help="Whether display outputs are kept in the history manager, for `%notebook`."
    ).tag(config=True)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._local = threading.local()

    @property
    def parent_header(self) -> dict[str, Any]:
        return _parent_header()

    def set_parent(self, parent: dict[str, Any]) -> None:
        """Publish for this message from here on, in this thread or task."""
        context.set_parent(_core.Parent.from_message(parent))

    def publish(
        self,
        data: dict[str, Any],
        metadata: dict[str, Any] | None = None,
        source: Any = None,
        *,
        transient: dict[str, Any] | None = None,
        update: bool = False,
        **kwargs: Any,
    ) -> None:
        """Publish a display; `kwargs` may hold `buffers`."""
        if metadata is None:
            metadata = {}
        self._validate_data(data, metadata)
        if self.store_display_history:
            if self.recorder is not None:
                self.recorder.split()  # Text from here on is kept after the display.
            self._store(data)
        content = {"data": data, "metadata": metadata, "transient": transient or {}}
        self._send(
            "update_display_data" if update else "display_data", content, kwargs.get("buffers")
        )

    def clear_output(self, wait: bool = False) -> None:
        """Clear the output of the cell; with `wait`, when the next output is there."""
        self._send("clear_output", {"wait": bool(wait)}, None)

    def register_hook(self, hook: Hook) -> None:
        """Let `hook` see this thread's messages; what it returns is sent, `None` keeps it back."""
        self._hooks.append(hook)

    def unregister_hook(self, hook: Hook) -> bool:
        """Forget a hook; whether it was known."""
        try:
            self._hooks.remove(hook)
        except ValueError:
            return False
        return True

    @property
    def _hooks(self) -> list[Hook]:
        try:
            return cast("list[Hook]", self._local.hooks)
        except AttributeError:
            self._local.hooks = []
            return cast("list[Hook]", self._local.hooks)

    def _send(self, kind: str, content: dict[str, Any], buffers: Iterable[Any] | None) -> None:
        parent = context.current_parent()
        hooks = self._hooks
        if hooks:
            message: dict[str, Any] | None = self.session.msg(
                kind, content, parent={"header": _parent_header()}
            )
            for hook in tuple(hooks):
                message = hook(cast("dict[str, Any]", message))
                if message is None:
                    return
            content = cast("dict[str, Any]", message)["content"]
        self.iopub.publish(kind, content, parent, buffers=buffers)

    def _store(self, data: dict[str, Any]) -> None:
        outputs = getattr(self.shell.history_manager, "outputs", None)
        if outputs is None:
            return
        from IPython.core.history import HistoryOutput

        outputs[self.shell.displayhook.prompt_count].append(
            HistoryOutput(output_type="display_data", bundle=data)
        )


class ZMQShellDisplayHook(context.ThreadParents, DisplayHook):  # type: ignore[misc]
    """Publishes `execute_result`."""

    topic = None
    session = AnyTrait()
    pub_socket = AnyTrait()
    iopub: Any = AnyTrait()
    recorder = AnyTrait()
    shell = Instance("IPython.core.interactiveshell.InteractiveShellABC", allow_none=True)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._local = threading.local()

    @property
    def parent_header(self) -> dict[str, Any]:
        return _parent_header()

    def set_parent(self, parent: dict[str, Any]) -> None:
        """Publish for this message from here on, in this thread or task."""
        context.set_parent(_core.Parent.from_message(parent))

    def register_hook(self, hook: Hook) -> None:
        """As `ZMQDisplayPublisher.register_hook`, for results."""
        self._hooks.append(hook)

    def unregister_hook(self, hook: Hook) -> bool:
        try:
            self._hooks.remove(hook)
        except ValueError:
            return False
        return True

    @property
    def _hooks(self) -> list[Hook]:
        try:
            return cast("list[Hook]", self._local.hooks)
        except AttributeError:
            self._local.hooks = []
            return cast("list[Hook]", self._local.hooks)

    def start_displayhook(self) -> None:
        self._is_active = True
        # One message per result; cells of subshells may be displaying at the same time.
        self._local.content = {"execution_count": None, "data": {}, "metadata": {}}

    def compute_format_data(self, result: Any) -> Any:
        # IPython shows what a formatter raises and goes on. As with ipykernel, a cell whose own
        # result cannot be displayed has failed, and the cells behind it are not run.
        execution = context.execution.get()
        if execution is None:
            return super().compute_format_data(result)
        before = execution.error
        formatted = super().compute_format_data(result)
        if execution.error is not before:
            execution.result_failed = True
        return formatted

    def write_output_prompt(self) -> None:
        self._local.content["execution_count"] = self.prompt_count

    def write_format_data(
        self, format_dict: dict[str, Any], md_dict: dict[str, Any] | None = None
    ) -> None:
        self._local.content["data"] = format_dict
        self._local.content["metadata"] = md_dict or {}

    def finish_displayhook(self) -> None:
        content = self._local.content
        self._is_active = False
        if not content["data"]:
            return
        hooks = self._hooks
        if hooks:
            message: dict[str, Any] | None = self.session.msg(
                "execute_result", content, parent={"header": _parent_header()}
            )
            for hook in tuple(hooks):
                message = hook(cast("dict[str, Any]", message))
                if message is None:
                    return
            content = cast("dict[str, Any]", message)["content"]
        if self.recorder is not None:
            self.recorder.split()
        self.iopub.publish("execute_result", content, context.current_parent())


class ZMQDisplayHook:
    """`sys.displayhook` for code that runs outside IPython: publishes the plain representation."""

    def __init__(self, iopub: _core.IoPub) -> None:
        self._iopub = iopub

    def __call__(self, value: Any) -> None:
        if value is None:
            return
        builtins._ = value  # type: ignore[attr-defined]
        self._iopub.publish(
            "execute_result",
            {"execution_count": 0, "data": {"text/plain": repr(value)}, "metadata": {}},
            context.current_parent(),
        )


def _parent_header() -> dict[str, Any]:
    parent = context.current_parent()
    return parent.header if parent is not None else {}
