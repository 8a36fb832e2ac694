"""Where an analysis spends its time, by looking at its stack now and then.

Looking takes next to nothing, so that the shares are those of an analysis that nobody looks at,
which a profiler's are not. Knows costlab's own frames, and no model.
"""

from __future__ import annotations

import signal
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import costlab

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

EACH_S = 0.001
"""What is asked for; a kernel looks at its own clock, mostly every 4 ms."""
HOUSE = str(Path(costlab.__file__).parent)
REPORT = "adding up by block"
RESTORING = "keeping the model as it was"
SETUP = "weights, buffers and the list of modules"
FOLLOWING = "following the calls of modules"
MODEL = "the model's own code"
KERNELS = ", kernel by kernel"
"""Behind the name of an operation that has no rule of its own."""
PARTS = {
    "reporting.py": REPORT,
    "tracing/calls.py": FOLLOWING,
    "tracing/scopes.py": FOLLOWING,
    "tracing/untouched.py": RESTORING,
}
"""What costlab is at in a file of its own, where no operation is being recorded."""


def sampled(run: Callable[[], Any], seconds: float) -> dict[str, int]:
    """How often a repeated run was found at what, the most frequent first.

    The places are operations by name, the report, and what is neither.
    """
    found: Counter[str] = Counter()

    def look(_number: int, frame: FrameType | None) -> None:
        found[place_of(frame)] += 1

    before = signal.signal(signal.SIGPROF, look)
    signal.setitimer(signal.ITIMER_PROF, EACH_S, EACH_S)
    try:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            run()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
    return dict(found.most_common())


def place_of(frame: FrameType | None) -> str:
    """What a stack is at, told by the innermost of its frames that says so."""
    by_kernel, inner, part = False, frame, ""
    while frame is not None:
        path = frame.f_code.co_filename
        if path.startswith(HOUSE):
            inside = path[len(HOUSE) + 1 :]
            by_kernel = by_kernel or inside == "tracing/descent.py"
            operation = _operation(frame.f_locals) if inside.startswith("tracing/") else ""
            if operation:
                return f"{operation}{KERNELS * by_kernel}"
            told = REPORT if frame.f_code.co_name == "report_on" else PARTS.get(inside, SETUP)
            if told == FOLLOWING and frame is not inner:
                told = MODEL  # what a module's call runs
            part = part or told
            if told in (REPORT, RESTORING):
                return told
        frame = frame.f_back
    return part or MODEL


def _operation(local: dict[str, Any]) -> str:
    """The operation that a frame of the tracer's has in hand; the empty string if none."""
    entry = local.get("entry")
    name = getattr(entry, "name", None)
    if not isinstance(name, str):
        name = getattr(getattr(local.get("shortcut"), "function", None), "__name__", "")
    return str(name).rpartition(".")[2].rpartition("::")[2]
