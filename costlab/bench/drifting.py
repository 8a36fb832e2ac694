"""Whether what is measured drifts: times or clocks, from first to last.

It knows neither what was measured nor how.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from math import ceil, sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_NORMAL = NormalDist()


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
