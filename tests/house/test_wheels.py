"""The tools that put wheels together for Bazel, and that compare them with maturin's."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
(DISTRIBUTION,) = re.findall(
    r'^name = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE
)
FOLDER = f"{DISTRIBUTION.replace('-', '_')}-9.9.9"
NAME = f"{FOLDER}-cp312-cp312-linux_x86_64.whl"
PROGRAM = f"{FOLDER}.data/scripts/ipyrust"


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """A wheel as Bazel puts it together: from the real metadata, and a program that is native."""
    if sys.version_info < (3, 11):
        pytest.skip("Bazel's tool runs on a newer CPython")
    module = tmp_path / "module.py"
    module.write_text("answer = 42\n")
    command = [sys.executable, ROOT / "ci/bazel/assemble.py", "--out", tmp_path / NAME]
    for option, file in (("project", "pyproject.toml"), ("readme", "README.md")):
        command += [f"--{option}", ROOT / file]
    for path in ("LICENSE", "licenses/third-party.txt"):
        command += ["--license", ROOT / path]
    command += ["--sbom", ROOT / "licenses/ipyrust.cdx.json", "--version", "9.9.9"]
    command += ["--file", module, "ipyrust/module.py"]
    command += ["--program", shutil.which("true"), PROGRAM]
    assembled = run(*command)
    assert assembled.returncode == 0, assembled.stderr
    return tmp_path / NAME


def test_the_record_holds_every_file(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        record = archive.read(f"{FOLDER}.dist-info/RECORD").decode()
        rows = {row[0]: row[1:] for row in csv.reader(io.StringIO(record))}
        assert list(rows) == archive.namelist()
        for name, (digest, size) in rows.items():
            if name.endswith("RECORD"):
                assert (digest, size) == ("", "")
                continue
            data = archive.read(name)
            encoded = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=")
            assert digest == f"sha256={encoded.decode()}"
            assert int(size) == len(data)


def test_only_programs_may_be_run(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        modes = {entry.filename: entry.external_attr >> 16 & 0o777 for entry in archive.infolist()}
    assert modes.pop(PROGRAM) == 0o755
    assert set(modes.values()) == {0o644}


def test_a_wheel_is_the_same_as_itself(wheel: Path) -> None:
    compared = run(sys.executable, ROOT / "ci/compare-wheels", wheel, wheel)
    assert compared.returncode == 0, compared.stdout + compared.stderr


@pytest.mark.parametrize(
    ("name", "replacement", "said"),
    [
        ("ipyrust/module.py", b"answer = 41\n", "ipyrust/module.py: the contents differ"),
        ("ipyrust/module.py", None, "ipyrust/module.py: only in the first"),
        (f"{FOLDER}.dist-info/METADATA", b"", "METADATA: the contents differ"),
        (PROGRAM, Path(sys.executable), "exported symbols differ"),
    ],
    ids=["contents", "missing", "metadata", "native"],
)
def test_a_difference_is_named(
    wheel: Path, tmp_path: Path, name: str, replacement: bytes | Path | None, said: str
) -> None:
    if isinstance(replacement, Path) and sys.platform != "linux":
        pytest.skip("readelf reads the executables of Linux")
    other = tmp_path / "other" / NAME
    other.parent.mkdir()
    with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(other, "w") as target:
        for entry in source.infolist():
            data = source.read(entry)
            if entry.filename == name:
                if replacement is None:
                    continue
                data = replacement if isinstance(replacement, bytes) else replacement.read_bytes()
            target.writestr(entry, data)
    compared = run(sys.executable, ROOT / "ci/compare-wheels", wheel, other)
    assert compared.returncode == 1
    assert said in compared.stdout
