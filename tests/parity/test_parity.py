"""Libraries of both environments: the same messages from ipyrust as from ipykernel.

These are the ones that .venv and .venvs/reference hold anyway; `ci/parity` runs all of them.
"""

from __future__ import annotations

import pytest
from harness import Target, reference_target

from parity.catalogue import LIBRARIES
from parity.comparison import differences, run

CHOSEN = (
    "VS Code",
    "tqdm",
    "ipywidgets",
    "ipywidgets states",
    "IPython %notebook",
    "IPython magics",
    "pdb and input",
)


@pytest.mark.ipyrust_only("it is what is compared with")
@pytest.mark.parametrize("name", CHOSEN)
def test_the_client_sees_no_difference(target: Target, name: str) -> None:
    library = LIBRARIES[name]
    reference = reference_target()
    theirs = run(library, reference, reference)
    assert theirs.failure is None, theirs.failure
    found = differences(run(library, target, reference), theirs)
    assert not found, "\n".join(line[:2000] for line in found)
