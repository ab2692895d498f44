"""Bazel's files say what Cargo's and Python's say. No Bazel is needed to see it."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import shutil
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def read(path: str) -> str:
    return (ROOT / path).read_text()


def starlark_list(path: str, name: str) -> list[str]:
    """A list of strings in a file of Bazel's, whose literals are Python's."""
    match = re.search(rf"^{name} = (\[.*?\])$", read(path), re.MULTILINE | re.DOTALL)
    assert match, f"{path} has no {name}"
    return list(ast.literal_eval(match[1]))


def check_crates(root: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(root / "ci/bazel/vendor"), "--check"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_crates_are_those_of_cargo_lock() -> None:
    checked = check_crates(ROOT)
    assert checked.returncode == 0, checked.stderr


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """What the check reads, for a test to change."""
    for path in (*ROOT.glob("src/*/Cargo.toml"), ROOT / "Cargo.toml", ROOT / "Cargo.lock"):
        target = tmp_path / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    shutil.copytree(ROOT / "ci/bazel", tmp_path / "ci/bazel")
    assert check_crates(tmp_path).returncode == 0
    return tmp_path


def change(path: Path, pattern: str, replacement: str) -> None:
    text, count = re.subn(pattern, replacement, path.read_text(), count=1, flags=re.MULTILINE)
    assert count == 1
    path.write_text(text)


@pytest.mark.parametrize(
    ("path", "pattern", "replacement"),
    [
        ("Cargo.lock", r'(?<=^name = "pyo3"\nversion = ")[^"]+', "99.0.0"),
        ("Cargo.lock", r'(?<=^checksum = ")[0-9a-f]{8}', "00000000"),
        ("src/kernel/Cargo.toml", r"^\[dependencies\]$", '[dependencies]\nnewcomer = "1"'),
        ("ci/bazel/vendor.json", r'"x86_64-apple-darwin",\n', ""),
    ],
    ids=["version", "checksum", "dependency", "configuration"],
)
def test_crates_that_are_behind_are_noticed(
    copy: Path, path: str, pattern: str, replacement: str
) -> None:
    change(copy / path, pattern, replacement)
    checked = check_crates(copy)
    assert checked.returncode == 1
    assert "ci/bazel/vendor" in checked.stderr


def test_a_release_changes_nothing_about_the_crates(copy: Path) -> None:
    change(copy / "Cargo.toml", r'(?<=^version = ")[^"]+', "99.0.0")
    assert check_crates(copy).returncode == 0


def test_every_file_names_the_same_minors() -> None:
    minors = starlark_list("ci/bazel/minors.bzl", "MINORS")
    assert starlark_list("MODULE.bazel", "MINORS") == minors
    assert {path.stem for path in (ROOT / "ci/pyo3").glob("*.txt")} == {
        "cp" + minor.replace(".", "") for minor in minors
    }
    for minor in minors:
        assert f"Programming Language :: Python :: {minor}" in read("pyproject.toml")
        assert f"version={minor}\n" in read(f"ci/pyo3/cp{minor.replace('.', '')}.txt")


def test_bazel_builds_with_a_rust_that_cargo_accepts() -> None:
    least = re.search(r'^rust-version = "(.+)"$', read("Cargo.toml"), re.MULTILINE)
    pinned = re.search(r'^RUST = "(.+)"$', read("MODULE.bazel"), re.MULTILINE)
    assert least
    assert pinned
    assert [*map(int, pinned[1].split("."))] >= [*map(int, least[1].split("."))]


def test_the_tests_install_what_the_lock_is_made_for() -> None:
    named = set()
    for path in ("requirements/bazel.in", "requirements/wire.in"):
        named |= set(re.findall(r"^[a-z][\w-]*", read(path), re.MULTILINE))
    installed = starlark_list("ci/bazel/environment.bzl", "_REQUIREMENTS")
    assert {name.replace("-", "_") for name in named} == set(installed)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Bazel's tool runs on a newer CPython")
def test_the_metadata_is_that_of_maturin() -> None:
    import tomllib

    path = ROOT / "ci/bazel/assemble.py"
    specification = importlib.util.spec_from_file_location("assemble", path)
    assert specification
    assert specification.loader
    assemble = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(assemble)
    project = tomllib.loads(read("pyproject.toml"))["project"]
    installed = distribution(project["name"])
    fields = assemble.describe(project, installed.version)
    assert installed.read_text("METADATA") == f"{fields}\n{read('README.md')}\n"


def test_bazel_compiles_libzmq_as_cargo_does() -> None:
    of_cargo = dict(
        re.findall(r'^(CXXFLAGS_\w+) = "(.*)"$', read(".cargo/config.toml"), re.MULTILINE)
    )
    annotations = json.loads(read("ci/bazel/vendor.json"))["annotations"]
    assert of_cargo
    assert annotations["zmq-sys *"]["build_script_env"] == of_cargo


def test_the_launcher_is_compiled_as_in_the_wheel_of_maturin() -> None:
    # -Clto is Bazel's own setting; cap-lints hides what Bazel's clippy is not asked for.
    of_maturin = set(re.findall(r'"(-C(?!lto)[a-z-]+=\w+)"', read("src/python/build.rs")))
    of_bazel = set(re.findall(r'"(-C[a-z-]+=\w+)"', read("src/launcher/BUILD.bazel")))
    assert of_maturin
    assert of_bazel == of_maturin
