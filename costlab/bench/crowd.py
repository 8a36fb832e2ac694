"""How many cores others use, and how many threads leave them these.

Where each core has a thread and a neighbour wants one, every kernel waits for the thread whose core
was taken, and nothing of what is timed is the model's own. Knows neither torch nor a study.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

STAT = Path("/proc/stat")
LOOK_S = 0.5
"""Long enough for the kernel's ticks of 10 ms, short enough for a quick look."""
BUSY, IDLE = slice(0, 3), slice(3, 5)
"""Of a line of cpu times: user, nice and system; idle and waiting for a disk."""
PART = 0.25
"""A neighbour that takes less of a core than this is nobody to make room for."""


def others(look_s: float = LOOK_S, stat: Path = STAT) -> float | None:
    """How many cores were in use while this process slept; None where Linux does not tell.

    Source: Linux, proc_stat(5): the first line, `cpu`, sums all cores in ticks.
    """
    before = _ticks(stat)
    time.sleep(look_s)
    after = _ticks(stat)
    if before is None or after is None:
        return None
    busy, idle = (now - then for now, then in zip(after, before, strict=True))
    return (os.cpu_count() or 1) * busy / (busy + idle) if busy + idle else None


def threads_beside(used: float, cores: int) -> int:
    """Threads that leave others the cores that they use; at least one.

    >>> [threads_beside(used, 2) for used in (0.1, 0.6, 1.1, 5.0)]
    [2, 1, 1, 1]
    >>> threads_beside(2.0, 8)
    6
    """
    taken = int(used) + (used % 1 >= PART)
    return max(1, cores - taken)


def _ticks(stat: Path) -> tuple[int, int] | None:
    """The ticks that all cores were busy, and idle, since the machine was started."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        times = [int(word) for word in stat.read_text().splitlines()[0].split()[1:]]
        return sum(times[BUSY]), sum(times[IDLE])
    return None
