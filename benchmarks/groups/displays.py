"""Rich output: many small displays, updates in place, one large image."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from benchmarks.kernels import Subject
from benchmarks.rows import Measured, Metric, Row, Scale
from benchmarks.wire import MissingError

SETUP = "from IPython.display import Image, display; handle = display(0, display_id=True)"


def many(subject: Subject, scale: Scale, *, code: str, kind: str) -> Mapping[str, float]:
    kernel = subject.kernel
    kernel.client.execute(SETUP)
    kernel.client.drain()
    with Measured(kernel) as cost:
        exchange = kernel.client.execute(code)
    shown = [message.content["data"]["text/plain"] for message in exchange.of_type(kind)]
    wanted = [str(number) for number in range(2000)]
    # Updates in place may be joined, since only the last one is seen; but that one must come.
    if shown[-1:] != wanted[-1:] or (kind == "display_data" and shown != wanted):
        raise MissingError(f"{len(shown)} of 2000 {kind}")
    return {"cpu": cost.cpu, "wall": exchange.milliseconds, "messages": len(shown)}


def image(subject: Subject, scale: Scale) -> Mapping[str, float]:
    """20 MB of PNG, which travel as 27 MB of base64; in a kernel of its own, for the peak."""
    with subject.spawn() as kernel:
        kernel.client.execute(SETUP)
        kernel.client.execute(
            "import os; picture = Image(data=os.urandom(20_000_000), format='png')"
        )
        kernel.client.drain()
        kernel.process.reset_peak()
        before = kernel.process.memory().rss
        with Measured(kernel) as cost:
            exchange = kernel.client.execute("display(picture)")
        peak = kernel.process.peak() - before
        sizes = [len(m.content["data"]["image/png"]) for m in exchange.of_type("display_data")]
        if len(sizes) != 1 or sizes[0] < 26_666_668:
            raise MissingError(f"image data of {sizes} characters")
        return {"cpu": cost.cpu, "wall": exchange.milliseconds, "peak": peak}


CPU = Metric("cpu", "CPU", "ms")
WALL = Metric("wall", "wall", "ms")
MESSAGES = Metric("messages", "messages", "", ratio=False, headline=False)

ROWS = (
    Row(
        "2,000 displays",
        (CPU, WALL, MESSAGES),
        partial(many, code="for number in range(2000): display(number)", kind="display_data"),
        quick=2,
        full=5,
    ),
    Row(
        "2,000 updates of one display",
        (CPU, WALL, MESSAGES),
        partial(
            many,
            code="for number in range(2000): handle.update(number)",
            kind="update_display_data",
        ),
        quick=2,
        full=5,
    ),
    Row(
        "an image of 20 MB",
        (CPU, WALL, Metric("peak", "added peak", "MB")),
        image,
        quick=2,
        full=5,
    ),
)
