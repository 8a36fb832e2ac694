"""The verdict on a comparison: what may be said of a ratio beside the noise of identical arms.

It knows neither what was measured nor how; times and cycles are numbers here.
"""

from __future__ import annotations

from math import exp, log
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from costlab.bench.document import Comparison, Verdict
    from costlab.bench.statistics import Interval

FLOOR = 0.005
"""Differences under half a percent are not told apart, as in nvbench-compare-robust."""
WIDEST_SAME = 0.02
"""What is called the same differs by less than this, however wide the noise floor is."""


def noise_floor(null: Comparison | None) -> float:
    """How far the interval of identical arms reaches from 1, in the logarithm; at least `FLOOR`.

    A difference within it is one that the same code shows against itself.
    """
    return FLOOR if null is None else max(FLOOR, abs(log(null.low)), abs(log(null.high)))


def reach(floor: float) -> str:
    """The savings that a noise floor, a logarithm, may feign.

    >>> reach(0.005), reach(0.466)
    ('-0.5 to +0.5 %', '-59.4 to +37.2 %')
    """
    return f"{100 * (1 - exp(floor)):+.1f} to {100 * (1 - exp(-floor)):+.1f} %"


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
        return verdict, (
            f"the interval neither clears the noise of {reach(floor)} nor stays within"
        )
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
