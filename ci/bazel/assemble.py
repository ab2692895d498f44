"""Puts a wheel together from files that Bazel built, as maturin does it.

The metadata comes from pyproject.toml, in the order and the words of maturin's, so that the wheels
of both tools differ in their native files and in the name of the generator only.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import re
import tomllib
import zipfile
from pathlib import Path
from typing import Any

# The earliest time that a zip file can hold. A wheel that says when it was built is never the same.
EPOCH = (1980, 1, 1, 0, 0, 0)


def main() -> None:
    arguments = parse()
    project = tomllib.loads(arguments.project.read_text(encoding="utf-8"))["project"]
    version = arguments.version
    information = f"{project['name'].replace('-', '_')}-{version}.dist-info"
    tag = "-".join(arguments.out.stem.split("-")[2:])
    metadata = describe(project, version)
    metadata += f"\n{arguments.readme.read_text(encoding='utf-8')}\n"
    files = {}
    for mode, given in ((0o644, arguments.file), (0o755, arguments.program)):
        for source, destination in given:
            files[destination] = (Path(source).read_bytes(), mode)
    entries = sorted(files.items(), key=lambda entry: (place(entry[0]), entry[0]))
    entries += [
        (f"{information}/METADATA", (metadata.encode(), 0o644)),
        (f"{information}/WHEEL", (wheel_file(tag).encode(), 0o644)),
        *(
            (f"{information}/licenses/{path}", (find(path, arguments.license), 0o644))
            for path in project["license-files"]
        ),
        (f"{information}/sboms/{arguments.sbom.name}", (arguments.sbom.read_bytes(), 0o644)),
    ]
    record = "".join(f"{path},{digest(data)},{len(data)}\n" for path, (data, _) in entries)
    record += f"{information}/RECORD,,\n"
    entries.append((f"{information}/RECORD", (record.encode(), 0o644)))
    with zipfile.ZipFile(arguments.out, "w", zipfile.ZIP_DEFLATED) as wheel:
        for path, (data, mode) in entries:
            entry = zipfile.ZipInfo(path, EPOCH)
            entry.create_system = 3  # Unix, whose permissions these are.
            entry.external_attr = (0o100000 | mode) << 16
            wheel.writestr(entry, data, zipfile.ZIP_DEFLATED)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("out", "project", "readme", "sbom"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--license", type=Path, action="append", default=[])
    for name in ("file", "program"):
        parser.add_argument(f"--{name}", nargs=2, action="append", default=[])
    return parser.parse_args()


def place(path: str) -> int:
    """The package first, then what is installed elsewhere."""
    return int(path.split("/")[0].endswith(".data"))


def find(path: str, files: list[Path]) -> bytes:
    """The contents of the file that pyproject.toml names so."""
    return next(file for file in files if file.as_posix().endswith(path)).read_bytes()


def describe(project: dict[str, Any], version: str) -> str:
    """The fields of METADATA that the project has."""
    lines = ["Metadata-Version: 2.4", f"Name: {project['name']}", f"Version: {version}"]
    lines += [f"Classifier: {classifier}" for classifier in project.get("classifiers", [])]
    lines += [f"Requires-Dist: {normal(each)}" for each in project.get("dependencies", [])]
    extras = project.get("optional-dependencies", {})
    for extra, requirements in extras.items():
        lines += [f"Requires-Dist: {normal(each)} ; extra == '{extra}'" for each in requirements]
    lines += [f"Provides-Extra: {extra}" for extra in extras]
    lines += [f"License-File: {path}" for path in project["license-files"]]
    lines.append(f"Summary: {project['description']}")
    lines.append(f"Keywords: {','.join(project['keywords'])}")
    lines.append(f"Author: {', '.join(author['name'] for author in project['authors'])}")
    lines.append(f"License-Expression: {project['license']}")
    lines.append(f"Requires-Python: {project['requires-python']}")
    lines.append("Description-Content-Type: text/markdown; charset=UTF-8; variant=GFM")
    lines += [f"Project-URL: {label}, {url}" for label, url in project.get("urls", {}).items()]
    return "\n".join(lines) + "\n"


def normal(requirement: str) -> str:
    """A requirement with the normal form of its name."""
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert match, requirement
    return re.sub(r"[-_.]+", "-", match[0]).lower() + requirement[match.end() :]


def wheel_file(tag: str) -> str:
    return (
        "Wheel-Version: 1.0\n"
        "Generator: ipyrust ci/bazel/assemble.py\n"
        "Root-Is-Purelib: false\n"
        f"Tag: {tag}\n"
    )


def digest(data: bytes) -> str:
    encoded = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=")
    return f"sha256={encoded.decode()}"


if __name__ == "__main__":
    main()
