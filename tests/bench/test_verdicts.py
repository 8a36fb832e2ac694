"""How often the whole harness is right, by simulation with identical and different arms."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from math import log
from typing import TYPE_CHECKING

import pytest

from costlab.bench.harness import measure
from costlab.bench.judging import FLOOR, noise_floor
from costlab.bench.plan import QUICK, Plan
from tests.bench.clockwork import BASE_MHZ, Bursts, Clockwork, Shared, Spring, seeded, shapes

if TYPE_CHECKING:
    from collections.abc import Callable

SHORT = replace(QUICK, sample_s=0.02, resamples=400)
"""A short look: five blocks may be all that there is."""
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


@pytest.mark.parametrize("plan", [SHORT, PLAN], ids=["quick", "full"])
@pytest.mark.parametrize(
    ("quiet_s", "burst_s", "size", "spread"),
    [(2.0, 1.0, 0.7, 0.5), (0.3, 0.1, 0.7, 0.5), (0.1, 0.05, 2.0, 0.1)],
)
def test_bursts_feign_no_difference(
    plan: Plan, quiet_s: float, burst_s: float, size: float, spread: float
) -> None:
    """Identical arms in bursts of noise that the null arm did not meet: at most 5 % told apart."""
    trials, wrong, held = 100, 0, 0
    for seed in range(trials):
        device = Clockwork()
        device.noise = Bursts(device, seeded(seed), quiet_s, burst_s, size, spread)
        sides = Spring(device, MS), Spring(device, MS)
        found = measure(*sides, device, device, plan, seed).comparison(FLOOR)
        assert found is not None
        wrong += found.verdict in {"FASTER", "SLOWER"}
        held += found.low <= 1 <= found.high
    assert wrong / trials <= 0.05
    assert held / trials >= 0.95 - 0.05


def shared(device: Clockwork, busy: Callable[[], bool]) -> tuple[Spring, Spring]:
    """A kernel, and two that take 0.9 of it, on cores that others have while it is busy."""
    one, two = Shared(device, MS, 1, busy), Shared(device, 0.9 * MS, 2, busy)
    return Spring(device, one), Spring(device, two)


@pytest.mark.parametrize("busy", [False, True])
def test_who_waits_for_a_core_is_not_slower(*, busy: bool) -> None:
    """Two kernels that take 0.9 of one, but wait twice for a core that others have.

    By the samples alone they are SLOWER beyond doubt: each is longer, in every block.
    """
    for seed in range(10):
        device, random = Clockwork(waited_s=0.0), seeded(seed)
        device.noise = partial(random.gauss, 0, 0.003)
        one, two = shared(device, lambda: busy)
        paired = measure(one, two, device, device, SHORT, seed)
        effects, found = paired.effects(paired.blocks), paired.comparison(FLOOR)
        assert effects is not None
        assert all((effect > log(1.5)) == busy for effect in effects)
        assert ("other processes had the cores" in paired.error) == busy
        assert (None if found is None else found.verdict) == (None if busy else "FASTER")


def test_a_burst_of_neighbours_is_left_out() -> None:
    """Neighbours for a third of the time: what is left says FASTER or nothing, never SLOWER."""
    said = []
    for seed in range(60):
        device = Clockwork(waited_s=0.0)
        noise = Bursts(device, seeded(seed), 0.2, 0.1)
        one, two = shared(device, noise.advance)
        found = measure(one, two, device, device, PLAN, seed).comparison(FLOOR)
        assert found is not None
        said.append(found.verdict)
    assert "SLOWER" not in said
    assert said.count("FASTER") > len(said) / 2
