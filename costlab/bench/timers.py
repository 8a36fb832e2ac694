"""Timers: of a CUDA device by its events, of the host by its clock.

They know nothing of what they time, but for `repeat`, by which calls say how they are best run in a
row.
"""

from __future__ import annotations

import sys
import time
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

NANO = 1e-9
MILLI = 1e-3
# How long the stream is held, by how long it takes to launch what is timed.
HELD = 1.5
# Cycles of a second on the fastest clock; on a slower one the stream is held longer.
FASTEST_HZ = 2.5e9
SHORTEST_HOLD_S = 20e-6
LONGEST_HOLD_S = 0.2
TRIES = 3


def run(call: Callable[[], None], calls: int) -> None:
    """Makes so many calls: by their own `repeat` if they have one."""
    repeat: Callable[[int], None] | None = getattr(call, "repeat", None)
    if repeat is not None:
        repeat(calls)
        return
    for _ in range(calls):
        call()


class HostTimer:
    """Times calls by the host's clock; right where a call returns when it is done."""

    def time_s(self, call: Callable[[], None], calls: int) -> float:
        """Seconds that so many calls in a row take, all of them together."""
        start = time.perf_counter_ns()
        run(call, calls)
        return (time.perf_counter_ns() - start) * NANO

    def wait_s(self) -> float:
        """The host's time now, in seconds."""
        return time.perf_counter()


class WallTimer:
    """Times calls one by one by the host's clock: each is waited for before the next is made."""

    def __init__(self, synchronize: Callable[[], None]) -> None:
        self._synchronize = synchronize

    def time_s(self, call: Callable[[], None], calls: int) -> float:
        """Seconds of so many calls, launches included."""
        self._synchronize()
        start = time.perf_counter_ns()
        for _ in range(calls):
            call()
            self._synchronize()
        return (time.perf_counter_ns() - start) * NANO

    def wait_s(self) -> float:
        """The host's time now, in seconds."""
        return time.perf_counter()


@dataclass(slots=True)
class _Launching:
    """What is known of launching some calls: seconds for each, how many can be held at once.

    `hopeless` is whether a single one cannot.
    """

    launch_s: float = 0.0
    burst: int = sys.maxsize
    hopeless: bool = False


class EventTimer:
    """Times calls by CUDA events in a stream that is held until all of them are launched.

    Events around a small kernel also time the wait for the next launch (nvbench, issue 184). So a
    kernel that only waits goes ahead; while it runs, the host launches everything, and the device
    then has no gap to wait in. Whether the host was done in time is known: the first event must not
    have passed yet. If it had, the stream is held longer, or fewer calls are timed at once.
    `uncovered` counts the bursts for which that did not help: more launches than fit into the
    stream's queue, whose times may include gaps.
    """

    def __init__(self, cuda: Any = torch.cuda) -> None:
        self._cuda = cuda
        self._known: dict[int, tuple[Callable[[], object], _Launching]] = {}
        self.uncovered = 0

    def time_s(self, call: Callable[[], None], calls: int) -> float:
        """Seconds of the device that so many calls in a row take, without the gaps of launching."""
        known = self._of(call)
        left, total_s = calls, 0.0
        while left:
            burst = min(left, known.burst)
            device_s = self._covered_s(call, burst, known)
            if device_s is None:
                known.burst = max(1, burst // 2)
                continue
            total_s += device_s
            left -= burst
        return total_s

    def wait_s(self) -> float:
        """The host's time now, in seconds."""
        return time.perf_counter()

    def _of(self, call: Callable[[], None]) -> _Launching:
        """What is known of launching a call, if it was met before."""
        # A method is another object each time; what it belongs to is not.
        owner = getattr(call, "__self__", call)
        alive, known = self._known.get(id(owner), (None, _Launching()))
        if alive is None or alive() is not owner:  # that one is gone, and its number used again
            known = _Launching()
            self._known[id(owner)] = weakref.ref(owner), known
        return known

    def _covered_s(self, call: Callable[[], None], calls: int, known: _Launching) -> float | None:
        """Seconds of the device; None if launching so many calls cannot be covered, but fewer."""
        device_s = 0.0
        for _ in range(1 if known.hopeless else TRIES):
            hold_s = min(max(HELD * known.launch_s * calls, SHORTEST_HOLD_S), LONGEST_HOLD_S)
            device_s, launch_s, covered = self._once(call, calls, hold_s)
            # Also when it was covered: a full queue makes the host wait for the hold itself, and
            # what that seemed to take would hold every later, shorter burst as long.
            known.launch_s = launch_s / calls
            if covered:
                return device_s
        if calls > 1:
            return None
        known.hopeless = True
        self.uncovered += 1
        return device_s

    def _once(
        self, call: Callable[[], None], calls: int, hold_s: float
    ) -> tuple[float, float, bool]:
        """Seconds of the device and of launching, and whether the hold outlasted the launching."""
        start = self._cuda.Event(enable_timing=True)
        end = self._cuda.Event(enable_timing=True)
        self._cuda.synchronize()
        self._cuda._sleep(int(hold_s * FASTEST_HZ))  # noqa: SLF001 - torch's own tests hold so
        start.record()
        before = time.perf_counter_ns()
        run(call, calls)
        launch_s = (time.perf_counter_ns() - before) * NANO
        covered = not start.query()
        end.record()
        end.synchronize()
        return float(start.elapsed_time(end)) * MILLI, launch_s, covered
