"""How a process of a GPU study ends: its exit codes, its time limit, and signals.

Knows nothing of what it does until then.
"""

from __future__ import annotations

import signal
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

DONE, REFUSED, TIME_UP, BROKEN, TERMINATED = 0, 2, 3, 4, 143
"""Exit codes: all is measured; it cannot be; the time is up; the device failed; asked to end."""
ENDING = (signal.SIGALRM, signal.SIGTERM, signal.SIGINT)


class Ended(KeyboardInterrupt):
    """Nothing more is to be done; `code` says why, and what there is, is to be kept."""

    def __init__(self, code: int) -> None:
        super().__init__()
        self.code = code


@contextmanager
def ended_by(end_s: float | None = None) -> Iterator[None]:
    """Within it `Ended` is raised, once: at a time of the monotonic clock, SIGTERM or Ctrl-C."""

    def stop(number: int, frame: FrameType | None) -> None:
        del frame
        for one in ENDING:
            signal.signal(one, signal.SIG_IGN)  # what was measured is being kept
        raise Ended(TIME_UP if number == signal.SIGALRM else TERMINATED)

    before = {one: signal.signal(one, stop) for one in ENDING}
    if end_s is not None:
        signal.setitimer(signal.ITIMER_REAL, max(0.01, end_s - time.monotonic()))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for one, handler in before.items():
            signal.signal(one, handler)
