"""How long a sample must be for its timer, and how long to warm up before the first.

It knows no device; it is given what takes a sample.
"""

from __future__ import annotations

from itertools import pairwise
from math import ceil
from typing import TYPE_CHECKING

from costlab.bench.drifting import drift
from costlab.bench.paired import SIDES

if TYPE_CHECKING:
    from collections.abc import Callable

    from costlab.bench.paired import SideName
    from costlab.bench.plan import Plan
    from costlab.bench.seams import State, Timer

MOST_CALLS = 1 << 20
_READINGS = 3  # equal ones give a coarse timer away
_ROUNDS = 6  # fewer say nothing of a drift
_FURTHER = 1.1
_SPARE = 1.2
_STRIDE = 10
_WHOLE = 0.01


def lengthen(time_s: Callable[[int], float], calls: int, plan: Plan) -> tuple[int, str]:
    """How many calls make a sample long enough, from so many on, and a note if none is.

    Long enough is `plan.sample_s`, and `plan.steps` of the timer's steps if readings are equal:
    a timer that is fine beside its noise does not repeat itself.
    """
    readings: list[list[float]] = []
    while True:
        taken = [time_s(calls)]
        while len(taken) < _READINGS and sum(taken) < plan.longest_sample_s:
            taken.append(time_s(calls))
        readings.append(taken)
        taken_s = sum(taken) / len(taken)
        step = _step(readings)
        wanted_s = max(plan.sample_s, min(plan.steps * step, plan.longest_sample_s))
        if taken_s >= wanted_s or calls >= MOST_CALLS:
            break
        stride = min(wanted_s / taken_s * _SPARE, _STRIDE) if taken_s else _STRIDE
        calls = min(max(ceil(calls * stride), calls + 1), MOST_CALLS)
    if taken_s < plan.steps * step:
        return calls, f"the timer's step of {step:g} s is {step / taken_s:.1%} of a sample"
    return calls, ""


def _step(readings: list[list[float]]) -> float:
    """The smallest difference between readings of as many calls; 0 if no two of them are equal.

    If a call took no time at all, a step is longer than it; then the shortest time that was read
    is a step too. Whatever a coarse timer reads is a whole number of its steps.
    """
    if all(len(set(taken)) == len(taken) for taken in readings):
        return 0.0
    steps = [b - a for taken in readings for a, b in pairwise(sorted(taken)) if b > a]
    times = [time_s for taken in readings for time_s in taken]
    if 0 in times:
        steps += [time_s for time_s in times if time_s > 0]
    step = min(steps, default=0.0)
    whole = step > 0 and all(abs(at / step - round(at / step)) < _WHOLE for at in times)
    return step if whole else 0.0


def warm_up(
    sample: Callable[[SideName], tuple[float, State]],
    timer: Timer,
    plan: Plan,
) -> list[str]:
    """Runs both sides in turn until nothing drifts, or the limit; a note says if it was that.

    What must not drift is the clock; where it cannot be read, the times of either side. It is
    looked at over the last `plan.settle_s` each time, in at least six rounds.
    """
    start = timer.wait_s()
    end = start + min(plan.warmup_s, plan.limit_s / 4)
    rounds: list[tuple[float, list[float], list[float | None]]] = []
    moved, next_look = "too few samples to tell a drift", _ROUNDS
    while (now := timer.wait_s()) < end:
        if len(rounds) >= next_look and now - start >= plan.settle_s:
            next_look = ceil(len(rounds) * _FURTHER)
            window = [past for past in rounds if past[0] >= now - plan.settle_s]
            window = max(window, rounds[-_ROUNDS:], key=len)
            moved = _moved([times for _, times, _ in window], [at for *_, at in window], plan.drift)
            if not moved:
                return []
        taken = [sample(side) for side in SIDES]
        rounds.append((now, [time_s for time_s, _ in taken], [at.clock_mhz for _, at in taken]))
    return [f"warm-up ended after {timer.wait_s() - start:.2g} s: {moved}"]


def _moved(times: list[list[float]], clocks: list[list[float | None]], limit: float) -> str:
    """What drifted by the limit or more, in words; empty if nothing did."""
    known = [mhz for pair in clocks for mhz in pair if mhz is not None]
    if len(known) == len(SIDES) * len(clocks):
        found = drift(known)
        return f"the clock drifted by {found.change:+.1%}" if found.above(limit) else ""
    for at, side in enumerate(SIDES):
        found = drift([pair[at] for pair in times])
        if found.above(limit):
            return f"{side} drifted by {found.change:+.1%}"
    return ""
