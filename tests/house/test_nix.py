"""The flake evaluates for every system, on a stand-in for nixpkgs; its names are those listed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STUB = ROOT / "tests/house/nixpkgs"
FILES = [ROOT / "flake.nix", *sorted((ROOT / "ci/nix").glob("*.nix"))]
SYSTEMS = {"x86_64-linux", "aarch64-linux", "x86_64-darwin", "aarch64-darwin"}
MINORS = ["310", "311", "312", "313"]


def names() -> dict[str, list[str]]:
    found: dict[str, list[str]] = json.loads((STUB / "names.json").read_text())
    return found


def used() -> dict[str, set[str]]:
    """The packages that our files take from nixpkgs, by the set they are in."""
    text = "\n".join(path.read_text() for path in FILES)
    arguments = (ROOT / "ci/nix/package.nix").read_text().split("}:")[0]
    of_package = set(re.findall(r"^  ([\w-]+),$", arguments, re.MULTILINE))
    nixpkgs = {"lib", "stdenv", "buildPythonPackage", "pythonAtLeast", "rustPlatform"}
    top = {"libiconv"}
    functions = {
        "callPackage",
        "mkShell",
        "runCommand",
        "writeShellApplication",
        "rustPlatform",
        "stdenv",
    }
    functions |= {f"python{minor}" for minor in MINORS}
    return {
        "pkgs": (set(re.findall(r"\bpkgs\.([\w-]+)", text)) - functions) | (of_package & top),
        "python": (of_package - nixpkgs - top)
        | set(re.findall(r"\b(?:final|previous|packages)\.([a-z][\w-]*)", text)) - {"fetchPypi"},
        "rustPlatform": set(re.findall(r"\brustPlatform\.(\w+)", text))
        - {"buildRustPackage", "importCargoLock"},
    }


@pytest.mark.parametrize("group", ["pkgs", "python", "rustPlatform"])
def test_every_name_of_nixpkgs_is_listed(group: str) -> None:
    assert used()[group] == set(names()[group])


def test_the_lock_pins_the_one_input() -> None:
    lock = json.loads((ROOT / "flake.lock").read_text())
    assert set(lock["nodes"]) == {"root", "nixpkgs"}
    nixpkgs = lock["nodes"]["nixpkgs"]
    assert re.fullmatch(r"[0-9a-f]{40}", nixpkgs["locked"]["rev"])
    original = nixpkgs["original"]
    url = f"github:{original['owner']}/{original['repo']}/{original['ref']}"
    assert f'inputs.nixpkgs.url = "{url}";' in (ROOT / "flake.nix").read_text()


def test_nix_installs_the_ipython_that_is_locked() -> None:
    text = (ROOT / "ci/nix/python.nix").read_text()
    version = re.search(r'version = "(.+)";', text)
    assert version
    assert f"\nipython=={version[1]} ; " in (ROOT / "requirements/wire.txt").read_text()


class Nix:
    """Nix, on a copy of what git holds: Nix would copy the folder whole, with what was built."""

    def __init__(self, directory: Path) -> None:
        self.flake = directory / "ipyrust"
        command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
        listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
        for name in filter(None, listed.stdout.split("\0")):
            if (ROOT / name).is_file():
                (self.flake / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, self.flake / name)
        self.stub = directory / "nixpkgs"
        shutil.copytree(STUB, self.stub)
        (self.stub / "../home").resolve().mkdir()
        self.environment = os.environ | {"HOME": str(directory / "home")}

    def flake_command(self, verb: str, *options: str) -> subprocess.CompletedProcess[str]:
        command = ["nix", "--extra-experimental-features", "nix-command flakes", "flake", verb]
        command += [f"path:{self.flake}", "--override-input", "nixpkgs", f"path:{self.stub}"]
        command += ["--no-write-lock-file", "--all-systems", *options]
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False
        )


@pytest.fixture(scope="module")
def nix(tmp_path_factory: pytest.TempPathFactory) -> Nix:
    if not shutil.which("nix"):
        pytest.skip("no Nix on this machine")
    return Nix(tmp_path_factory.mktemp("nix"))


def test_every_output_evaluates(nix: Nix) -> None:
    checked = nix.flake_command("check", "--no-build")
    assert checked.returncode == 0, checked.stderr


def test_the_outputs_are_those_of_the_documentation(nix: Nix) -> None:
    shown = nix.flake_command("show", "--json")
    assert shown.returncode == 0, shown.stderr
    outputs = json.loads(shown.stdout)
    outputs = outputs.get("inventory", outputs)
    assert {"packages", "devShells", "checks", "apps", "formatter"} <= set(outputs)
    text = json.dumps(outputs)
    for system in SYSTEMS:
        assert system in text
    for minor in MINORS:
        assert f"ipyrust-cp{minor}" in text


def test_a_name_that_nixpkgs_does_not_have_is_an_error(nix: Nix) -> None:
    shell = nix.flake / "ci/nix/shell.nix"
    text = shell.read_text()
    shell.write_text(text.replace("pkgs.statix", "pkgs.statix-of-no-release"))
    try:
        checked = nix.flake_command("check", "--no-build")
    finally:
        shell.write_text(text)
    assert checked.returncode != 0
    assert "statix-of-no-release" in checked.stderr
