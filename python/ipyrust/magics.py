"""The magics that need a kernel: connection details, payloads, and the subshells."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

from IPython.core import page
from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_magic, magics_class

if TYPE_CHECKING:
    from ipyrust.shell import ZMQInteractiveShell


@magics_class
class KernelMagics(Magics):  # type: ignore[misc]
    """Magics of the kernel."""

    shell: ZMQInteractiveShell

    @line_magic  # type: ignore[untyped-decorator]
    def edit(self, parameter_s: str = "", last_call: Any = None) -> None:
        """Bring up an editor at the client and execute the resulting code.

        Usage:
          %edit [options] [args]

        `args` may be a file name, a range of the history, a function, a class or a macro. Without
        any, a new file is edited. The client opens its own editor.

        Options:

          -n <number>: open the editor at this line.

          -p: edit what was edited the last time.

          -r: use 'raw' input, as it was typed.
        """
        from IPython.core.magics import CodeMagics

        options, arguments = self.parse_options(parameter_s, "prn:")
        last = self.shell.user_ns.setdefault("_last_edit_target", ["", ""])
        try:
            filename, line, _ = CodeMagics._find_edit_target(self.shell, arguments, options, last)
        except UsageError:
            raise
        except Exception:
            # It says itself what it could not find.
            return
        if filename is None:
            return
        self.shell.user_ns["_last_edit_target"] = [arguments, filename]
        self.shell.payload_manager.write_payload(
            {
                "source": "edit_magic",
                "filename": os.path.abspath(filename),
                "line_number": int(options["n"]) if "n" in options else line,
            }
        )

    @line_magic  # type: ignore[untyped-decorator]
    def clear(self, arg_s: str) -> None:
        """Clear the terminal."""
        self.shell.system("clear" if os.name == "posix" else "cls")

    @line_magic  # type: ignore[untyped-decorator]
    def less(self, arg_s: str) -> None:
        """Show a file through the pager. Files ending in .py are syntax-highlighted."""
        if not arg_s:
            raise UsageError("Missing filename.")
        if arg_s.endswith(".py"):
            from IPython.utils import openpy

            content = self.shell.pycolorize(openpy.read_py_file(arg_s, skip_encoding_cookie=False))
        else:
            with open(os.path.expanduser(arg_s), encoding="utf-8", errors="replace") as file:
                content = file.read()
        page.page(content)

    @line_magic  # type: ignore[untyped-decorator]
    def more(self, arg_s: str) -> None:
        """Show a file through the pager."""
        self.less(arg_s)

    @line_magic  # type: ignore[untyped-decorator]
    def man(self, arg_s: str) -> None:
        """Find the manual page for the given command and display it in the pager."""
        page.page(self.shell.getoutput(f"man {arg_s} | col -b", split=False))

    @line_magic  # type: ignore[untyped-decorator]
    def connect_info(self, arg_s: str) -> None:
        """Print what other clients need to connect to this kernel, its signing key included."""
        path = self.shell.kernel.connection_file
        with open(path, encoding="utf-8") as file:
            information = json.load(file)
        name = os.path.basename(path)
        print(json.dumps(information, indent=2) + "\n")
        print(
            "Paste the above JSON into a file, and connect with:\n"
            "    $> jupyter <app> --existing <file>\n"
            "or, if you are local, you can connect with just:\n"
            f"    $> jupyter <app> --existing {name}\n"
            "or even just:\n"
            "    $> jupyter <app> --existing\n"
            "if this is the most recent Jupyter kernel you have started."
        )

    @line_magic  # type: ignore[untyped-decorator]
    def qtconsole(self, arg_s: str) -> None:
        """Open a Qt console connected to this kernel. Options are passed to it."""
        from ipyrust.connect import connect_qtconsole

        try:
            connect_qtconsole(argv=arg_s.split())
        except Exception as error:
            print(f"Could not start the Qt console: {error}", file=sys.stderr)

    @line_magic  # type: ignore[untyped-decorator]
    def autosave(self, arg_s: str) -> None:
        """Set the autosave interval in the notebook, in seconds; 0 disables autosaving."""
        from IPython.core.display import Javascript
        from IPython.core.display_functions import display

        try:
            interval = int(arg_s)
        except ValueError as error:
            raise UsageError(f"%autosave requires an integer, got {arg_s!r}") from error
        # Notebooks count in milliseconds. No text beside it: it is not there to be read.
        code = f"IPython.notebook.set_autosave_interval({interval * 1000})"
        display(Javascript(code), include=["application/javascript"])
        print(f"Autosaving every {interval} seconds" if interval else "Autosave disabled")

    @line_magic  # type: ignore[untyped-decorator]
    def subshell(self, arg_s: str) -> None:
        """Print which subshell this cell runs in, and which there are."""
        import threading

        kernel = self.shell.kernel
        parent = kernel.get_parent("shell")
        subshell_id = (parent.get("header") or {}).get("subshell_id") or None
        print(f"subshell id: {subshell_id}")
        print(f"thread id: {threading.get_ident()}")
        print(f"main thread id: {threading.main_thread().ident}")
        print(f"pid: {os.getpid()}")
        print(f"thread count: {threading.active_count()}")
        print(f"subshell list: {kernel.core.subshells()}")
