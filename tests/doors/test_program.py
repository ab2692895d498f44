"""The program by itself: what it says, and what it says when it cannot start."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from .environments import clean_variables
from .places import Place, words
from .wheels import wheel_for

# The first test of an interpreter installs what ipyrust needs there.
pytestmark = pytest.mark.timeout(600, method="signal")


def call(place: Place, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = place.environment
    return subprocess.run(
        [*words(environment, "program"), *arguments],
        env=clean_variables() | environment.variables | variables,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_version_is_that_of_the_wheel(place: Place) -> None:
    wheel = wheel_for(place.interpreter)
    assert wheel is not None
    assert call(place, "--version").stdout == f"ipyrust {wheel.name.split('-')[1]}\n"


def test_help_names_what_there_is(place: Place) -> None:
    outcome = call(place, "--help")
    assert outcome.returncode == 0
    for word in ("--python", "--version", "doctor", "-f CONNECTION_FILE", "IPYRUST_PYTHON"):
        assert word in outcome.stdout


def test_the_doctor_names_the_python_and_its_parts(place: Place) -> None:
    outcome = call(place, "doctor")
    report = outcome.stdout
    assert f"{place.environment.python} (Python {place.interpreter.version})" in report
    assert re.search(r"^extension +/.*/ipyrust/_core\..*\.so$", report, re.M), report
    assert ("loaded into this program" in report) == place.is_shared, report


def test_the_doctor_is_content_with_a_whole_environment(plain_place: Place) -> None:
    outcome = call(
        plain_place, "doctor", HOME="/nonexistent", JUPYTER_DATA_DIR="/nonexistent", JUPYTER_PATH=""
    )
    assert outcome.returncode == 0, outcome.stdout


def test_the_doctor_survives_a_reader_that_has_gone(place: Place) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    whole = call(place, "doctor")
    outcome = subprocess.run(
        [*words(place.environment, "program"), "doctor"],
        env=clean_variables() | place.environment.variables,
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writing)
    assert outcome.stderr == ""
    assert outcome.returncode == whole.returncode


class TestSentences:
    """One sentence and exit code 1: never a traceback, a loader's error or a signal."""

    @pytest.fixture
    def broken(self, plain_place: Place, tmp_path: Path) -> Path:
        """A copy of a virtual environment, which the test may damage."""
        whole = plain_place.environment.program.parent.parent
        return Path(shutil.copytree(whole, tmp_path / "broken", symlinks=True))

    def sentence(self, program: Path, *arguments: str, **variables: str) -> str:
        outcome = subprocess.run(
            [program, *arguments, "-f", "/nonexistent/kernel.json"],
            env=clean_variables() | variables,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert outcome.returncode == 1
        assert outcome.stdout == ""
        assert outcome.stderr.startswith("error: ")
        assert outcome.stderr.count("\n") == 1, outcome.stderr
        return outcome.stderr

    def test_a_removed_python(self, broken: Path) -> None:
        for name in ("python", "python3"):
            (broken / "bin" / name).unlink(missing_ok=True)
            (broken / "bin" / name).symlink_to("/nonexistent/python")
        sentence = self.sentence(broken / "bin" / "ipyrust")
        assert "/nonexistent/python" in sentence
        assert "make the environment anew" in sentence

    def test_a_python_that_does_not_exist(self, broken: Path) -> None:
        program = broken / "bin" / "ipyrust"
        assert "`--python` names `/gone`" in self.sentence(program, "--python", "/gone")
        assert "`IPYRUST_PYTHON` names" in self.sentence(program, IPYRUST_PYTHON="/gone")

    def test_a_missing_extension(self, broken: Path) -> None:
        (extension,) = broken.glob("lib/*/site-packages/ipyrust/_core*.so")
        extension.unlink()
        program, python = broken / "bin" / "ipyrust", str(broken / "bin" / "python")
        for sentence in (self.sentence(program), self.sentence(program, "--python", python)):
            assert "lacks its extension module" in sentence
            assert f"{python} -m pip install --force-reinstall ipyrust" in sentence
        sentence = self.sentence(Path(python), "-m", "ipyrust")
        assert f"{python} -m pip install --force-reinstall ipyrust" in sentence

    def test_an_extension_of_another_version(self, broken: Path) -> None:
        (extension,) = broken.glob("lib/*/site-packages/ipyrust/_core*.so")
        extension.rename(extension.with_name("_core.cpython-399-x86_64-linux-gnu.so"))
        sentence = self.sentence(broken / "bin" / "ipyrust", "--python", str(broken / "bin/python"))
        assert "is for Python 3.99" in sentence

    def test_a_damaged_extension(self, broken: Path) -> None:
        (extension,) = broken.glob("lib/*/site-packages/ipyrust/_core*.so")
        whole = extension.read_bytes()
        for length in (100, 5000, len(whole) // 2):
            extension.write_bytes(whole[:length])
            assert "is cut short" in self.sentence(broken / "bin" / "ipyrust")
        extension.write_bytes(b"something else")
        assert "cannot load ipyrust" in self.sentence(broken / "bin" / "ipyrust")

    def test_no_ipyrust_in_the_python_that_was_named(self, broken: Path, tmp_path: Path) -> None:
        alone = tmp_path / "alone" / "ipyrust"
        alone.parent.mkdir()
        shutil.copy2(broken / "bin" / "ipyrust", alone)
        for package in broken.glob("lib/*/site-packages/ipyrust"):
            shutil.rmtree(package)
        sentence = self.sentence(alone, "--python", str(broken))
        assert "No module named 'ipyrust'" in sentence
        assert "-m pip install ipyrust" in sentence

    def test_no_python_anywhere(self, broken: Path, tmp_path: Path) -> None:
        alone = tmp_path / "alone" / "ipyrust"
        alone.parent.mkdir()
        shutil.copy2(broken / "bin" / "ipyrust", alone)
        sentence = self.sentence(alone, PATH="")
        assert "no Python with ipyrust found; tried: " in sentence
        assert "found: nothing" in sentence

    def test_a_home_of_another_version(self, broken: Path, tmp_path: Path) -> None:
        sentence = self.sentence(broken / "bin" / "ipyrust", PYTHONHOME=str(tmp_path))
        assert "`PYTHONHOME` is" in sentence
        assert "unset it" in sentence
