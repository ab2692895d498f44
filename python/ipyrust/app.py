"""The application: configuration, the order in which the kernel is built, and its end.

The sockets are bound before this module is imported (`__main__`). IPython is imported here, and
what only some kernels need is imported by those who need it.
"""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import logging
import os
import stat
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from IPython.core.application import BaseIPythonApplication
from IPython.core.shellapp import InteractiveShellApp
from traitlets import Any as AnyTrait
from traitlets import Bool, Dict, Enum, Integer, List, Unicode
from traitlets.config.loader import Config, DeferredConfigList, DeferredConfigString

from ipyrust import _core, facade, logs, threads
from ipyrust.arguments import Arguments
from ipyrust.eventloops_selector import event_loop
from ipyrust.interrupts import interrupts
from ipyrust.ioloop import IoLoop
from ipyrust.kernel import Kernel
from ipyrust.process import Process
from ipyrust.serve import ControlThread, Server
from ipyrust.shell import ZMQInteractiveShell
from ipyrust.streams import OutStream

FAILS_AT_ONCE = 0.1  # Seconds; who fails sooner, and so often in a row, cannot go on.
FAILURES = 20
EXIT_PATIENCE = 1.0  # Seconds that a client has after `exit` to end the kernel itself.


class IPKernelApp(BaseIPythonApplication, InteractiveShellApp):  # type: ignore[misc]
    """The application of this process; its sections in configuration files are ipykernel's."""

    name = "ipython-kernel"
    description = "A Jupyter kernel for Python."
    classes = List([ZMQInteractiveShell])
    # What the command line and the connection file said; binding is done when this is read.
    connection_file = Unicode().tag(config=True)
    transport = Unicode("tcp").tag(config=True)
    ip = Unicode().tag(config=True)
    hb_port = Integer(0).tag(config=True)
    shell_port = Integer(0).tag(config=True)
    iopub_port = Integer(0).tag(config=True)
    stdin_port = Integer(0).tag(config=True)
    control_port = Integer(0).tag(config=True)
    ports = Dict()
    connection_dir = Unicode()
    no_stdout = Bool(False, help="Let stdout go to the server's terminal.").tag(config=True)
    no_stderr = Bool(False, help="Let stderr go to the server's terminal.").tag(config=True)
    quiet = Bool(True, help="Write only to the log what concerns nobody else.").tag(config=True)
    capture_fd_output = Bool(
        True,
        help="Whether output of C code and child processes goes to the notebook; "
        "to be given on the command line.",
    ).tag(config=True)
    thread_output = Enum(
        ("origin", "latest"),
        "origin",
        help="Whether output of a thread goes to the cell that started it or to the latest.",
    ).tag(config=True)
    trio_loop = Bool(False, help="Let trio run the cells that await.").tag(config=True)
    kernel_class = AnyTrait(Kernel).tag(config=True)
    outstream_class = AnyTrait().tag(config=True)
    user_module = AnyTrait()
    kernel = AnyTrait()
    loop = AnyTrait()

    def _configure_logging(self) -> None:
        # The log was made before; traitlets would configure the process's logging for it.
        self.log.setLevel(self.log_level)

    def build(
        self, core: _core.Kernel, arguments: Arguments, process: Process, user_ns: Any = None
    ) -> None:
        """Configure, build the kernel and its shell, and run what is to run at the start."""
        self._core = core
        self._process = process
        self._server: Server | None = None
        self._stopping = False
        self._exits = False
        self._shutdown_came = threading.Event()
        self.cell_runs = False
        # What is to be done once nobody waits for an answer.
        self.chores: deque[Callable[[], None]] = deque()
        self._configure(core, arguments)
        self.kernel = kernel = Kernel(core, self, self.log)
        self._control = ControlThread(kernel)
        kernel.control_thread = self._control
        self._init_streams(kernel)
        self.shell = kernel.shell = ZMQInteractiveShell.instance(
            parent=self,
            profile_dir=self.profile_dir,
            user_module=self.user_module,
            user_ns=user_ns,
            kernel=kernel,
        )
        self.shell.configurables.append(self)
        self.loop = event_loop(core)
        asyncio.set_event_loop(self.loop)
        kernel.io_loop = IoLoop(self.loop)
        kernel.questions.install()
        if self.thread_output == "origin":
            threads.follow_origin()
        facade.install(self.shell)
        self.chores.append(self._complete_info)
        # Comments of a debugger, subshells: the control channel works from here on.
        self._control.start()
        if not gc.isenabled():
            # Collections are to be about what cells make, not about the kernel.
            gc.freeze()
            gc.enable()
        self._run_start_code()

    def serve(self) -> None:
        """Answer requests until the kernel is to end."""
        server = self._server = Server(self.kernel, self._core.shell, on_main=True)
        interrupts.is_blocked = lambda: server.waiting > 0
        if self._stopping:
            return
        task: asyncio.Task[None] | None = None
        failures = 0
        while True:
            if task is None or task.done():
                task = server.context.run(self.loop.create_task, server.run())
            started = time.monotonic()
            try:
                self.loop.run_until_complete(task)
                break
            except (KeyboardInterrupt, SystemExit, asyncio.CancelledError):
                # A task or callback of the user's has ended with it, or all tasks were cancelled:
                # the kernel goes on.
                continue
            except Exception as error:
                if isinstance(error, RuntimeError) and not task.done():
                    # A cell has stopped the loop (`loop.stop()`).
                    self.log.debug("the event loop was stopped: %s", error)
                    continue
                # What a signal handler of the user's raises, or code that finds no stack left.
                failures = failures + 1 if time.monotonic() - started < FAILS_AT_ONCE else 0
                if failures > FAILURES:
                    raise
                self.log.exception("the kernel failed and serves on")
        if self._exits:
            self._shutdown_came.wait(EXIT_PATIENCE)

    def stop(self) -> None:
        """End the kernel after the request in hand, for a `shutdown_request` came.

        The kernel library has interrupted the running cell, and ends the process by force if that
        takes too long.
        """
        self._shutdown_came.set()
        self._stop()

    def exit(self) -> None:
        """End the kernel after the cell in hand, for it asked to; its reply tells the client.

        The client then ends the kernel itself, and gets the time to: jupyter console takes a
        kernel that is gone before it has read the reply for one that has died.
        """
        self._exits = True
        self._stop()

    def _stop(self) -> None:
        if self._stopping:
            return
        self._stopping = True
        self.loop.call_soon_threadsafe(self._stop_server)

    def _stop_server(self) -> None:
        if self._server is not None:
            self._server.stop()

    @property
    def abs_connection_file(self) -> str:
        """The connection file with its directory."""
        return os.path.abspath(self.connection_file)

    def cell_begins(self) -> None:
        self.cell_runs = True
        self._control.cell_begins()

    def cell_ended(self) -> None:
        self.cell_runs = False

    # The steps of the start.

    def _configure(self, core: _core.Kernel, arguments: Arguments) -> None:
        command_line = configuration(arguments, type(self))
        self.update_config(command_line)
        self.init_profile_dir()
        self.init_config_files()
        self.load_config_file()
        # The command line has the last word over the files.
        self.update_config(command_line)
        # Where libraries look for it.
        self.connection_file = core.connection_file
        self.update_config(Config({"IPKernelApp": {"connection_file": core.connection_file}}))
        connection = core.connection
        self.ports = {
            name: connection[f"{name}_port"]
            for name in ("shell", "iopub", "stdin", "control", "hb")
        }
        self.connection_dir = os.path.dirname(os.path.abspath(core.connection_file))
        for unknown in arguments.unknown:
            self.log.warning("unknown argument, not used: %s", unknown)
        # Not to be run: `jupyter run` passes the files' names on, and sends their code itself.
        self.extra_args = list(arguments.extra)
        self._warn_of_readers(core)

    def _warn_of_readers(self, core: _core.Kernel) -> None:
        try:
            mode = os.stat(core.connection_file).st_mode
        except OSError:
            return
        if core.key and mode & (stat.S_IRGRP | stat.S_IROTH):
            self.log.warning(
                "other users can read the key in the connection file %s; run `chmod 600` on it",
                core.connection_file,
            )

    def _complete_info(self) -> None:
        # Nobody's first cell should wait for this: IPython's banner holds a tip of the day, and
        # until here it was said of the debugger what the names of files tell.
        debugger = importlib.util.find_spec("debugpy") is not None
        self._core.update_info(banner=self.shell.banner, debugger=debugger)

    def _init_streams(self, kernel: Kernel) -> None:
        core = kernel.core
        if not self.no_stdout:
            sys.stdout = OutStream(core.iopub, "stdout", 1, kernel.session)
        if not self.no_stderr:
            sys.stderr = OutStream(core.iopub, "stderr", 2, kernel.session)

    def _run_start_code(self) -> None:
        user_ns = self.shell.user_ns
        session_name = os.environ.get("JPY_SESSION_NAME")
        if session_name:
            user_ns["__session__"] = session_name
        os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")
        self.init_path()
        interrupts.guarded(self._guarded_start_code)
        # What was printed until here belongs to no cell.
        sys.stdout.flush()
        sys.stderr.flush()

    def _guarded_start_code(self) -> None:
        try:
            if self.trio_loop:
                self.shell.run_line_magic("autoawait", "trio")
            self.init_gui_pylab()
            self.init_extensions()
            self.init_code()
        except KeyboardInterrupt:
            self.log.warning("the code that runs at the start was interrupted")

    def init_gui_pylab(self) -> None:
        """As the terminal's, with the kernel's loop running: `%gui` needs one."""
        if not (self.gui or self.matplotlib or self.pylab):
            return

        async def enable() -> None:
            super(IPKernelApp, self).init_gui_pylab()

        self.loop.run_until_complete(enable())


def configuration(arguments: Arguments, application: type[IPKernelApp]) -> Config:
    """The command line as configuration; texts are interpreted by the traits they are for."""
    values: dict[tuple[str, str], list[object]] = {}
    for section, trait, value in arguments.settings:
        values.setdefault((section, trait), []).append(value)
    config = Config()
    traits = application.class_traits()
    for (section, trait), found in values.items():
        target = config
        for part in section.split("."):
            target = target[part]
        if isinstance(traits.get(trait), List) and all(isinstance(v, str) for v in found):
            target[trait] = DeferredConfigList(found)
        elif isinstance(found[-1], str):
            target[trait] = DeferredConfigString(found[-1])
        else:
            target[trait] = found[-1]
    return config


def run(core: _core.Kernel, arguments: Arguments) -> None:
    """Be the kernel of this process until it is to end; does not return."""
    process = Process(core)
    process.install()
    log = logs.logger(core.original_stderr)
    try:
        app = IPKernelApp.instance(log=log)
        app.build(core, arguments, process)
        app.serve()
    except SystemExit as error:
        process.leave(error.code if isinstance(error.code, int) else 1)
    except Exception:
        log.critical("the kernel failed", exc_info=True)
        process.leave(1)
    process.leave(0)


def embed(
    core: _core.Kernel,
    arguments: Arguments,
    user_module: Any = None,
    user_ns: dict[str, Any] | None = None,
) -> None:
    """Be a kernel within a running program until a client ends it; then the program goes on."""
    streams = sys.stdout, sys.stderr, sys.displayhook
    process = Process(core)
    log = logs.logger(core.original_stderr, logging.WARNING)
    interrupts.install()
    try:
        app = IPKernelApp.instance(log=log)
        app.user_module = user_module
        app.build(core, arguments, process, user_ns)
        app.serve()
    finally:
        sys.stdout, sys.stderr, sys.displayhook = streams
        core.close(1.0)
