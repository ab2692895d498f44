"""A wheel as the tests see it."""

from __future__ import annotations

import zipfile
from email.message import Message
from email.parser import Parser
from functools import cached_property
from pathlib import Path


class Wheel:
    """A wheel, and its binaries as files."""

    def __init__(self, path: Path, directory: Path) -> None:
        self.path = path
        self.name, self.version, _python, self.tag, self.platform = path.stem.split("-")
        self.directory = directory

    @property
    def is_manylinux(self) -> bool:
        return "manylinux" in self.platform

    @cached_property
    def files(self) -> dict[str, zipfile.ZipInfo]:
        with zipfile.ZipFile(self.path) as archive:
            return {info.filename: info for info in archive.infolist()}

    @property
    def info(self) -> str:
        return f"{self.name}-{self.version}.dist-info"

    @property
    def data(self) -> str:
        return f"{self.name}-{self.version}.data"

    def read(self, name: str) -> bytes:
        with zipfile.ZipFile(self.path) as archive:
            return archive.read(name)

    @cached_property
    def metadata(self) -> Message:
        return Parser().parsestr(self.read(f"{self.info}/METADATA").decode())

    @property
    def extension(self) -> str:
        (name,) = (
            name for name in self.files if name.startswith("ipyrust/_core.") and "so" in name
        )
        return name

    @property
    def executable(self) -> str:
        return f"{self.data}/scripts/ipyrust"

    def extracted(self, name: str) -> Path:
        with zipfile.ZipFile(self.path) as archive:
            return Path(archive.extract(name, self.directory))
