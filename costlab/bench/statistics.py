"""What samples say: paired ratios and their interval, quantiles, drift, and the verdict.

It knows neither what was measured nor how; times, clocks and cycles are numbers here.
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

    from costlab.bench.document import Comparison, Verdict

FLOOR = 0.005
"""Differences under half a percent are not told apart, as in nvbench-compare-robust."""
WIDEST_SAME = 0.02
"""What is called the same differs by less than this, however wide the noise floor is."""

_NORMAL = NormalDist()
_FEWEST_BLOCKS = 2
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


@dataclass(frozen=True, slots=True)
class Drift:
    """How far samples moved from first to last, and how probable that is if they stand still.

    `change` is a share of their median; `chance` is 1 where there is nothing to tell from.
    """

    change: float
    chance: float

    def above(self, limit: float, chance: float = 0.05) -> bool:
        """Whether they moved by the limit or more, and more than by accident."""
        return abs(self.change) >= limit and self.chance < chance


def log_ratios(baseline: Sequence[float], variant: Sequence[float]) -> list[float]:
    """The logarithm of variant over baseline for each pair.

    >>> [round(value, 3) for value in log_ratios([1.0, 2.0], [0.5, 2.0])]
    [-0.693, 0.0]
    """
    return [log(second / first) for first, second in zip(baseline, variant, strict=True)]


def interval(blocks: Sequence[float], seed: int = 0, resamples: int = 2000) -> Interval:
    """The mean of the blocks' log-ratios with its 95 % interval, by bootstrap over blocks.

    h = quantile(|mean* − mean|, α) · √((1 + ρ) / (1 − ρ))

    A plain percentile interval of few blocks covers too little, and so does BCa, the more so if
    samples have rare spikes. So α is Hesterberg's expanded level, for resamples are too narrow:
    2Φ(√(n/(n−1)) · t(0.975, n−1)) − 1. Distances to either side are taken together, since swapped
    arms would give the mirror image. ρ is the correlation of neighbouring blocks, plus 2/n for its
    bias and to be safe; it widens the interval if it is positive. What all this covers is shown
    in `tests/bench/test_statistics.py`.

    Raises:
        ValueError: fewer than two blocks have no spread.
    Source: Hesterberg 2015, "What Teachers Should Know About the Bootstrap"
        (expanded percentile); the widening is that of the mean of an AR(1) series.
    """
    n = len(blocks)
    if n < _FEWEST_BLOCKS:
        raise ValueError(f"an interval needs at least {_FEWEST_BLOCKS} blocks, not {n}")
    mean = fsum(blocks) / n
    deviations = [block - mean for block in blocks]
    square = fsum(value * value for value in deviations)
    if square == 0:
        return Interval(mean, 0.0)
    level = 2 * _NORMAL.cdf(sqrt(n / (n - 1)) * _student(n - 1)) - 1
    lag = fsum(first * second for first, second in pairwise(deviations)) / square
    rho = min(max(lag + 2 / n, 0.0), 0.9)
    half = _spread(deviations, level, seed, resamples) * sqrt((1 + rho) / (1 - rho))
    return Interval(mean, half)


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


def drift(samples: Sequence[float], chunks: int = 64) -> Drift:
    """How far samples moved, by the median slope, and the chance of their order.

    Many samples are first averaged in so many chunks, in order.

    >>> drift([1.00, 1.01, 1.02, 1.03, 1.04, 1.05]).above(0.01)
    True

    Source: the slope is that of Theil and Sen (Sen 1968), the test that of Mann and Kendall
        (Kendall 1975), with ties in the variance.
    """
    size = max(1, ceil(len(samples) / chunks))
    values = [statistics.fmean(samples[at : at + size]) for at in range(0, len(samples), size)]
    n, middle = len(values), statistics.median(values) if values else 0.0
    slopes = [(values[j] - values[i]) / (j - i) for i in range(n) for j in range(i + 1, n)]
    score = sum((slope > 0) - (slope < 0) for slope in slopes)
    if not middle or not score:
        return Drift(0.0, 1.0)
    ties = sum(_scatter(values.count(value)) for value in set(values))
    z = (abs(score) - 1) / sqrt(_scatter(n) - ties)
    return Drift(statistics.median(slopes) * (n - 1) / middle, 2 * (1 - _NORMAL.cdf(z)))


def _scatter(n: int) -> float:
    return n * (n - 1) * (2 * n + 5) / 18


def noise_floor(null: Comparison | None) -> float:
    """How far the interval of identical arms reaches from 1, in the logarithm; at least `FLOOR`.

    A difference within it is one that the same code shows against itself.
    """
    return FLOOR if null is None else max(FLOOR, abs(log(null.low)), abs(log(null.high)))


def judge(time: Interval, cycles: Interval | None, floor: float) -> tuple[Verdict, str]:
    """What may be said of a variant, and why if little.

    FASTER or SLOWER if the whole interval lies beyond the noise floor, SAME if it lies within it;
    but a device so noisy that its floor is above `WIDEST_SAME` shows nothing to be the same.
    Where clocks are known, the cycles (time × clock) must confirm a difference, and must not
    contradict sameness: else it was the clock that differed.

    Source: nvbench-compare-robust, which confirms a gap in time by the gap in cycles.
    """
    verdict = _alone(time, floor)
    if verdict == "AMBIGUOUS":
        return verdict, f"the interval neither clears the noise of ±{floor:.1%} nor stays within"
    if cycles is None:
        return verdict, ""
    second = _alone(cycles, floor)
    if second == verdict or (verdict == "SAME" and second == "AMBIGUOUS"):
        return verdict, ""
    return "AMBIGUOUS", f"{verdict} in time but {second} in cycles: the clock differed"


def _alone(found: Interval, floor: float) -> Verdict:
    low, high = found.log_ratio - found.half_width, found.log_ratio + found.half_width
    if high < -floor:
        return "FASTER"
    if low > floor:
        return "SLOWER"
    same = min(floor, WIDEST_SAME)
    return "SAME" if -same <= low and high <= same else "AMBIGUOUS"
