"""How long samples and warm-up are, on clockwork; energy, and what a plan may be."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from math import exp

import pytest

from costlab.bench.harness import energy_j, measure
from costlab.bench.plan import Plan
from costlab.errors import UsageError
from tests.bench.clockwork import BASE_MHZ, MS, PLAN, Clockwork, Spring, run, seeded


def test_a_coarse_timer_gets_longer_samples() -> None:
    """A timer that ticks once a millisecond is read over 200 of its ticks."""
    device = Clockwork(step_s=MS)
    plan = replace(PLAN, limit_s=100.0, warmup_s=9.0)
    paired = run(device, ratio=0.9, plan=plan, seconds=MS / 100)
    assert all(calls * MS / 100 * 0.9 >= 200 * MS * 0.99 for calls in paired.calls)
    found = paired.comparison()
    assert found is not None
    assert found.ratio == pytest.approx(0.9, rel=0.01)
    assert not paired.notes


def test_a_timer_too_coarse_is_said() -> None:
    """Where the longest sample of 0.5 s has no 200 ticks, a note tells what a tick is worth."""
    paired = run(Clockwork(step_s=1 / 64), plan=replace(PLAN, limit_s=100.0))
    notes = [note for note in paired.notes if "the timer's step of 0.015625 s is 2." in note]
    assert [note.split(":")[0] for note in notes] == ["baseline", "variant"]


def test_a_fine_timer_gets_short_samples() -> None:
    """Neither noise, nor none, nor ties with an outlier look like a coarse timer."""
    random = seeded(0)
    spikes = iter([0.0, 0.0, 0.0, 0.0, 1.5])
    for noise in (lambda: random.gauss(0, 0.01), lambda: 0.0, lambda: next(spikes, 0.0)):
        paired = run(Clockwork(noise=noise))
        assert PLAN.sample_s <= paired.calls[0] * MS < 2 * PLAN.sample_s


def test_a_timer_that_stands_still_is_an_error() -> None:
    """A call that takes no time at all cannot be compared."""
    paired = run(Clockwork(), seconds=0.0)
    assert "the timer gave 0 s for 1048576 calls" in paired.error
    assert paired.comparison() is None


def test_sides_of_a_length_run_the_same_calls() -> None:
    """Equal overheads a call for sides that are alike; each its own where they are not."""
    alike, unlike = run(Clockwork(), ratio=0.7), run(Clockwork(), ratio=0.01)
    assert alike.calls[0] == alike.calls[1]
    assert unlike.calls[1] > 10 * unlike.calls[0]


def test_the_first_call_is_no_measure() -> None:
    """A side whose first calls take a second gets samples as long as any other."""
    device = Clockwork()
    waits = iter([1.0, 1.0])
    slow_to_start = Spring(device, lambda: next(waits, MS))
    paired = measure(slow_to_start, Spring(device, MS), device, device, PLAN, 0)
    assert paired.calls[0] * MS >= PLAN.sample_s
    assert paired.of("baseline")[0].time_s == pytest.approx(MS)


def test_warm_up_ends_when_the_clock_is_steady() -> None:
    """Samples begin after a clock that falls for a second has come to rest."""
    falling = Clockwork(clock=lambda now: BASE_MHZ * (1.2 - 0.2 * min(now, 1.0)))
    paired = run(falling)
    assert not paired.notes
    assert {sample.clock_mhz for sample in paired.samples} == {BASE_MHZ}
    assert falling.now < 3.5


def test_a_clock_that_never_settles_is_said() -> None:
    """Warm-up ends at its limit; the measurement goes on, with a note of the drift."""
    falling = Clockwork(clock=lambda now: BASE_MHZ * 1.5 * exp(-0.06 * now))
    paired = run(falling)
    found = paired.comparison()
    assert found is not None
    assert found.verdict == "FASTER"
    assert "warm-up ended after 2 s: the clock drifted by -" in found.reason


def test_without_clocks_the_times_must_settle() -> None:
    """Where no clock can be read, a side whose times still fall keeps the warm-up going."""
    device = Clockwork()
    device.noise = lambda: max(0.0, 1.0 - device.now)
    paired = run(device)
    assert not paired.notes
    assert paired.samples[0].time_s == pytest.approx(0.8 * MS, rel=0.26)
    spread = [sample.time_s for sample in paired.of("baseline")]
    assert max(spread) == pytest.approx(min(spread), rel=0.01)


def test_energy_is_power_times_time() -> None:
    """300 W for a call of 1 ms are 0.3 J, over as long as the plan asks for."""
    device = Clockwork(joules_per_s=300.0, now=5.0)
    side = Spring(device, MS)
    assert energy_j(side, device, device, 10, PLAN) == pytest.approx(0.3)
    assert device.now == pytest.approx(8.0, abs=0.02)


def test_power_is_the_median_of_what_counts() -> None:
    """Of 300 W, and 700 W in every fourth reading, 300 W are told; without a sensor, nothing."""
    reads = count()
    device = Clockwork(watts=lambda _: 700.0 if next(reads) % 4 == 3 else 300.0)
    assert run(device).power_w == 300.0
    assert run(Clockwork()).power_w is None


def test_energy_takes_long_enough_for_a_sensor() -> None:
    """A plan that reads energy at all does so over three seconds unless it says otherwise."""
    assert Plan().energy_s >= 3.0


def test_no_counter_gives_no_energy() -> None:
    """Without a counter, or where the plan asks for none, energy is unknown, not zero."""
    device = Clockwork()
    assert energy_j(Spring(device, MS), device, device, 10, PLAN) is None
    metered = Clockwork(joules_per_s=300.0, now=5.0)
    plan = replace(PLAN, energy_s=0.0)
    assert energy_j(Spring(metered, MS), metered, metered, 10, plan) is None
    assert metered.timed == []


@pytest.mark.parametrize(
    "nonsense",
    [
        {"fewest_pairs": 2},
        {"min_pairs": 5},
        {"limit_s": 0.0},
        {"half_width": float("nan")},
        {"warmup_s": -1.0},
    ],
)
def test_a_plan_refuses_nonsense(nonsense: dict[str, float]) -> None:
    """Limits that no measurement can keep are refused with their name or the fewest pairs."""
    with pytest.raises(UsageError, match=r"pairs|limit_s|half_width|warmup_s"):
        replace(PLAN, **nonsense)  # type: ignore[arg-type]  # that is what is tested
