"""What the tests drive kernels with: a kernel process, a client on the wire, transcripts.

The harness speaks the Jupyter protocol by its own few lines (`wire`), so that a mistake in a
client library can hide neither our mistakes nor its own. It runs the same tests on ipyrust and on
ipykernel.
"""

from .client import Client, Execution, is_status
from .kernel import Kernel, StartKernel, Target, reference_target
from .waiting import LIMIT, TimedOutError, wait_until
from .wire import Message, Session

__all__ = [
    "LIMIT",
    "Client",
    "Execution",
    "Kernel",
    "Message",
    "Session",
    "StartKernel",
    "Target",
    "TimedOutError",
    "is_status",
    "reference_target",
    "wait_until",
]
