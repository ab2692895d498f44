"""Bazel's files say what Cargo's and Python's say. No Bazel is needed to see it."""

from __future__ import annotations

import ast
import importlib.util
import re
import shutil
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.markers import Marker

ROOT = Path(__file__).resolve().parents[2]


def read(path: str) -> str:
    return (ROOT / path).read_text()


def starlark_list(path: str, name: str) -> list[str]:
    """A list of strings in a file of Bazel's, whose literals are Python's."""
    match = re.search(rf"^{name} = (\[.*?\])$", read(path), re.MULTILINE | re.DOTALL)
    assert match, f"{path} has no {name}"
    return list(ast.literal_eval(match[1]))


MINORS = starlark_list("ci/bazel/minors.bzl", "MINORS")


def tag(minor: str) -> str:
    return "cp" + minor.replace(".", "")


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
    assert starlark_list("MODULE.bazel", "MINORS") == MINORS
    assert {path.stem for path in (ROOT / "ci/pyo3").glob("*.txt")} == set(map(tag, MINORS))
    for minor in MINORS:
        assert f"Programming Language :: Python :: {minor}" in read("pyproject.toml")
        assert f"version={minor}\n" in read(f"ci/pyo3/{tag(minor)}.txt")


def test_bazel_builds_with_a_rust_that_cargo_accepts() -> None:
    least = re.search(r'^rust-version = "(.+)"$', read("Cargo.toml"), re.MULTILINE)
    pinned = re.search(r'^RUST = "(.+)"$', read("MODULE.bazel"), re.MULTILINE)
    assert least
    assert pinned
    assert [*map(int, pinned[1].split("."))] >= [*map(int, least[1].split("."))]


def test_the_tests_install_what_the_locks_are_made_for() -> None:
    named = set()
    for path in ("requirements/bazel.in", "requirements/wire.in"):
        found = re.findall(r"^[a-z][\w-]*", read(path), re.MULTILINE)
        named |= {name.replace("-", "_") for name in found}
    installed = starlark_list("ci/bazel/environment.bzl", "_REQUIREMENTS")
    assert named == set(installed)
    for minor in MINORS:
        locked = pins(f"bazel-{tag(minor)}", minor)
        assert named <= {name.replace("-", "_") for name in locked}


def pins(lock: str, minor: str, system: str = "linux") -> dict[str, str]:
    """The versions that a lock gives to a CPython of a minor, by name. Each has hashes."""
    environment = {"python_version": minor, "python_full_version": f"{minor}.0"}
    environment |= {"implementation_name": "cpython", "sys_platform": system}
    found = {}
    text = read(f"requirements/{lock}.txt").replace("\\\n", "")
    for line in filter(lambda line: not line.startswith("#"), text.splitlines()):
        requirement, *hashes = line.split("--hash=sha256:")
        assert hashes, line
        specification, _, marker = requirement.strip().partition(" ; ")
        if not marker or Marker(marker).evaluate(environment):
            name, _, version = specification.partition("==")
            found[name] = version
    return found


@pytest.mark.parametrize("minor", MINORS)
def test_the_lock_of_a_minor_agrees_with_the_others(minor: str) -> None:
    lock = read(f"requirements/bazel-{tag(minor)}.txt")
    assert " ; " not in lock, "Linux and macOS would not install the same"
    of_bazel = pins(f"bazel-{tag(minor)}", minor)
    for system in ("linux", "darwin"):
        assert pins("wire", minor, system).items() <= of_bazel.items()
        of_developer = pins("develop", minor, system)
        assert of_bazel.items() <= (of_bazel | of_developer).items()


def test_every_minor_has_its_own_lock() -> None:
    assert {path.name for path in (ROOT / "requirements").glob("bazel*.txt")} == {
        f"bazel-{tag(minor)}.txt" for minor in MINORS
    }
    assert "for minor in " + " ".join(MINORS) + "; do" in read("requirements/lock")


def test_bazel_checks_every_file_of_its_own() -> None:
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--"]
    listed += ["*.bzl", "*.bazel", ":!ci/bazel/crates/*"]
    text = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    build = read("ci/bazel/BUILD.bazel")
    target = build[build.index("buildifier_test(\n") :]
    labels = re.findall(r'^ {8}"(//.*:)?(\w+\.bazel)",$', target, re.MULTILINE)
    checked = {Path(package[2:-1] if package else "ci/bazel") / file for package, file in labels}
    assert 'glob(["*.bzl"])' in target
    checked |= {path.relative_to(ROOT) for path in (ROOT / "ci/bazel").glob("*.bzl")}
    assert checked == {Path(name) for name in text.split() if (ROOT / name).is_file()}


def test_bazel_checks_with_the_buildifier_of_lint() -> None:
    of_bazel = re.search(r'name = "buildifier",\n    version = "(.+)"', read("MODULE.bazel"))
    of_lint = re.search(r"^version=(.+)$", read("ci/buildifier"), re.MULTILINE)
    assert of_bazel
    assert of_lint
    assert of_bazel[1] == of_lint[1]


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


def test_the_launcher_is_compiled_as_in_the_wheel_of_maturin() -> None:
    # -Clto is Bazel's own setting; cap-lints hides what Bazel's clippy is not asked for.
    of_maturin = set(re.findall(r'"(-C(?!lto)[a-z-]+=\w+)"', read("src/python/build.rs")))
    of_bazel = set(re.findall(r'"(-C[a-z-]+=\w+)"', read("src/launcher/BUILD.bazel")))
    assert of_maturin
    assert of_bazel == of_maturin
