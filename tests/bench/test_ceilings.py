"""Ceilings: measured, of the same device, in about the time that they are given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import torch

from costlab.bench import ceilings
from costlab.bench.ceilings import best_s, measure
from costlab.bench.timers import HostTimer

if TYPE_CHECKING:
    from collections.abc import Callable

    from costlab.bench.document import Ceilings


def test_all_ceilings_of_a_cpu_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each precision of a CPU has a rate, copies and launches have theirs; graphs have none."""
    monkeypatch.setitem(ceilings.SIDES, "cpu", (32, 64))
    timer = HostTimer()
    found = measure(
        torch.device("cpu"), timer, timer, cache_bytes=1 << 20, processors=1, limit_s=0.3
    )
    assert set(found.flops_per_s) == {"fp32", "bf16", "fp16"}
    assert min(found.flops_per_s.values()) > 0
    assert found.copy_bytes_per_s > 0
    assert found.cache_bytes_per_s > 0
    assert 0 < found.launch_s < 1
    assert found.graph_node_s is None
    assert (found.cache_bytes, found.processors) == (1 << 20, 1)
    assert set(found.how) > {"flops_per_s", "copy_bytes_per_s"}


class Counting:
    """A timer of which each call takes a second more than the one before, from the fourth on."""

    def __init__(self, each_s: float) -> None:
        self.each_s, self.now, self.samples = each_s, 0.0, 0

    def time_s(self, call: object, calls: int) -> float:
        """Seconds of so many calls."""
        assert callable(call)
        self.samples += 1
        taken = calls * self.each_s * (1 + max(0, self.samples - 3))
        self.now += taken
        return taken

    def wait_s(self) -> float:
        """The time now."""
        return self.now


def test_the_best_is_the_shortest() -> None:
    """A device that slows down meanwhile is as fast as it was at its best."""
    assert best_s(Counting(0.01), lambda: None, 1.0) == pytest.approx(0.01)


def test_what_takes_longer_than_the_limit_is_measured_once() -> None:
    """One call of ten seconds is not repeated for a limit of one."""
    timer = Counting(10.0)
    assert best_s(timer, lambda: None, 1.0) == pytest.approx(10)
    assert timer.samples == 2


@dataclass
class Bursting(HostTimer):
    """A timer whose every time is tripled within a burst, of so many of its own times in a row."""

    begin: int = 0
    length: int = 0
    timed: int = 0

    def time_s(self, call: Callable[[], None], calls: int) -> float:
        """A time as if the device were of 1 µs a call."""
        call()
        self.timed += 1
        busy = self.begin <= self.timed < self.begin + self.length
        return calls * (3e-6 if busy else 1e-6)

    def wait_s(self) -> float:
        """A clock that stands: what limits is that a try is of at most so many times."""
        return 0.0


def test_a_burst_lowers_no_ceiling(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neighbours throughout the tries of one rate are met by one round of three, not by all."""
    monkeypatch.setitem(ceilings.SIDES, "cpu", (8,))
    monkeypatch.setattr(ceilings, "CONVOLUTION", (1, 4, 4, 3))
    monkeypatch.setattr(ceilings, "LEAST_COPY", 64)
    monkeypatch.setattr(ceilings, "BEYOND", 1)

    def measured(begin: int) -> Ceilings:
        timer = Bursting(begin=begin, length=3 * ceilings.MOST_TRIES)
        return measure(
            torch.device("cpu"), timer, timer, cache_bytes=64, processors=1, limit_s=0.01
        )

    still = measured(begin=10**9)
    bursts = (0, 40, 100)
    assert all(measured(begin) == still for begin in bursts)
    monkeypatch.setattr(ceilings, "ROUNDS", 1)
    assert not any(measured(begin) == still for begin in bursts)
