"""jupyter_kernel_test, the conformance suite of Jupyter, with every sample filled in."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any, ClassVar

import pytest
from harness import Target

suite = pytest.importorskip("jupyter_kernel_test")


@pytest.fixture(autouse=True, scope="module")
def kernelspec(target: Target) -> Any:
    """A kernelspec of the kernel under test, in a directory of its own."""
    with tempfile.TemporaryDirectory() as directory:
        spec = Path(directory) / "kernels" / KERNEL_NAME
        spec.mkdir(parents=True)
        command = target.command(Path("{connection_file}"))
        content = {"argv": command, "display_name": KERNEL_NAME, "language": "python"}
        (spec / "kernel.json").write_text(json.dumps(content))
        changed = {"JUPYTER_PATH": directory, "IPYTHONDIR": f"{directory}/ipython"}
        before = {name: os.environ.get(name) for name in changed}
        os.environ.update(changed)
        yield
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


KERNEL_NAME = "the-kernel-under-test"


class TestConformance(suite.KernelTests):  # type: ignore[misc, name-defined]
    kernel_name = KERNEL_NAME
    language_name = "python"
    file_extension = ".py"
    code_hello_world = "print('hello, world')"
    code_stderr = "import sys; print('oops', file=sys.stderr)"
    completion_samples: ClassVar[list[dict[str, Any]]] = [
        {"text": "zi", "matches": {"zip"}},
        {"text": "%timei", "matches": {"%timeit", "%%timeit"}},
    ]
    complete_code_samples: ClassVar[list[str]] = ["1", "print('a')", "def f(x):\n  return x\n\n\n"]
    incomplete_code_samples: ClassVar[list[str]] = ["print('''a", "def f(x):\n  x*2", "("]
    invalid_code_samples: ClassVar[list[str]] = ["import = 7q", "a b"]
    code_page_something = "zip?"
    code_generate_error = "raise ValueError('expected')"
    code_execute_result: ClassVar[list[dict[str, str]]] = [
        {"code": "1+2+3", "result": "6"},
        {"code": "[n*n for n in range(1, 4)]", "result": "[1, 4, 9]"},
    ]
    code_display_data: ClassVar[list[dict[str, str]]] = [
        {"code": "from IPython.display import HTML, display; display(HTML('<b>x</b>'))",
         "mime": "text/html"},
        {"code": "from IPython.display import Math, display; display(Math('\\\\frac{1}{2}'))",
         "mime": "text/latex"},
    ]  # fmt: skip
    code_history_pattern = "1?2*"
    # IPython calls the running session 0 in a range and by its number in a tail, which the suite
    # takes for a fault; ranges are tested in test_introspection.py.
    supported_history_operations = ("tail", "search")
    code_inspect_sample = "zip"
    code_clear_output = "from IPython.display import clear_output; clear_output()"


@pytest.fixture(autouse=True)
def outside_of_pytest(monkeypatch: pytest.MonkeyPatch) -> None:
    """The suite starts kernels with our environment; ipykernel behaves otherwise under pytest."""
    assert sys.platform != "win32"
    monkeypatch.delenv("PYTEST_CURRENT_TEST", raising=False)
