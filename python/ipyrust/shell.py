"""`ZMQInteractiveShell`: IPython as a kernel runs it.

What differs from IPython at a terminal: results, errors and the pager go to the client, `exit` asks
the client, cells are named so that debuggers find them, and everything that concerns one running
cell (its error, its payloads) is kept by cell, since subshells run cells at the same time.
"""

from __future__ import annotations

import asyncio
import os
import pdb
import sys
from contextlib import AbstractContextManager
from typing import Any, cast

from IPython.core import debugger
from IPython.core.compilerop import CachingCompiler
from IPython.core.interactiveshell import InteractiveShell, InteractiveShellABC
from traitlets import Any as AnyTrait
from traitlets import CBool, Instance, Type, default, observe

from ipyrust import _core, context, lazy
from ipyrust.debugger.cells import cell_file_name
from ipyrust.display import ZMQDisplayPublisher, ZMQShellDisplayHook
from ipyrust.first_use import LateShell, LateType, is_named
from ipyrust.formatters import DisplayFormatter
from ipyrust.history import OutputRecorder, group_commits
from ipyrust.interrupts import interrupts
from ipyrust.payloads import PayloadsOfCell, ZMQExitAutocall, set_pager
from ipyrust.transform import CellTransformer


class CellCompiler(CachingCompiler):  # type: ignore[misc]
    """Compiles cells under file names that clients can compute from the text."""

    def get_code_name(self, raw_code: str, code: str, number: int) -> str:
        return cell_file_name(raw_code)


class ZMQInteractiveShell(context.ThreadParents, LateShell, InteractiveShell):  # type: ignore[misc]
    """The IPython of a kernel: what `get_ipython()` returns."""

    displayhook_class = Type(ZMQShellDisplayHook)
    display_pub_class = Type(ZMQDisplayPublisher)
    compiler_class = Type(CellCompiler)
    if is_named(getattr(InteractiveShell, "inspector_class", None)):
        inspector_class = LateType(
            klass=InteractiveShell.inspector_class.klass,
            default_value=InteractiveShell.inspector_class.default_value,
            help=InteractiveShell.inspector_class.help,
        ).tag(config=True)
    kernel: Any = AnyTrait()
    # What `exit` and `quit` are.
    exiter = Instance(ZMQExitAutocall)

    @default("input_transformer_manager")
    def _input_transformer_manager_default(self) -> CellTransformer:
        return CellTransformer()

    @default("exiter")
    def _exiter_default(self) -> Any:
        return ZMQExitAutocall(self)

    keepkernel_on_exit = None
    data_pub_class = AnyTrait()
    data_pub = None
    # There is no terminal to draw on.
    autoindent = CBool(False)
    readline_use = CBool(False)
    colors_force = CBool(True)
    simple_prompt = CBool(True)

    def __init__(self, **kwargs: Any) -> None:
        self._transformed: tuple[str, str] | None = None
        self._last_traceback: list[str] | None = None
        super().__init__(**kwargs)
        # IPython's own is a context manager per stream and cell; ours costs less, see there.
        self._recorder = OutputRecorder(self)
        if "_tee" in dir(InteractiveShell):
            self.display_pub.recorder = self._recorder
            self.displayhook.recorder = self._recorder

    # How IPython builds itself.

    def init_environment(self) -> None:
        """Tell child programs that colours are welcome and pagers are not."""
        environment = os.environ
        environment["TERM"] = "xterm-color"
        environment["CLICOLOR"] = "1"
        environment["FORCE_COLOR"] = "1"
        environment["CLICOLOR_FORCE"] = "1"
        environment["PAGER"] = "cat"
        environment["GIT_PAGER"] = "cat"

    @observe("colors")
    def init_syntax_highlighting(self, changes: Any = None) -> None:
        super().init_syntax_highlighting(changes)

    def init_hooks(self) -> None:
        super().init_hooks()
        set_pager(self)

    def init_history(self) -> None:
        super().init_history()
        group_commits(self.history_manager)

    def init_pdb(self) -> None:
        """Let an interrupt end the debugger of the command line, which would ask again for ever."""
        super().init_pdb()
        lazy.when_loaded(debugger, _make_interruptible)
        lazy.when_loaded(pdb, _load_debugger)

    def init_payload(self) -> None:
        self.payload_manager = PayloadsOfCell(parent=self)
        self.configurables.append(self.payload_manager)

    def init_display_formatter(self) -> None:
        self.display_formatter = DisplayFormatter(parent=self)
        self.configurables.append(self.display_formatter)

    def init_display_pub(self) -> None:
        super().init_display_pub()
        self.display_pub.session = self.kernel.session
        self.display_pub.pub_socket = self.kernel.iopub_socket
        self.display_pub.iopub = self.kernel.iopub

    def init_displayhook(self) -> None:
        super().init_displayhook()
        self.displayhook.session = self.kernel.session
        self.displayhook.pub_socket = self.kernel.iopub_socket
        self.displayhook.iopub = self.kernel.iopub

    def init_data_pub(self) -> None:
        """There is no such channel any more."""

    def init_virtualenv(self) -> None:
        """Nothing: a kernel runs in the environment that it is registered for."""

    def init_magics(self) -> None:
        from ipyrust.magics import KernelMagics

        super().init_magics()
        self.register_magics(KernelMagics)
        self.magics_manager.register_alias("ed", "edit")

    # Who asked.

    @property
    def parent_header(self) -> dict[str, Any]:
        return self.get_parent()

    @parent_header.setter
    def parent_header(self, parent: dict[str, Any]) -> None:
        self.set_parent(parent)

    def get_parent(self) -> dict[str, Any]:
        """The request that this thread or task works for."""
        parent = context.current_parent()
        return parent.message if parent is not None else {}

    def set_parent(self, parent: dict[str, Any]) -> None:
        """Work for this request from here on, in this thread or task."""
        context.set_parent(_core.Parent.from_message(parent))

    # Running cells.

    def transform_cell(self, raw_cell: str) -> str:
        # The handler has transformed the cell to see whether it awaits; once is enough.
        known, self._transformed = self._transformed, None
        if known is not None and known[0] == raw_cell:
            return known[1]
        return cast("str", super().transform_cell(raw_cell))

    def remember_transformed(self, raw_cell: str, transformed: str) -> None:
        """The next `transform_cell` of this text is known already."""
        self._transformed = (raw_cell, transformed)

    def should_run_async(self, raw_cell: str, **kwargs: Any) -> bool:
        # IPython compiles the cell to find out; most cells lack even the words.
        transformed = kwargs.get("transformed_cell")
        if transformed is not None and "await" not in transformed and "async" not in transformed:
            return False
        return bool(super().should_run_async(raw_cell, **kwargs))

    async def run_code(self, code_obj: Any, result: Any = None, *, async_: bool = False) -> bool:
        interrupts.before_code()
        return bool(await super().run_code(code_obj, result, async_=async_))

    runcode = run_code

    def _tee(self, channel: str) -> AbstractContextManager[None]:
        return self._recorder.recording(channel)

    # Errors.

    def _get_exc_info(self, exc_tuple: Any = None) -> Any:
        found = super()._get_exc_info(exc_tuple)
        if issubclass(found[0], KeyboardInterrupt):
            interrupts.leave_traceback(found[2])
        # An awaiting cell is interrupted by cancelling it; a person pressed "interrupt".
        if issubclass(found[0], asyncio.CancelledError) and interrupts.is_cancelled():
            error = KeyboardInterrupt()
            error.__traceback__ = found[2]
            return KeyboardInterrupt, error, found[2]
        return found

    def _showtraceback(self, etype: Any, evalue: Any, stb: list[str]) -> None:
        """Publish the error; the reply of the cell repeats it."""
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        error = {"traceback": stb, "ename": str(etype.__name__), "evalue": text_of(evalue)}
        self._last_traceback = stb
        execution = context.execution.get()
        if execution is not None:
            execution.error = error
            execution.shown = evalue
        parent = context.current_parent()
        if parent is None:
            # While the kernel starts nobody listens; the server's log is where to look.
            self.kernel.log.warning("\n".join(stb))
            return
        self.display_pub._send("error", error, None)

    def _format_exception_for_storage(
        self, exception: BaseException, *args: Any, **more: Any
    ) -> Any:
        # IPython 9 keeps each error for `%notebook` and would format it once more for that, which
        # takes longer than all else an error costs.
        execution = context.execution.get()
        if execution is not None and execution.shown is exception and execution.error is not None:
            return dict(execution.error)
        return super()._format_exception_for_storage(exception, *args, **more)

    # What a cell asks of the client or the kernel.

    def ask_exit(self) -> None:
        """Ask the client to end, and end the kernel unless `keepkernel_on_exit`."""
        keep = bool(self.keepkernel_on_exit)
        self.payload_manager.write_payload({"source": "ask_exit", "keepkernel": keep})
        self.exit_now = not keep

    @observe("exit_now")
    def _update_exit_now(self, change: Any) -> None:
        if change["new"]:
            self.kernel.stop_after_reply()

    def set_next_input(self, text: str, replace: bool = False) -> None:
        """Put text into the next cell, or (`replace`) into this one."""
        self.payload_manager.write_payload(
            {"source": "set_next_input", "text": text, "replace": replace}
        )

    def enable_gui(self, gui: str | None = None) -> None:
        """Run a GUI's event loop between cells; `None` or `asyncio` is the kernel's own."""
        from ipyrust.eventloops import enable_gui

        enable_gui(gui, self.kernel)
        self.active_eventloop = gui

    def enable_matplotlib(self, gui: str | None = None) -> Any:
        gui, backend = super().enable_matplotlib(gui)
        try:
            from matplotlib_inline.backend_inline import configure_inline_support
        except ImportError:
            pass
        else:
            configure_inline_support(self, backend)
        return gui, backend

    def run_cell(self, *args: Any, **kwargs: Any) -> Any:
        self._last_traceback = None
        return super().run_cell(*args, **kwargs)


def _make_interruptible() -> None:
    interruptible = getattr(debugger, "InterruptiblePdb", None)
    if interruptible is not None:
        debugger.Pdb = interruptible
        pdb.Pdb = interruptible  # type: ignore[misc]
        pdb.set_trace = debugger.set_trace


def _load_debugger() -> None:
    # It changes `pdb` when it is loaded; it may be what loads `pdb`.
    getattr(debugger, "Pdb", None)


def text_of(error: BaseException) -> str:
    """The text of an exception, whose `__str__` is anybody's."""
    try:
        return str(error)
    except Exception:
        return "<exception str() failed>"


InteractiveShellABC.register(ZMQInteractiveShell)
