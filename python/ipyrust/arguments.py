"""The command line, as far as it must be understood before IPython is imported.

The grammar is that of traitlets' applications (`--Class.trait=value`, `--alias value`, `--flag`),
read by hand: the sockets are bound before anything large is imported. What is not known is kept
apart and reported, never fatal, since launchers pass on options meant for other kernels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

# What ipykernel and IPython call these; a value follows, joined by `=` or as the next argument.
ALIASES: Mapping[str, tuple[str, str]] = {
    "f": ("IPKernelApp", "connection_file"),
    "ip": ("IPKernelApp", "ip"),
    "transport": ("IPKernelApp", "transport"),
    "hb": ("IPKernelApp", "hb_port"),
    "shell": ("IPKernelApp", "shell_port"),
    "iopub": ("IPKernelApp", "iopub_port"),
    "stdin": ("IPKernelApp", "stdin_port"),
    "control": ("IPKernelApp", "control_port"),
    "existing": ("IPKernelApp", "existing"),
    "user": ("Session", "username"),
    "ident": ("Session", "session"),
    "keyfile": ("Session", "keyfile"),
    "profile": ("BaseIPythonApplication", "profile"),
    "profile-dir": ("ProfileDir", "location"),
    "ipython-dir": ("BaseIPythonApplication", "ipython_dir"),
    "config": ("BaseIPythonApplication", "extra_config_file"),
    "log-level": ("Application", "log_level"),
    "autocall": ("InteractiveShell", "autocall"),
    "colors": ("InteractiveShell", "colors"),
    "theme": ("InteractiveShell", "colors"),
    "logfile": ("InteractiveShell", "logfile"),
    "logappend": ("InteractiveShell", "logappend"),
    "cache-size": ("InteractiveShell", "cache_size"),
    "c": ("InteractiveShellApp", "code_to_run"),
    "m": ("InteractiveShellApp", "module_to_run"),
    "ext": ("InteractiveShellApp", "extra_extensions"),
    "gui": ("InteractiveShellApp", "gui"),
    "pylab": ("InteractiveShellApp", "pylab"),
    "matplotlib": ("InteractiveShellApp", "matplotlib"),
}

# Also without a value: what they mean then.
FLAGS: Mapping[str, tuple[str, str, object]] = {
    "debug": ("Application", "log_level", 10),
    "quiet": ("Application", "log_level", 50),
    "init": ("BaseIPythonApplication", "copy_config_files", True),
    "no-stdout": ("IPKernelApp", "no_stdout", True),
    "trio-loop": ("IPKernelApp", "trio_loop", True),
    "no-stderr": ("IPKernelApp", "no_stderr", True),
    "pylab": ("InteractiveShellApp", "pylab", "auto"),
    "matplotlib": ("InteractiveShellApp", "matplotlib", "auto"),
    "pdb": ("InteractiveShell", "pdb", True),
    "no-pdb": ("InteractiveShell", "pdb", False),
    "autoindent": ("InteractiveShell", "autoindent", True),
    "no-autoindent": ("InteractiveShell", "autoindent", False),
    "automagic": ("InteractiveShell", "automagic", True),
    "no-automagic": ("InteractiveShell", "automagic", False),
    "color-info": ("InteractiveShell", "color_info", True),
    "no-color-info": ("InteractiveShell", "color_info", False),
    "pprint": ("PlainTextFormatter", "pprint", True),
    "no-pprint": ("PlainTextFormatter", "pprint", False),
    "ignore-cwd": ("InteractiveShellApp", "ignore_cwd", True),
    "no-ignore-cwd": ("InteractiveShellApp", "ignore_cwd", False),
}


@dataclass
class Arguments:
    """A command line, read."""

    # (class, trait, value) in the order given; a text is not interpreted yet.
    settings: list[tuple[str, str, object]] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)  # Files to run and their arguments.
    unknown: list[str] = field(default_factory=list)
    help: bool = False
    version: bool = False

    def last(self, *names: str, classes: Iterable[str] = ("IPKernelApp",)) -> Any:
        """The value that was given last for any of these traits of these classes."""
        found: Any = None
        for section, trait, value in self.settings:
            if trait in names and section in classes:
                found = value
        return found

    @property
    def connection_file(self) -> str:
        return str(self.last("connection_file") or "")

    @property
    def session(self) -> str | None:
        return _text(self.last("session", classes=("Session",)))

    @property
    def username(self) -> str | None:
        return _text(self.last("username", classes=("Session",)))

    @property
    def signature_scheme(self) -> str | None:
        return _text(self.last("signature_scheme", classes=("Session",)))

    @property
    def key(self) -> bytes | None:
        """The signing key, if the command line has the last word on it."""
        key = _text(self.last("key", classes=("Session",)))
        if key is not None:
            return _bytes(key)
        keyfile = _text(self.last("keyfile", classes=("Session",)))
        if keyfile is None:
            return None
        try:
            with open(keyfile, "rb") as file:
                return file.read().strip()
        except OSError as error:
            raise ValueError(f"the key file {keyfile} cannot be read: {error.strerror}") from None

    @property
    def overrides(self) -> dict[str, object]:
        """What has the last word over the connection file."""
        found: dict[str, object] = {}
        for name in ("transport", "ip"):
            value = _text(self.last(name))
            if value is not None:
                found[name] = value
        for name in ("shell_port", "iopub_port", "stdin_port", "control_port", "hb_port"):
            value = _text(self.last(name))
            if value is not None:
                try:
                    found[name] = int(value)
                except ValueError:
                    raise ValueError(f"`{name}` is a number, not {value!r}") from None
        return found


def read(argv: Sequence[str]) -> Arguments:
    """Read a command line without the program's name."""
    arguments = Arguments()
    rest = list(argv)
    while rest:
        argument = rest.pop(0)
        if argument == "--":
            arguments.extra.extend(rest)
            break
        if not argument.startswith("-") or argument == "-":
            # As Python's own command line: what follows a file belongs to the file.
            arguments.extra.append(argument)
            arguments.extra.extend(rest)
            break
        name, joined, value = argument.lstrip("-").partition("=")
        if not joined and name in ("help", "h", "help-all"):
            arguments.help = True
        elif not joined and name in ("version", "V"):
            arguments.version = True
        elif not joined and name in FLAGS and not _takes_next(name, rest):
            arguments.settings.append(FLAGS[name])
        elif name in ALIASES or ("." in name and _is_trait(name)):
            if not joined:
                if not rest:
                    arguments.unknown.append(argument)
                    continue
                value = rest.pop(0)
            section, trait = ALIASES.get(name) or tuple(name.rsplit(".", 1))
            arguments.settings.append((section, trait, value))
        else:
            arguments.unknown.append(argument)
    return arguments


def _is_trait(name: str) -> bool:
    section, _, trait = name.rpartition(".")
    return trait.isidentifier() and all(part.isidentifier() for part in section.split("."))


def _takes_next(name: str, rest: Sequence[str]) -> bool:
    # `--matplotlib inline` and `--matplotlib` are both known.
    return name in ALIASES and bool(rest) and not rest[0].startswith("-")


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _bytes(text: str) -> bytes:
    # traitlets accepts both b'...' and the plain text.
    if len(text) >= 3 and text[0] == "b" and text[1] in "'\"" and text[-1] == text[1]:
        text = text[2:-1]
    return text.encode("utf-8")
