"""Each transcript in this directory, on ipyrust and on ipykernel in the same run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import Client, Kernel, Target, reference_target
from harness.kernel import ipyrust_target
from harness.transcript import Transcript

PATHS = sorted(Path(__file__).parent.glob("*.txt"))


@pytest.fixture(scope="module")
def ipyrust(pytestconfig: pytest.Config) -> Iterator[Kernel]:
    yield from started(ipyrust_target(pytestconfig.getoption("--python")))


@pytest.fixture(scope="module")
def ipykernel() -> Iterator[Kernel]:
    yield from started(reference_target())


def started(target: Target) -> Iterator[Kernel]:
    with Kernel(target) as kernel:
        yield kernel


def recorded(kernel: Kernel, transcript: Transcript) -> list[list[str]]:
    if kernel.suspect:
        kernel.restart()
    client: Client = kernel.client()
    try:
        return transcript.record(client)
    finally:
        client.close()


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_transcript(
    path: Path, ipyrust: Kernel, ipykernel: Kernel, pytestconfig: pytest.Config
) -> None:
    transcript = Transcript.read(path)
    recordings = {kernel.name: recorded(kernel, transcript) for kernel in (ipyrust, ipykernel)}
    if pytestconfig.getoption("--write"):
        transcript.write(recordings["ipyrust"], recordings["ipykernel"])
        return
    for kernel, recording in recordings.items():
        shown = [line for group in recording for line in group]
        expected = [line for group in transcript.expected_of(kernel) for line in group]
        assert shown == expected, f"{path.name} on {kernel}"
    assert transcript.differences_without_reason() == [], "each difference has a reason beside it"


def test_there_are_transcripts() -> None:
    assert len(PATHS) >= 19
