"""Which kernel the tests run on, and kernels as fixtures.

pytest tests                         ipyrust, in the environment that runs the tests
pytest tests --python=PATH           ipyrust, in another environment
pytest tests --kernel ipykernel      the same tests on the reference
pytest tests --door program          ipyrust, started by its executable: all of them
pytest tests/transcripts --write     write down what the kernels do now
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # Tests in every directory import `harness`.

from harness import Client, Kernel, StartKernel, Target, reference_target
from harness.kernel import ipyrust_target


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("kernel")
    group.addoption("--kernel", choices=("ipyrust", "ipykernel"), default="ipyrust")
    group.addoption("--python", help="the python that has ipyrust (default: this one)")
    group.addoption("--door", choices=("module", "program"), default="module")
    group.addoption("--write", action="store_true", help="rewrite the transcripts")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "ipykernel_differs(reason): ipykernel fails this by design or by a known fault"
    )
    config.addinivalue_line("markers", "ipyrust_only(reason): says nothing about ipykernel")
    config.addinivalue_line("markers", "both_doors: runs through the program too in any case")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A few tests of each kind run through both doors; `--door program` is for all the others."""
    if (
        metafunc.definition.get_closest_marker("both_doors")
        and metafunc.config.getoption("--kernel") == "ipyrust"
        and metafunc.config.getoption("--door") == "module"
        and "target" in metafunc.fixturenames
    ):
        metafunc.parametrize("target", ["module", "program"], indirect=True, scope="session")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    on_ipykernel = config.getoption("--kernel") == "ipykernel"
    for item in items:
        if not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(120, method="signal"))
        if not on_ipykernel:
            continue
        if marker := item.get_closest_marker("ipykernel_differs"):
            # Not run: most of these would wait for what never comes.
            item.add_marker(pytest.mark.xfail(reason=marker.args[0], run=False))
        if marker := item.get_closest_marker("ipyrust_only"):
            item.add_marker(pytest.mark.skip(reason=marker.args[0]))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failure shows what the kernels of the test wrote to their own standard error."""
    report = yield
    if report.failed:
        values = getattr(item, "funcargs", {}).values()
        kernels = {id(v): v for v in values if isinstance(v, Kernel)}
        kernels |= {id(v): v for v in item.stash.get(STARTED, [])}
        for kernel in kernels.values():
            kernel.suspect = True
            report.sections.append((f"output of {kernel.name} {kernel.pid}", kernel.output))
    return report


STARTED = pytest.StashKey[list[Kernel]]()


@pytest.fixture(scope="session")
def target(pytestconfig: pytest.Config, request: pytest.FixtureRequest) -> Target:
    """The kernel that the tests run on."""
    if pytestconfig.getoption("--kernel") == "ipykernel":
        return reference_target()
    door = getattr(request, "param", None) or pytestconfig.getoption("--door")
    return ipyrust_target(pytestconfig.getoption("--python")).through(door)


@pytest.fixture(scope="module")
def kernel(target: Target) -> Iterator[Kernel]:
    """One kernel for the tests of a module that leave it as they found it."""
    with Kernel(target) as kernel:
        yield kernel


@pytest.fixture
def client(kernel: Kernel) -> Iterator[Client]:
    """A new client of the module's kernel."""
    if kernel.suspect or not kernel.is_alive():
        kernel.restart()
    with kernel.client() as client:
        yield client
    if client in kernel.clients:
        kernel.clients.remove(client)


@pytest.fixture
def start_kernel(target: Target, request: pytest.FixtureRequest) -> Iterator[StartKernel]:
    """Starts kernels of the test's own, with any of `Kernel`'s options."""
    started: list[Kernel] = []
    request.node.stash[STARTED] = started

    def start(**options: Any) -> Kernel:
        kernel = Kernel(options.pop("target", target), **options)
        started.append(kernel)
        return kernel

    yield start
    for kernel in started:
        kernel.stop()


@pytest.fixture
def fresh_kernel(start_kernel: StartKernel) -> Kernel:
    """A kernel that no other test has touched."""
    return start_kernel()


@pytest.fixture
def fresh_client(fresh_kernel: Kernel) -> Client:
    """A client of a kernel that no other test has touched."""
    return fresh_kernel.client()
