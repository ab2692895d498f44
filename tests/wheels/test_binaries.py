"""What the two binaries of a wheel need of a system, and what they show to it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .wheel import Wheel

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / ".venvs" / "wheels" / "bin"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it reads ELF files")

# What manylinux_2_28 lets a wheel expect of every system.
EVERYWHERE = re.compile(r"lib(c|m|dl|rt|util|pthread|gcc_s)\.so\.\d|ld-linux[-\w]*\.so\.\d")


def output(*command: str | Path) -> str:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def dynamic(file: Path, entry: str) -> list[str]:
    """The values of an entry of the dynamic section."""
    pattern = rf"\({entry}\)\s.*\[(.*)\]"
    return re.findall(pattern, output("readelf", "--wide", "--dynamic", file))


def exported(file: Path) -> set[str]:
    """By readelf, which reads those of other machines too."""
    rows = [line.split() for line in output("readelf", "--wide", "--dyn-syms", file).splitlines()]
    # Number, value, size, type, binding, visibility, section, name.
    symbols = [row for row in rows if len(row) > 7 and re.fullmatch(r"\d+:", row[0])]
    assert symbols, "not even one that is needed"
    return {row[7].split("@")[0] for row in symbols if row[4] != "LOCAL" and row[6] != "UND"}


def test_the_extension_shows_its_entry_and_nothing_else(wheel: Wheel) -> None:
    """Any other symbol could meet one of the same name, of another library of the process."""
    names = exported(wheel.extracted(wheel.extension))
    assert "PyInit__core" in names
    others = {name for name in names if not name.startswith("ipyrust_")}
    assert others == {"PyInit__core"}


def test_the_executable_shows_nothing(wheel: Wheel) -> None:
    assert exported(wheel.extracted(wheel.executable)) == set()


def test_no_library_is_needed_that_pip_cannot_bring(wheel: Wheel) -> None:
    for name in (wheel.extension, wheel.executable):
        file = wheel.extracted(name)
        needed = set(dynamic(file, "NEEDED"))
        missing = {library for library in needed if not EVERYWHERE.fullmatch(library)}
        assert missing == set(), name
        assert dynamic(file, "RPATH") + dynamic(file, "RUNPATH") == [], name


def test_nothing_of_cplusplus_is_in_a_binary(wheel: Wheel) -> None:
    """Rust's tests compile libzmq, which the wheel does without."""
    for name in (wheel.extension, wheel.executable):
        needed = " ".join(dynamic(wheel.extracted(name), "NEEDED"))
        assert not re.search(r"std\S*c\+\+|libc\+\+|zmq", needed), name
        # Linked in, a library of C++ leaves its own types' names, and libzmq those of its classes.
        for sign in (b"N10__cxxabiv", b"N3zmq"):
            assert sign not in wheel.read(name), f"{sign!r} in {name}"


@pytest.fixture
def manylinux(wheel: Wheel) -> Wheel:
    if not wheel.is_manylinux:
        pytest.skip("a build for this machine; `ci/wheels` builds for all")
    return wheel


def tool(name: str) -> str:
    found = shutil.which(name, path=f"{TOOLS}{os.pathsep}{os.environ['PATH']}")
    if not found:
        pytest.skip(f"no {name}; `ci/environment --wheels` brings it")
    return found


def test_auditwheel_agrees_with_the_tag(manylinux: Wheel) -> None:
    shown = output(tool("auditwheel"), "show", manylinux.path)
    match = re.search(r'consistent\s+with\s+the\s+following\s+platform\s+tag:\s+"([\w.]+)"', shown)
    assert match, shown
    policy = re.fullmatch(r"manylinux_2_(\d+)_\w+", match[1].split(".")[0])
    assert policy, shown
    wanted = re.search(r"manylinux_2_(\d+)_", manylinux.platform)
    assert wanted
    assert int(policy[1]) <= int(wanted[1]), shown


def test_no_version_of_glibc_is_needed_that_the_tag_does_not_allow(manylinux: Wheel) -> None:
    wanted = re.search(r"manylinux_(\d+)_(\d+)_", manylinux.platform)
    assert wanted
    for name in (manylinux.extension, manylinux.executable):
        file = manylinux.extracted(name)
        needed = re.findall(
            r"GLIBC_(\d+)\.(\d+)", output("readelf", "--wide", "--version-info", file)
        )
        assert needed, name
        newest = max((int(major), int(minor)) for major, minor in needed)
        assert newest <= (int(wanted[1]), int(wanted[2])), name


def test_no_folder_of_the_machine_is_named(manylinux: Wheel) -> None:
    home = os.environ.get("CARGO_HOME") or str(Path.home() / ".cargo")
    for name in (manylinux.extension, manylinux.executable):
        content = manylinux.read(name)
        for folder in (str(ROOT), home, str(Path.home()) + "/"):
            assert folder.encode() not in content, f"{folder} in {name}"


def test_the_sbom_is_as_its_format_says(manylinux: Wheel) -> None:
    python = TOOLS / "python"
    if not python.exists():
        pytest.skip("no validator; `ci/environment --wheels` brings it")
    code = """
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
print(JsonStrictValidator(SchemaVersion.V1_6).validate_str(sys.stdin.read()))
"""
    (name,) = (name for name in manylinux.files if "/sboms/" in name)
    done = subprocess.run(
        [python, "-c", code], input=manylinux.read(name).decode(), capture_output=True, text=True
    )
    assert done.stdout == "None\n", done.stdout + done.stderr
