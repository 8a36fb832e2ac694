"""Neighbours on a CPU: how many cores they use, and the threads and time that are left."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from costlab.bench import crowd
from costlab.bench.document import Measurements
from costlab.bench.harness import measure
from costlab.cli import measuring
from costlab.cli.measuring import Asked, threads_for
from tests.bench.clockwork import MS, PLAN, Clockwork, Shared, Spring, run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ASKED = Asked("blocks", (), "", "auto", {}, True, 45.0, None, False, False, None)


@pytest.mark.parametrize(("busy", "idle"), [(0, 100), (50, 50), (100, 0)])
def test_cores_in_use_are_a_share_of_ticks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, busy: int, idle: int
) -> None:
    """Between two looks, busy ticks over all ticks, of the cores that there are."""
    stat = tmp_path / "stat"
    stat.write_text("cpu  100 0 50 1000 20 0 0 0 0 0\ncpu0 1 1 1 1\n", encoding="utf-8")
    after = f"cpu  {100 + busy} 0 50 {1000 + idle} 20 0 0 0 0 0\n"
    monkeypatch.setattr(time, "sleep", lambda _: stat.write_text(after, encoding="utf-8"))
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    assert crowd.others(stat=stat) == pytest.approx(4 * busy / 100)


def test_where_it_is_not_told_nothing_is_said(tmp_path: Path) -> None:
    """Without the file, or with another in its place, nobody knows of others."""
    assert crowd.others(0.0, tmp_path / "absent") is None
    (tmp_path / "stat").write_text("intr 1 2\n", encoding="utf-8")
    assert crowd.others(0.0, tmp_path / "stat") is None


@pytest.fixture
def four(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Four cores, of which others use one and a half, and nobody has set threads."""
    monkeypatch.delenv(measuring.THREADS, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    monkeypatch.setattr(crowd, "others", lambda: 1.5)
    return monkeypatch


def test_a_short_look_leaves_others_their_cores(four: pytest.MonkeyPatch) -> None:
    """It measures with so many threads fewer, and says so."""
    threads, (note,) = threads_for(ASKED, None)
    assert threads == 2
    assert "Others use 1.5 of the 4 cores: measured with 2 threads" in note
    four.setattr(crowd, "others", lambda: 0.1)
    assert threads_for(ASKED, None) == (None, ())


def test_threads_are_left_as_they_are(four: pytest.MonkeyPatch) -> None:
    """A long run, a GPU, and who sets threads themselves; a file is gone on with in its own."""
    assert threads_for(replace(ASKED, quick=False), None) == (None, ())
    assert threads_for(replace(ASKED, device="cuda"), None) == (None, ())
    known = Measurements("blocks", {"threads": 3}, ())
    assert threads_for(replace(ASKED, quick=False), known) == (3, ())
    assert threads_for(ASKED, replace(known, environment={"threads": 64})) == (None, ())
    four.setenv(measuring.THREADS, "4")
    assert threads_for(ASKED, None) == (None, ())


def test_no_patience_where_all_is_dropped() -> None:
    """Where neighbours never pause, a comparison takes its limit and not the run's time."""
    device = Clockwork(waited_s=0.0)
    sides = [Spring(device, Shared(device, MS, kernels, lambda: True)) for kernels in (1, 2)]
    plan = replace(PLAN, limit_s=3.0, patience_s=60.0, half_width=1e-9)
    found = measure(sides[0], sides[1], device, device, plan, 0)
    assert found.kept == ()
    assert len(found.blocks) >= 2
    assert device.now < 2 * plan.limit_s


def test_patience_where_enough_will_be_left() -> None:
    """Slow calls of which none is dropped are waited for, as before."""
    device = Clockwork()
    plan = replace(PLAN, limit_s=3.0, patience_s=60.0, half_width=1e-9)
    found = measure(Spring(device, 1.0), Spring(device, 1.0), device, device, plan, 0)
    assert 2 * len(found.kept) == plan.fewest_pairs


@dataclass
class Scheduled(Clockwork):
    """A device that others have for `away_s` after each `turn_s` that it worked."""

    turn_s: float = 0.004
    away_s: float = 0.006
    worked_s: float = 0.0

    def time_s(self, call: Callable[[], None], calls: int) -> float:
        """The time of so many calls, and of what it had to wait meanwhile."""
        assert self.waited_s is not None
        took_s = super().time_s(call, calls)
        turns = (self.worked_s + took_s) // self.turn_s - self.worked_s // self.turn_s
        self.worked_s += took_s
        self.waited_s += turns * self.away_s
        self.now += turns * self.away_s
        return took_s + turns * self.away_s


@pytest.mark.parametrize("ratio", [0.8, 1.0])
def test_samples_that_fit_between_turns_are_taken(ratio: float) -> None:
    """Others take the core after 4 ms each time: of samples of 5 ms none counts, shorter ones do.

    Samples that are never made shorter show that it is this which saves the comparison.
    """
    seconds = 0.0004
    assert PLAN.sample_s > Scheduled.turn_s > seconds
    for shortest_s, saved in ((PLAN.shortest_sample_s, True), (PLAN.sample_s, False)):
        plan = replace(PLAN, shortest_sample_s=shortest_s)
        device = Scheduled(waited_s=0.0)
        paired = run(device, ratio, plan, seconds)
        found = paired.comparison()
        assert (found is not None) is saved
        assert all(count == paired.calls[0] for count in paired.calls)
        if found is not None:
            assert found.ratio == pytest.approx(ratio)
            assert found.dropped
            assert min(paired.calls) * seconds * ratio >= plan.shortest_sample_s


def test_samples_stay_long_where_nobody_waits() -> None:
    """On a machine of one's own no sample is shorter than the plan says."""
    device = Scheduled(waited_s=0.0, turn_s=1e9)
    assert run(device, seconds=0.0004).calls == run(Clockwork(), seconds=0.0004).calls
