"""What is in a wheel: all of the package, the executable, the kernelspec, licences, the SBOM."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import re
import subprocess
from pathlib import Path

import pytest

from .wheel import Wheel

ROOT = Path(__file__).resolve().parents[2]
LICENSES = ("LICENSE", "licenses/third-party.txt")
SBOM = "licenses/ipyrust.cdx.json"


def cargo_version() -> str:
    match = re.search(r'^version = "(.+)"$', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)
    assert match
    return match[1]


def project(key: str) -> str:
    """A line of pyproject.toml, as it stands there: CPython 3.10 has no reader of TOML."""
    text = (ROOT / "pyproject.toml").read_text()
    match = re.search(rf'^{key} = "(.+)"$', text, re.MULTILINE)
    assert match
    return match[1]


def tracked(folder: str) -> set[str]:
    """The files of the repository below a folder, relative to it."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", folder]
    output = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    names = [name for name in output.split("\0") if name and (ROOT / name).exists()]
    return {str(Path(name).relative_to(folder)) for name in names}


def test_a_wheel_has_what_it_should_and_nothing_else(wheel: Wheel) -> None:
    expected = {f"ipyrust/{name}" for name in tracked("python/ipyrust")}
    expected |= {f"{wheel.data}/data/{name}" for name in tracked("kernelspec/data")}
    expected |= {wheel.extension, wheel.executable}
    expected |= {f"{wheel.info}/licenses/{name}" for name in LICENSES}
    expected |= {f"{wheel.info}/{name}" for name in ("METADATA", "RECORD", "WHEEL")}
    expected |= {f"{wheel.info}/sboms/{Path(SBOM).name}"}
    assert set(wheel.files) == expected


def test_the_executable_can_be_run_once_installed(wheel: Wheel) -> None:
    assert wheel.files[wheel.executable].external_attr >> 16 & 0o777 == 0o755


def test_the_record_is_true(wheel: Wheel) -> None:
    rows = csv.reader(wheel.read(f"{wheel.info}/RECORD").decode().splitlines())
    record = {name: (digest, size) for name, digest, size in rows}
    assert set(record) == set(wheel.files)
    for name, (digest, size) in record.items():
        if name.endswith("/RECORD"):
            continue
        content = wheel.read(name)
        expected = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        assert (digest, size) == (f"sha256={expected}", str(len(content))), name


def test_every_place_that_has_the_version_has_the_same(wheel: Wheel) -> None:
    version = cargo_version()
    assert wheel.version == version
    assert wheel.metadata["Version"] == version
    document = json.loads((ROOT / SBOM).read_text())
    assert document["metadata"]["component"]["version"] == version
    assert version.encode() in wheel.read(wheel.executable)


def test_the_metadata_is_the_projects(wheel: Wheel) -> None:
    assert wheel.metadata["Name"] == project("name")
    assert wheel.name == re.sub(r"[-_.]+", "_", project("name")).lower()
    assert wheel.metadata["Requires-Python"] == project("requires-python")
    assert wheel.metadata.get_all("License-File") == list(LICENSES)
    assert (
        f"Tag: {wheel.tag}-{wheel.tag}-{wheel.platform.split('.')[0]}"
        in wheel.read(f"{wheel.info}/WHEEL").decode()
    )


def test_the_licences_and_the_sbom_are_those_that_are_checked_in(wheel: Wheel) -> None:
    for name in LICENSES:
        assert wheel.read(f"{wheel.info}/licenses/{name}") == (ROOT / name).read_bytes()
    assert wheel.read(f"{wheel.info}/sboms/{Path(SBOM).name}") == (ROOT / SBOM).read_bytes()


def test_every_component_of_the_sbom_has_its_licence_in_the_wheel() -> None:
    texts = (ROOT / "licenses/third-party.txt").read_text()
    document = json.loads((ROOT / SBOM).read_text())
    components = [c for c in document["components"] if not c["name"].startswith("ipyrust")]
    assert len(components) > 40
    for component in components:
        assert re.search(rf"^{re.escape(component['name'])} {component['version']}\b", texts, re.M)


def test_the_sbom_names_its_parts_once_and_only_those() -> None:
    document = json.loads((ROOT / SBOM).read_text())
    own = document["metadata"]["component"]["bom-ref"]
    references = [component["bom-ref"] for component in document["components"]]
    assert len(set(references)) == len(references)
    graph = {entry["ref"]: entry["dependsOn"] for entry in document["dependencies"]}
    assert set(graph) == {own, *references}
    reached, waiting = set(), [own]
    while waiting:
        reference = waiting.pop()
        if reference not in reached:
            reached.add(reference)
            waiting += graph[reference]
    assert reached == set(graph)
    assert "timestamp" not in document["metadata"]


@pytest.mark.parametrize("name", ["pyo3", "rustix", "serde_json", "x25519-dalek"])
def test_the_sbom_knows_what_is_surely_inside(name: str) -> None:
    components = json.loads((ROOT / SBOM).read_text())["components"]
    (component,) = (component for component in components if component["name"] == name)
    assert component["version"]
    assert component["licenses"][0]["expression"]


def test_what_only_the_tests_need_is_not_in_the_wheel(wheel: Wheel) -> None:
    """The client of Rust's tests is libzmq, which is C++ and under another licence."""
    components = json.loads((ROOT / SBOM).read_text())["components"]
    assert not [part["name"] for part in components if re.search("zmq|zeromq", part["name"])]
    assert "GNU" not in (ROOT / "licenses/third-party.txt").read_text()
