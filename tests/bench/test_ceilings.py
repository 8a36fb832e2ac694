"""Ceilings: measured, of the same device, in about the time that they are given."""

import pytest
import torch

from costlab.bench import ceilings
from costlab.bench.ceilings import best_s, measure
from costlab.bench.timers import HostTimer


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
