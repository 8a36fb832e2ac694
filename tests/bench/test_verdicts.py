"""How often the whole harness is right, by simulation with identical and different arms."""

from __future__ import annotations

import pytest

from costlab.bench.harness import measure
from costlab.bench.judging import FLOOR, noise_floor
from costlab.bench.plan import Plan
from tests.bench.clockwork import BASE_MHZ, Clockwork, Spring, seeded, shapes

PLAN = Plan(limit_s=6.0, sample_s=0.02, settle_s=0.2, resamples=400)
MS = 0.001


def noisy(shape: str, seed: int, *, clocked: bool = False) -> Clockwork:
    """A device of a noise; its clock, if any, is read with an error of half a percent."""
    random, noise = seeded(seed), shapes()[shape]
    device = Clockwork(noise=lambda: noise(random))
    if clocked:
        readings = seeded(-seed - 1)
        device.clock = lambda _: BASE_MHZ * (1 + readings.gauss(0, 0.005))
    return device


@pytest.mark.parametrize("shape", shapes())
def test_identical_arms_are_rarely_told_apart(shape: str) -> None:
    """FASTER or SLOWER is said of at most 5 % of identical arms, even at the least noise floor.

    The interval, stopped when it is narrow enough, holds the truth in 95 % (two standard errors
    of the simulation less).
    """
    trials, wrong, held = 300, 0, 0
    for seed in range(trials):
        device = noisy(shape, seed, clocked=seed % 2 == 0)
        sides = Spring(device, MS), Spring(device, MS)
        found = measure(*sides, device, device, PLAN, seed).comparison(FLOOR)
        assert found is not None
        wrong += found.verdict in {"FASTER", "SLOWER"}
        held += found.low <= 1 <= found.high
    assert wrong / trials <= 0.05
    assert held / trials >= 0.95 - 0.025


@pytest.mark.parametrize("shape", ["gaussian", "bimodal", "autocorrelated"])
def test_a_difference_of_five_percent_is_found(shape: str) -> None:
    """With the noise floor that identical arms gave on the same device, it is called FASTER."""
    trials, right = 25, 0
    for seed in range(trials):
        device = noisy(shape, seed)
        side, faster = Spring(device, MS), Spring(device, 0.95 * MS)
        floor = noise_floor(measure(side, side, device, device, PLAN, seed).comparison())
        found = measure(side, faster, device, device, PLAN, seed).comparison(floor)
        assert found is not None
        right += found.verdict == "FASTER"
    assert right / trials >= 0.9
