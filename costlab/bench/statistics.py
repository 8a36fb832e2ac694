"""What samples say: paired ratios and their interval, and quantiles.

It knows neither what was measured nor how; times are numbers here.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from itertools import count, pairwise
from math import ceil, exp, fsum, log, sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_NORMAL = NormalDist()
FEWEST_BLOCKS = 2
"""Fewer have no spread."""
_CORRECTED = 15
_MOST_ALIKE = 0.99  # of what is more so, blocks in a row say next to nothing
_LEAST_SPREAD = 0.25
_LEAST_QUARTILED = 2
_AT_ONCE = 1_000_000  # random numbers held at a time: 8 MB


@dataclass(frozen=True, slots=True)
class Interval:
    """A ratio with its 95 % interval, which is symmetric in the logarithm.

    `half_width` is how far it reaches to either side, in the logarithm: 0.01 is about 1 %.
    """

    log_ratio: float
    half_width: float

    @property
    def ratio(self) -> float:
        """The geometric mean of the ratios."""
        return exp(self.log_ratio)

    @property
    def low(self) -> float:
        """The lower end."""
        return exp(self.log_ratio - self.half_width)

    @property
    def high(self) -> float:
        """The upper end."""
        return exp(self.log_ratio + self.half_width)


@dataclass(frozen=True, slots=True)
class Quartiles:
    """The median of samples and the quartiles around it, in the unit of the samples."""

    q1: float
    median: float
    q3: float


def log_ratios(baseline: Sequence[float], variant: Sequence[float]) -> list[float]:
    """The logarithm of variant over baseline for each pair.

    >>> [round(value, 3) for value in log_ratios([1.0, 2.0], [0.5, 2.0])]
    [-0.693, 0.0]
    """
    return [log(second / first) for first, second in zip(baseline, variant, strict=True)]


def interval(blocks: Sequence[float], seed: int = 0, resamples: int = 2000) -> Interval:
    """The mean of the blocks' log-ratios with its 95 % interval, by bootstrap over blocks.

    h = quantile(|mean* − mean|, α) · √v,  v how much more a mean varies of blocks that are alike

    A plain percentile interval of few blocks covers too little, and so does BCa, the more so if
    samples have rare spikes. So α is Hesterberg's expanded level, for resamples are too narrow:
    2Φ(√(n/(n−1)) · t(0.975, n−1)) − 1. Distances to either side are taken together, since swapped
    arms would give the mirror image. What all this covers is shown in
    `tests/bench/test_statistics.py`.

    Raises:
        ValueError: fewer than two blocks have no spread.
    Source: Hesterberg 2015, "What Teachers Should Know About the Bootstrap"
        (expanded percentile).
    """
    n = len(blocks)
    if n < FEWEST_BLOCKS:
        raise ValueError(f"an interval needs at least {FEWEST_BLOCKS} blocks, not {n}")
    mean = fsum(blocks) / n
    deviations = [block - mean for block in blocks]
    square = fsum(value * value for value in deviations)
    if square == 0:
        return Interval(mean, 0.0)
    level = 2 * _NORMAL.cdf(sqrt(n / (n - 1)) * _student(n - 1)) - 1
    lag = fsum(first * second for first, second in pairwise(deviations)) / square
    half = _spread(deviations, level, seed, resamples) * sqrt(_widening(lag, n))
    return Interval(mean, half)


def _widening(lag: float, n: int) -> float:
    """How much more the mean of n blocks varies than if they did not resemble their neighbours.

    v = a / (1 − (a − 1) / (n − 1)),  a = (1 + ρ) / (1 − ρ),  ρ = (n·lag + 1) / (n − 3) + 1/n

    `lag` is the correlation of neighbours about their own mean, which is short of ρ by
    (1 + 3ρ) / n; the second factor is what their spread about it is short of; 1/n is to be safe.
    Of fewer than `_CORRECTED` blocks those corrections would be noise themselves: ρ is lag + 2/n
    there. Only what is alike widens; what alternates narrows nothing.

    Source: the mean of an AR(1) series; Marriott and Pope 1954, "Bias in the estimation of
        autocorrelations", for the first of the corrections.
    """
    if n < _CORRECTED:
        rho = min(max(lag + 2 / n, 0.0), _MOST_ALIKE)
        return (1 + rho) / (1 - rho)
    rho = min(max((n * lag + 1) / (n - 3) + 1 / n, 0.0), _MOST_ALIKE)
    alike = (1 + rho) / (1 - rho)
    return alike / max(1 - (alike - 1) / (n - 1), _LEAST_SPREAD)


def _spread(deviations: Sequence[float], level: float, seed: int, resamples: int) -> float:
    """The quantile of a resample's mean, in absolute value."""
    import numpy as np

    values, n = np.asarray(deviations), len(deviations)
    random = np.random.default_rng(seed)
    means, rows = [], max(1, _AT_ONCE // n)
    for start in range(0, resamples, rows):
        drawn = random.integers(0, n, (min(rows, resamples - start), n))
        means.append(np.abs(values[drawn].mean(axis=1)))
    return float(np.quantile(np.concatenate(means), level))


def _student(freedom: int) -> float:
    """The 97.5 % point of Student's t.

    Source: Abramowitz and Stegun 26.7.5, an expansion that is 0.3 % short at 4 degrees; below 4
    the exact values.
    """
    exact = {1: 12.7062, 2: 4.3027, 3: 3.1824}
    if freedom in exact:
        return exact[freedom]
    z = _NORMAL.inv_cdf(0.975)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return z + fsum(term / freedom**power for power, term in enumerate(terms, start=1))


def quartiles(samples: Sequence[float]) -> Quartiles:
    """The quartiles, interpolated between the samples around them.

    >>> quartiles([1.0, 2.0, 3.0, 4.0, 5.0])
    Quartiles(q1=2.0, median=3.0, q3=4.0)

    Raises:
        ValueError: there are no samples.
    """
    if len(samples) < _LEAST_QUARTILED:
        only = statistics.median(samples)
        return Quartiles(only, only, only)
    return Quartiles(*statistics.quantiles(samples, n=4, method="inclusive"))


def samples_for(quantile: float, chance: float = 0.01) -> int:
    """How many samples a quantile needs.

    qⁿ + n·(1 − q)·qⁿ⁻¹ ≤ chance  →  the least n

    That is the chance that at most one of them lies beyond the quantile, on the side where it
    leaves less; so the second largest is, but for that chance, a bound of it.

    >>> samples_for(0.9), samples_for(0.99), samples_for(0.5)
    (64, 662, 11)

    Raises:
        ValueError: the quantile is not between 0 and 1.
    Source: MLPerf LoadGen's early stopping, whose least counts are 64 for p90 and 662 for p99
        (mlcommons/inference#1629).
    """
    if not 0 < quantile < 1:
        raise ValueError(f"a quantile lies between 0 and 1, and {quantile} does not")
    inside = max(quantile, 1 - quantile)
    beyond = 1 - inside
    start = ceil(log(chance) / log(inside))  # as many as have none beyond it
    return next(n for n in count(start) if inside**n + n * beyond * inside ** (n - 1) <= chance)


def quantile(samples: Sequence[float], at: float) -> float | None:
    """A quantile of the samples, interpolated; None if they are too few to support it.

    >>> quantile([1.0] * 63, 0.9), quantile([1.0] * 64, 0.9)
    (None, 1.0)
    """
    if len(samples) < samples_for(at):
        return None
    ordered = sorted(samples)
    place = at * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])
