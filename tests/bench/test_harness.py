"""The harness, driven by clockwork through everything that a device may do."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from math import exp

import pytest

from costlab.bench.document import Timing
from costlab.bench.harness import ABBA, BAAB, measure
from costlab.bench.paired import PAIRS_A_BLOCK, Paired, Sample, SideName
from costlab.bench.seams import ArmError
from tests.bench.clockwork import BASE_MHZ, MS, PLAN, Clockwork, Spring, run, seeded, spiky


def test_a_still_device_gives_the_ratio_itself() -> None:
    """Without noise all pairs tie: the ratio is exact, and 30 pairs are precise enough."""
    found = run(Clockwork()).comparison()
    assert found is not None
    assert [found.low, found.ratio, found.high] == pytest.approx([0.8] * 3)
    assert (found.pairs, found.dropped, found.verdict) == (30, 0, "FASTER")
    assert (found.stopped, found.reason) == ("precise", "")


def test_the_null_arm_is_one_side_twice() -> None:
    """A side against itself has a ratio of 1 and is the same."""
    device = Clockwork()
    side = Spring(device, MS)
    found = measure(side, side, device, device, PLAN, 0).comparison()
    assert found is not None
    assert (found.ratio, found.low, found.high, found.verdict) == (1, 1, 1, "SAME")


def test_a_comparison_spans_some_time() -> None:
    """Thirty pairs of short calls are not the end: it lasts as long as the plan says, no longer.

    Cut off before that it is no less precise for it.
    """
    for span_s, limit_s in ((0.0, 8.0), (3.0, 8.0), (6.0, 4.0)):
        device = Clockwork()
        plan = replace(PLAN, sample_s=0.001, span_s=span_s, limit_s=limit_s, warmup_s=0.0)
        found = run(device, plan=plan)
        asked_s = min(span_s, limit_s)
        assert asked_s - 0.5 <= device.now <= asked_s + 0.5
        assert found.stopped == "precise"
        assert 2 * len(found.kept) >= plan.min_pairs


def test_blocks_are_abba_or_baab() -> None:
    """Both orders occur, nothing else does, and the seed repeats their sequence."""

    def orders(seed: int) -> list[tuple[str, ...]]:
        found = run(Clockwork(), seed=seed)
        return [tuple(s.side for s in found.samples if s.block == b) for b in found.blocks]

    assert set(orders(1)) == {ABBA, BAAB}
    assert orders(1) == orders(1) != orders(2)


def test_a_steady_drift_cancels() -> None:
    """A device that slows down by 0.2 % a sample changes no ratio, and is reported."""
    device = Clockwork()
    taken = iter(range(10**6))
    device.noise = lambda: 0.002 * next(taken)
    found = run(device, plan=replace(PLAN, limit_s=100.0)).comparison()
    assert found is not None
    assert found.ratio == pytest.approx(0.8, rel=1e-6)
    assert "variant drifted by +" in found.reason


def test_throttled_blocks_are_dropped() -> None:
    """What ran while the device throttled is kept as raw samples, named, and not counted."""
    device = Clockwork(throttle=lambda now: ("thermal",) if 2.0 < now < 3.0 else ())
    device.noise = lambda: 1.0 if 2.0 < device.now < 3.0 and device.due > 0.9 * MS else 0.0
    plan = replace(PLAN, min_pairs=100, limit_s=100.0)
    paired = run(device, plan=plan)
    found = paired.comparison()
    assert found is not None
    assert paired.dropped
    assert found.ratio == pytest.approx(0.8)
    assert found.pairs >= 100
    assert found.dropped == PAIRS_A_BLOCK * len(paired.dropped)
    assert paired.throttled == ("thermal",)
    assert "dropped: thermal" in found.reason
    assert len(paired.of("baseline")) == found.pairs + found.dropped
    assert len(paired.kept_s("baseline")) == found.pairs
    every = paired.effects(paired.blocks)
    assert every is not None
    assert exp(sum(every) / len(every)) < 0.75  # as it would have been with them


def test_a_tolerated_reason_drops_nothing() -> None:
    """A board at its power cap is measured as it is, and the document says so."""
    device = Clockwork(throttle=lambda _: ("power cap",))
    paired = run(device, plan=replace(PLAN, tolerated=("power cap",)))
    assert not paired.dropped
    assert paired.throttled == ("power cap",)


def test_a_slow_clock_drops_a_block() -> None:
    """Under 75 % of base a block is dropped; at it, it counts."""
    slow = Clockwork(clock=lambda now: BASE_MHZ * (0.74 if 2.0 < now < 2.5 else 0.75))
    paired = run(slow, plan=replace(PLAN, min_pairs=100))
    assert paired.dropped
    assert set(paired.dropped.values()) == {"clock under 75% of base"}
    for sample in paired.samples:
        if sample.clock_mhz == 0.74 * BASE_MHZ:
            assert sample.block in paired.dropped


def test_without_blocks_there_is_no_number() -> None:
    """If it throttles all the time, nothing is compared, and all samples are kept."""
    paired = run(Clockwork(throttle=lambda _: ("thermal",)))
    assert paired.comparison() is None
    blocks = len(paired.blocks)
    assert paired.error.startswith(f"of {blocks} blocks of samples, 0 count, and two are needed")
    assert "dropped: thermal" in paired.error
    sides = [paired.timing(side, timing()) for side in ("baseline", "variant")]
    assert all(side.error == paired.error for side in sides)
    assert all(len(side.samples_s) == len(side.dropped) == 2 * blocks > 30 for side in sides)


def test_a_few_blocks_are_ambiguous() -> None:
    """Two blocks of many that count make an interval of those alone, and no verdict."""
    device = Clockwork(throttle=lambda now: () if 1.0 < now < 1.3 else ("thermal",))
    device.noise = lambda: 0.0 if 1.0 < device.now < 1.3 or device.due < 0.9 * MS else 1.0
    paired = run(device)
    found = paired.comparison()
    assert found is not None
    assert 4 <= found.pairs < PLAN.fewest_pairs
    assert found.ratio == pytest.approx(0.8)
    assert found.verdict == "AMBIGUOUS"
    assert f"only {found.pairs} pairs are left, and 10 are needed" in found.reason


def test_outliers_widen_the_interval() -> None:
    """Samples ten times as long, one in twenty, rarely make identical arms look different."""
    trials, wrong = 400, 0
    for seed in range(trials):
        device = Clockwork(noise=partial(spiky, seeded(seed)))
        found = run(device, ratio=1.0, seed=seed).comparison()
        assert found is not None
        wrong += found.verdict in {"FASTER", "SLOWER"}
    assert wrong / trials <= 0.05


def test_the_time_limit_ends_it() -> None:
    """Noise that never gets precise ends within the limit, and the document says why."""
    random = seeded(0)
    device = Clockwork(noise=lambda: random.gauss(0, 0.3))
    found = run(device, ratio=0.3).comparison()
    assert found is not None
    assert (found.stopped, found.verdict) == ("time limit", "FASTER")
    assert device.now < PLAN.limit_s + 0.1


def test_noise_takes_more_pairs() -> None:
    """Past 30 pairs it looks again and again, and stops when the interval reaches 1 %."""
    random = seeded(0)
    device = Clockwork(noise=lambda: random.gauss(0, 0.04))
    found = run(device, plan=replace(PLAN, limit_s=1000.0)).comparison()
    assert found is not None
    assert found.stopped == "precise"
    assert 30 < found.pairs < 500
    assert found.high <= found.ratio * exp(PLAN.half_width)


def test_slow_calls_leave_few_pairs() -> None:
    """Fewer pairs than can bear a verdict are ambiguous; fewer than two blocks are an error."""
    device = Clockwork()
    few = run(device, seconds=0.4)
    assert device.now <= PLAN.limit_s  # a block of 1.44 s that would not end in time is not begun
    found = few.comparison()
    assert found is not None
    assert 4 <= found.pairs < PLAN.fewest_pairs
    assert found.verdict == "AMBIGUOUS"
    assert "pairs are left" in found.reason
    none = run(Clockwork(), seconds=2.0)
    assert "8 s are too short" in none.error
    assert none.comparison() is None
    assert none.timing("variant", timing()).error == none.error


def test_a_difference_of_clocks_is_none_of_code() -> None:
    """A variant during which the clock is a tenth lower is slower in time but not in cycles."""
    mhz = [BASE_MHZ]
    device = Clockwork(clock=lambda _: mhz[0])

    def at(clock_mhz: float) -> float:
        mhz[0] = clock_mhz
        return MS

    first, second = Spring(device, lambda: at(1000.0)), Spring(device, lambda: at(900.0))
    found = measure(first, second, device, device, PLAN, 0).comparison()
    assert found is not None
    assert found.ratio == pytest.approx(1 / 0.9)
    assert found.verdict == "AMBIGUOUS"
    assert "SLOWER in time but SAME in cycles" in found.reason


def timing() -> Timing:
    """A timing without samples."""
    return Timing("conv", "eager", macs=1, params=2, activations=3, bytes=4)


@pytest.mark.parametrize("error", [ArmError("no room for conv"), RuntimeError("out of memory")])
def test_a_call_that_raises_keeps_what_was_measured(error: Exception) -> None:
    """The samples until then are there, in order; the side that failed has the error."""
    device = Clockwork()
    whole = Spring(device, MS)
    measure(Spring(device, MS), whole, device, device, PLAN, 0)
    device = Clockwork()
    breaks = Spring(device, MS, lasts=whole.made - 20, error=error)
    paired = measure(Spring(device, MS), breaks, device, device, PLAN, 0)
    assert str(error) in paired.error
    assert paired.failed == "variant"
    assert paired.comparison() is None
    assert len(paired.of("variant")) == 30 - 20
    assert paired.timing("variant", timing()).error == paired.error
    kept = paired.timing("baseline", timing())
    assert kept.error == ""
    assert len(kept.samples_s) in {10, 11, 12}


def test_a_call_that_raises_at_once_leaves_an_error() -> None:
    """Nothing was measured, and the kind of the exception is told with its message."""
    device = Clockwork()
    paired = measure(Spring(device, MS, lasts=0), Spring(device, MS), device, device, PLAN, 0)
    assert (paired.samples, paired.failed) == ((), "baseline")
    assert re.fullmatch(r"RuntimeError \[.*clockwork.py:\d+\]: it broke", paired.error)


def test_an_interrupt_goes_through() -> None:
    """Ctrl-C is no error of the arm."""
    device = Clockwork()
    pressed = Spring(device, MS, lasts=9, error=KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        measure(Spring(device, MS), pressed, device, device, PLAN, 0)


def test_a_timing_gets_its_samples_and_clocks() -> None:
    """All samples in order with the clock of each; no clocks at all if one is unknown."""
    known = run(Clockwork(clock=lambda _: 1200.0)).timing("variant", timing())
    assert known.samples_s == pytest.approx([0.8 * MS / 1.2] * 30)
    assert known.clock_mhz == (1200.0,) * 30
    lost = Clockwork(clock=lambda now: None if now > 2.0 else BASE_MHZ)
    paired = run(lost, plan=replace(PLAN, min_pairs=100))
    assert paired.timing("variant", timing()).clock_mhz is None
    assert paired.comparison() is not None


def paired(*blocks: tuple[float, float, float, float]) -> Paired:
    """Blocks of the baseline's two times and the variant's two."""
    order: tuple[SideName, ...] = ("baseline", "baseline", "variant", "variant")
    return Paired(
        PLAN,
        0,
        tuple(
            Sample(side, at, time_s, None)
            for at, block in enumerate(blocks)
            for side, time_s in zip(order, block, strict=True)
        ),
    )


def test_sides_that_differ_from_themselves_are_not_told_apart() -> None:
    """Ten blocks agree on 0.8 exactly, but within each a side is twice itself: no verdict."""
    still = paired(*[(1.0, 1.0, 0.8, 0.8)] * 10).comparison()
    assert still is not None
    assert (still.verdict, still.reason) == ("FASTER", "")
    noisy = paired(*[(1.0, 2.0, 1.6, 0.8), (2.0, 1.0, 0.8, 1.6)] * 5)
    assert noisy.noise() > 0.25
    found = noisy.comparison()
    assert found is not None
    assert found.ratio == pytest.approx(0.8)
    assert found.verdict == "AMBIGUOUS"
    assert "FASTER but for the noise of" in found.reason


def test_medians_must_not_deny_a_verdict() -> None:
    """A mean of pairs that a few samples pull is no verdict if the medians say the contrary."""
    still, pulled = (1.0, 1.0, 1.02, 1.02), (3.0, 3.0, 1.02, 1.02)
    found = paired(*[still, pulled] * 8, still).comparison()
    assert found is not None
    assert found.high < 1
    assert found.verdict == "AMBIGUOUS"
    assert "not by the medians" in found.reason
