"""The direction of imports: Python and Rust code each form layers, and nothing points upwards."""

from __future__ import annotations

import ast
import os
import re
import subprocess
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# As the tests were started: those of clients have a home of their own, where cargo has nothing.
ENVIRONMENT = dict(os.environ)
PACKAGE = ROOT / "python" / "ipyrust"
KERNEL = ROOT / "src" / "kernel" / "src"

# From the top down: a module may use those to its right, and those of other chains.
PYTHON_ORDER = ["__main__", "app", "serve", "handlers", "shell", "context", "_core"]
RUST_ORDERS = [
    ["kernel", "io", "sockets", "connection"],
    ["kernel", "queue", "request", "iopub", "outbox", "wire", "session", "protocol"],
    ["kernel", "stdin", "request"],
    ["kernel", "subshell"],
]
# What starts a kernel or its clients from outside needs Jupyter's client side; a kernel does not.
CLIENT_SIDE = {"install", "connect", "embed"}
NOT_IN_A_KERNEL = {"jupyter_client", "zmq", "tornado", "psutil", "nest_asyncio"}


def python_modules() -> dict[str, Path]:
    """The package's files by their dotted name inside it."""
    modules = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        modules[name or "__init__"] = path
    modules["_core"] = PACKAGE / "_core.pyi"
    return modules


def runtime_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those that only a type checker sees."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        yield from runtime_nodes(node)


def imported_names(path: Path, package: str) -> Iterator[str]:
    """Everything a file imports, as absolute dotted names; `package` is what `.` means in it."""
    for node in runtime_nodes(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")
                parents = parents[: len(parents) - node.level + 1]
                base = ".".join([*parents, *([base] if base else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def python_graph() -> dict[str, set[str]]:
    """Which modules of the package each of them imports, now or later."""
    modules = python_modules()
    graph: dict[str, set[str]] = {}
    for name, path in modules.items():
        is_package = path.name == "__init__.py"
        inside = [] if name == "__init__" else name.split(".")
        package = ".".join(["ipyrust", *(inside if is_package else inside[:-1])])
        graph[name] = set()
        for imported in imported_names(path, package):
            inner = imported.removeprefix("ipyrust.")
            # Either a module, or a name in the module before the last dot.
            module = inner if inner in modules else inner.rpartition(".")[0]
            if imported.startswith("ipyrust.") and module in modules and module != name:
                graph[name].add(module)
    return graph


def rust_graph() -> dict[str, set[str]]:
    """Which modules of the kernel crate each of them names, by the first part of the path."""
    graph: dict[str, set[str]] = {}
    for path in KERNEL.rglob("*.rs"):
        name = path.relative_to(KERNEL).with_suffix("").parts[0]
        # Tests stand at the end of a file and may use what they like.
        code = re.split(r"^#\[cfg\(test\)\]\s*\nmod ", path.read_text(), flags=re.MULTILINE)[0]
        code = re.sub(r"//.*", "", code)
        used = set(re.findall(r"\bcrate::(\w+)", code))
        for group in re.findall(r"\bcrate::\{([^;]*)\};", code):
            used |= set(re.findall(r"(?:^|,)\s*(\w+)", group))
        graph.setdefault(name, set()).update(used)
    return {name: (used & graph.keys()) - {name, "lib"} for name, used in graph.items()}


def reachable(graph: dict[str, set[str]], start: str) -> set[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        for name in graph.get(waiting.pop(), ()):
            if name not in seen:
                seen.add(name)
                waiting.append(name)
    return seen


def upward(graph: dict[str, set[str]], order: list[str]) -> list[str]:
    """Each way from a lower layer to a higher one."""
    return [
        f"{lower} -> {upper}"
        for index, upper in enumerate(order)
        for lower in order[index + 1 :]
        if lower in graph and upper in reachable(graph, lower)
    ]


def test_the_python_layers_point_downwards() -> None:
    graph = python_graph()
    assert set(PYTHON_ORDER) <= graph.keys()
    assert not upward(graph, PYTHON_ORDER)


@pytest.mark.parametrize("order", RUST_ORDERS, ids="-".join)
def test_the_rust_layers_point_downwards(order: list[str]) -> None:
    graph = rust_graph()
    assert {"kernel", "io", "outbox", "protocol"} <= graph.keys()
    assert not upward(graph, order)


@pytest.mark.parametrize("graph", [python_graph(), rust_graph()], ids=["python", "rust"])
def test_no_modules_import_each_other(graph: dict[str, set[str]]) -> None:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


@pytest.mark.parametrize("name", sorted(python_modules()))
def test_the_kernel_needs_no_client_library(name: str) -> None:
    path = python_modules()[name]
    roots = {imported.split(".")[0] for imported in imported_names(path, "ipyrust")}
    if name.split(".")[0] not in CLIENT_SIDE:
        assert not roots & NOT_IN_A_KERNEL
    assert "ipykernel" not in roots


def test_the_kernel_crate_knows_no_python() -> None:
    text = (ROOT / "src" / "kernel" / "Cargo.toml").read_text()
    assert "pyo3" not in text
    assert not [path for path in KERNEL.rglob("*.rs") if "pyo3" in path.read_text()]


def test_nothing_that_is_shipped_is_compiled_from_c() -> None:
    """Rust's tests are: their client is libzmq."""
    command = ["cargo", "tree", "--locked", "--package=ipyrust-python", "--edges=normal,build"]
    command += ["--prefix=none", "--format={p}", "--target=all"]
    listed = subprocess.run(
        command, cwd=ROOT, check=True, capture_output=True, text=True, env=ENVIRONMENT
    ).stdout
    crates = {line.split()[0] for line in listed.splitlines() if line}
    assert {"ipyrust-kernel", "pyo3"} <= crates
    assert not crates & {"cc", "cmake", "zmq", "zmq-sys", "zeromq-src"}


def test_the_library_module_only_names_the_others() -> None:
    """`crate::{A, B}` of re-exported types would hide who imports whom."""
    hidden = []
    for path in KERNEL.rglob("*.rs"):
        code = re.sub(r"//.*", "", path.read_text())
        if path.name != "lib.rs" and re.search(r"\buse crate::(\{\s*)?[A-Z]", code):
            hidden.append(str(path.relative_to(ROOT)))
    assert not hidden
