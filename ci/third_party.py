"""Write licenses/: what the wheels hold of other projects, as texts and as a list for programs.

`third-party.txt` has the licence of each crate that is linked into the extension, and a word about
code that is in it without being a crate; `ipyrust.cdx.json` is the crates as a CycloneDX SBOM.
Both are made from Cargo.lock and the sources that it names, and are checked in: so every build
carries the same bytes, wherever it runs. `ci/third-party` calls this; `--check` compares only.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
TEXTS = ROOT / "licenses" / "third-party.txt"
SBOM = ROOT / "licenses" / "ipyrust.cdx.json"
EXTENSION = "ipyrust-python"
# Every system that wheels are built for. Their crates differ a little; the lists are the union.
TARGETS = [
    f"{machine}-{system}"
    for machine in ("x86_64", "aarch64")
    for system in ("unknown-linux-gnu", "unknown-linux-musl", "apple-darwin")
]
# The first of these that a crate may be used under is the one that we use it under.
PREFERRED = ("MIT", "Apache-2.0")
FILES = {"MIT": r"LICEN[CS]E.*MIT", "Apache-2.0": r"LICEN[CS]E.*APACHE"}


@dataclass
class Component:
    """Something that is linked into the extension."""

    name: str
    version: str
    license: str
    purl: str
    texts: list[str]
    source: str | None = None
    sha256: str | None = None
    needs: list[str] = field(default_factory=list)
    description: str = ""

    @property
    def reference(self) -> str:
        return self.purl


def metadata(target: str) -> dict[str, Any]:
    command = ["cargo", "metadata", "--locked", "--format-version=1", f"--filter-platform={target}"]
    output = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    answer: dict[str, Any] = json.loads(output)
    return answer


def is_macro(package: dict[str, Any]) -> bool:
    return any("proc-macro" in target["kind"] for target in package["targets"])


def linked(graph: dict[str, Any]) -> dict[str, set[str]]:
    """The ids of the packages that end up in the extension, each with those that it needs."""
    packages = {package["id"]: package for package in graph["packages"]}
    nodes = {node["id"]: node for node in graph["resolve"]["nodes"]}
    waiting = [key for key, package in packages.items() if package["name"] == EXTENSION]
    found: dict[str, set[str]] = {}
    while waiting:
        key = waiting.pop()
        if key in found:
            continue
        found[key] = {
            dependency["pkg"]
            for dependency in nodes[key]["deps"]
            # What only the build needs runs and is gone; macros likewise.
            if any(kind["kind"] is None for kind in dependency["dep_kinds"])
            and not is_macro(packages[dependency["pkg"]])
        }
        waiting.extend(found[key])
    return found


def license_texts(package: dict[str, Any]) -> list[str]:
    """The text of the licence that we use a crate under."""
    folder = Path(package["manifest_path"]).parent
    names = re.split(r"\s+OR\s+|/", package["license"] or "")
    patterns = [FILES[name] for name in PREFERRED if name in names and len(names) > 1]
    candidates = sorted(path for path in folder.iterdir() if path.is_file())
    for pattern in [*patterns, "LICEN[CS]E", "COPYING"]:
        files = [path for path in candidates if re.match(pattern, path.name, re.IGNORECASE)]
        if files:
            return [path.read_text(encoding="utf-8", errors="replace").strip() for path in files]
    return []


def checksums() -> dict[tuple[str, str], str]:
    """By name and version; what has no checksum is ours."""
    found = {}
    for entry in (ROOT / "Cargo.lock").read_text().split("[[package]]")[1:]:
        fields = dict(re.findall(r'^(name|version|checksum) = "(.*)"$', entry, re.MULTILINE))
        found[fields["name"], fields["version"]] = fields.get("checksum", "")
    return found


def crates() -> list[Component]:
    """The crates that are linked in on some target."""
    known = checksums()
    components: dict[str, Component] = {}
    needs: dict[str, set[str]] = {}
    for target in TARGETS:
        graph = metadata(target)
        packages = {package["id"]: package for package in graph["packages"]}
        for key, dependencies in linked(graph).items():
            package = packages[key]
            component = Component(
                name=package["name"],
                version=package["version"],
                license=package["license"].replace("/", " OR "),
                purl=f"pkg:cargo/{package['name']}@{package['version']}",
                texts=[] if package["source"] is None else license_texts(package),
                source=package["source"] and package["repository"],
                sha256=known[package["name"], package["version"]] or None,
                description=package["description"] or "",
            )
            components[component.purl] = component
            needs.setdefault(component.purl, set()).update(
                f"pkg:cargo/{packages[key]['name']}@{packages[key]['version']}"
                for key in dependencies
            )
    for purl, component in components.items():
        component.needs = sorted(needs[purl])
    return [components[purl] for purl in sorted(components)]


NOTES = """\
Licences of other projects whose code is in the binary parts of ipyrust
=======================================================================

Made by ci/third-party from Cargo.lock and the sources that it names.

The standard library of Rust (MIT OR Apache-2.0) is part of both binaries. Where zig links them, as
in ci/wheels, so is LLVM's libunwind (Apache-2.0 WITH LLVM-exception).
"""


def write_texts(components: list[Component]) -> str:
    """Each text once, under the names of those that it is of."""
    parts = [NOTES]
    names: dict[str, list[str]] = {}
    for component in components:
        for text in component.texts:
            names.setdefault(text, []).append(
                f"{component.name} {component.version} ({component.license})"
            )
        if not component.texts:
            parts.append(
                f"{component.name} {component.version} has no file with its licence, which is "
                f"{component.license}: {component.source}\n"
            )
    for text, used_by in names.items():
        heading = "\n".join(used_by)
        parts.append(f"{'-' * 100}\n{heading}\n{'-' * 100}\n\n{tidy(text)}\n")
    return "\n".join(parts)


def tidy(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.replace("\f", "").splitlines())


def write_sbom(components: list[Component], ours: list[Component]) -> str:
    """CycloneDX 1.6 without a time; the serial number follows from the content."""
    extension = next(component for component in ours if component.name == EXTENSION)
    # The name that pip knows stands in pyproject.toml.
    (name,) = re.findall(r'^name = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    own = f"pkg:pypi/{name}@{extension.version}"
    document: dict[str, Any] = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": describe(
                Component(
                    name=name,
                    version=extension.version,
                    license=extension.license,
                    purl=own,
                    texts=[],
                ),
                "application",
            )
        },
        "components": [describe(component, "library") for component in [*ours, *components]],
        "dependencies": [
            {"ref": own, "dependsOn": [extension.reference]},
            *(
                {"ref": component.reference, "dependsOn": component.needs}
                for component in [*ours, *components]
            ),
        ],
    }
    digest = bytearray(hashlib.sha256(json.dumps(document).encode()).digest()[:16])
    digest[6], digest[8] = digest[6] & 0x0F | 0x50, digest[8] & 0x3F | 0x80
    text = digest.hex()
    serial = "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
    document["serialNumber"] = f"urn:uuid:{serial}"
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def describe(component: Component, kind: str) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "type": kind,
        "bom-ref": component.reference,
        "name": component.name,
        "version": component.version,
        "licenses": [{"expression": component.license}],
        "purl": component.purl,
    }
    if component.description:
        answer["description"] = " ".join(component.description.split())
    if component.sha256:
        answer["hashes"] = [{"alg": "SHA-256", "content": component.sha256}]
    if component.source:
        answer["externalReferences"] = [{"type": "vcs", "url": component.source}]
    return answer


def contents() -> Iterator[tuple[Path, str]]:
    """The files and what belongs in them."""
    found = crates()
    ours = [component for component in found if component.source is None]
    others = [component for component in found if component.source is not None]
    yield TEXTS, write_texts(others)
    yield SBOM, write_sbom(others, ours)


def main(arguments: list[str]) -> int:
    stale = []
    for path, text in contents():
        if arguments == ["--check"]:
            if not path.exists() or path.read_text() != text:
                stale.append(str(path.relative_to(ROOT)))
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
    if stale:
        print(f"error: not as Cargo.lock says: {', '.join(stale)}; run ci/third-party")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
