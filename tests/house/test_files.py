"""How the files of the project are kept: each says what it is for, none names a machine."""

from __future__ import annotations

import ast
import json
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# One thing per file; longer ones are split along what they do.
LONGEST = 550


def project_files() -> list[Path]:
    """What git holds, and what it would hold after `git add`."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    output = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    paths = [ROOT / name for name in output.split("\0") if name]
    return [path for path in paths if path.is_file()]


FILES = project_files()


def with_suffix(*suffixes: str) -> list[Path]:
    return [path for path in FILES if path.suffix in suffixes]


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def workspace_version() -> str:
    match = re.search(r'^version = "(.+)"$', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)
    assert match, "Cargo.toml has no version"
    return match[1]


def states_its_purpose(path: Path) -> bool:
    """Whether the first words of a file are a sentence about it."""
    text = path.read_text()
    if path.suffix in (".py", ".pyi"):
        return bool(ast.get_docstring(ast.parse(text)))
    lines = text.splitlines() or [""]
    if path.suffix == ".rs":
        return lines[0].startswith("//! ") or lines[0] == "/*!"
    if lines[0].startswith("#!"):
        return len(lines) > 1 and lines[1].startswith("# ")
    return lines[0].startswith("# ")


COMMENTED = [
    path
    for path in FILES
    if path.suffix in (".py", ".pyi", ".rs", ".yml", ".in")
    or path.name in ("Makefile", "pyproject.toml")
    or path.parent.name in ("ci", ".ci")
]


@pytest.mark.parametrize("path", COMMENTED, ids=relative)
def test_a_file_starts_with_what_it_is_for(path: Path) -> None:
    assert states_its_purpose(path)


@pytest.mark.parametrize("path", with_suffix(".py", ".rs"), ids=relative)
def test_a_file_is_short_enough_to_read(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LONGEST


def test_the_version_stands_in_one_place() -> None:
    # The workspace names it twice in one file: cargo wants it beside the path of a member.
    # A measurement says which version was measured; ci/third-party copies it into the SBOM.
    allowed = {"Cargo.toml", "Cargo.lock", "CHANGELOG.md", "pyproject.toml", "docs/performance.md"}
    allowed |= {"licenses/ipyrust.cdx.json"}
    version = re.compile(rf"ipyrust\D{{0,30}}{re.escape(workspace_version())}(?!\d)", re.IGNORECASE)
    texts = with_suffix(".py", ".pyi", ".rs", ".toml", ".md", ".yml", ".json", "")
    found = [relative(path) for path in texts if version.search(path.read_text())]
    assert set(found) <= allowed


def test_the_wheel_puts_the_launcher_where_the_version_says() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    (distribution,) = re.findall(r'^name = "(.+)"$', text, re.MULTILINE)
    folder = re.sub(r"[-_.]+", "_", distribution).lower()
    folders = re.findall(r'to = "(.+)\.data"', text)
    assert folders == [f"{folder}-{workspace_version()}"]


# What a program would look the distribution up by, or tell the file of a wheel by.
DISTRIBUTION = re.compile(r"""distribution\(["']ipyrust|ipyrust-\*|ipyrust-[0-9]+\.|ipyrust\[""")


def test_the_name_that_pip_knows_stands_in_one_place() -> None:
    """It may have to change, since the index gives a name to whoever asks first."""
    programs = [path for path in FILES if path.suffix in (".py", ".rs", ".yml")]
    programs += [path for path in FILES if path.parent.name in ("ci", ".ci")]
    programs = [path for path in programs if path != Path(__file__)]
    found = [relative(path) for path in programs if DISTRIBUTION.search(path.read_text())]
    assert found == []


def test_the_two_copies_of_the_kernelspec_agree() -> None:
    wheel = ROOT / "kernelspec/data/share/jupyter/kernels/ipyrust"
    package = ROOT / "python/ipyrust/kernelspec"
    names = {path.name for path in wheel.iterdir()}
    assert names == {"kernel.json", "logo-32x32.png", "logo-64x64.png", "logo-svg.svg"}
    assert names == {path.name for path in package.iterdir()}
    for name in names:
        assert (wheel / name).read_bytes() == (package / name).read_bytes(), name


def test_the_kernelspec_of_the_wheel_starts_the_python_beside_it() -> None:
    path = ROOT / "kernelspec/data/share/jupyter/kernels/ipyrust/kernel.json"
    # Jupyter replaces the bare word by its own interpreter, which is the one of the environment.
    assert json.loads(path.read_text())["argv"] == [
        "python",
        "-m",
        "ipyrust",
        "-f",
        "{connection_file}",
    ]


# With a class of one character each, so that this file does not find itself.
MACHINE = re.compile(r"/[r]oot/|/[h]ome/\w|/[w]ork/")
REGISTRY = re.compile(r"[i]ndex-url|[f]ind-links|[t]rusted-host|--[r]egistry")


@pytest.mark.parametrize("pattern", [MACHINE, REGISTRY], ids=["machine", "registry"])
def test_no_file_names_a_machine_or_a_registry(pattern: re.Pattern[str]) -> None:
    found = []
    for path in FILES:
        if path.suffix == ".png":
            continue
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if pattern.search(line):
                found.append(f"{relative(path)}:{number}: {line.strip()}")
    assert not found


def test_the_locked_requirements_hold_what_is_asked_for() -> None:
    for wanted in (ROOT / "requirements").glob("*.in"):
        # One lock, or one for each CPython.
        locks = [
            lock
            for lock in wanted.parent.glob(f"{wanted.stem}*.txt")
            if re.fullmatch(rf"{wanted.stem}(-cp\d+)?", lock.stem)
        ]
        assert locks, f"{wanted.name} has no lock"
        for line in wanted.read_text().splitlines():
            match = re.match(r"([A-Za-z0-9_][A-Za-z0-9_-]*)", line)
            if match is None:
                continue
            name = match[1].lower().replace("_", "-")
            for lock in locks:
                locked = lock.read_text().lower().replace("_", "-")
                assert re.search(rf"^{name}==", locked, re.MULTILINE), f"{lock.name}: {name}"
