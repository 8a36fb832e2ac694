"""Times two sides in turn, until their ratio is known or the time is up.

It knows no device and no torch; a timer, a gauge and two prepared sides are given to it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from math import ceil
from random import Random
from typing import TYPE_CHECKING

from costlab.bench.blame import line_of
from costlab.bench.pacing import lengthen, warm_up
from costlab.bench.paired import PAIRS_A_BLOCK, Paired, Sample
from costlab.bench.statistics import FEWEST_BLOCKS
from costlab.errors import CostlabError

if TYPE_CHECKING:
    from costlab.bench.paired import SideName
    from costlab.bench.plan import Plan
    from costlab.bench.seams import Gauge, Prepared, State, Timer

ABBA: tuple[SideName, ...] = ("baseline", "variant", "variant", "baseline")
BAAB: tuple[SideName, ...] = ("variant", "baseline", "baseline", "variant")
WAITED = "other processes had the cores"
"""Why a block does not count whose threads waited for a core."""
COMPILED = "it was compiled anew meanwhile"
"""Why a block does not count during which a compiler ran."""
SHORTEN_AFTER = 3
"""Blocks in a row for which threads waited: then samples are made half as long."""
IN_A_ROW = 4
"""Times that are each of a compilation: the next would be so too."""
_FURTHER = 1.1  # looking at the interval less often makes a lucky stop less likely


def measure(
    baseline: Prepared,
    variant: Prepared,
    timer: Timer,
    gauge: Gauge,
    plan: Plan,
    seed: int,
) -> Paired:
    """The samples of two sides, taken in ABBA or BAAB blocks in random order.

    The null arm is the same function, given the same side twice. Whatever a call raises ends the
    measurement and is kept as its error, with all that was measured before; what interrupts the
    program, as Ctrl-C does, goes through. The time limit is looked at between blocks, and a block
    that would probably not end within it is not begun.
    """
    run = _Run({"baseline": baseline, "variant": variant}, timer, gauge, plan, seed)
    try:
        run.go()
    except _FailedError as failed:
        run.failed, run.error = failed.side, failed.message
    return run.result()


def energy_j(
    prepared: Prepared,
    timer: Timer,
    gauge: Gauge,
    calls: int,
    plan: Plan,
) -> float | None:
    """Joules of one call, from the device's counter over `plan.energy_s` of calls in a row.

    None if there is no counter, if it did not move, or if the plan asks for none. In a loop of its
    own, since a sensor that is read a few times a second cannot tell short samples apart.
    """
    start = gauge.read().energy_j
    if start is None or not plan.energy_s:
        return None
    done, end = 0, timer.wait_s() + plan.energy_s
    while timer.wait_s() < end:
        timer.time_s(prepared.call, calls)
        done += calls
    used = gauge.read().energy_j
    return (used - start) / done if used is not None and used > start else None


class _FailedError(Exception):
    """A side that raised."""

    def __init__(self, side: SideName, message: str) -> None:
        super().__init__(message)
        self.side = side
        self.message = message


@dataclass(slots=True)
class _Run:
    """A measurement under way."""

    sides: dict[SideName, Prepared]
    timer: Timer
    gauge: Gauge
    plan: Plan
    seed: int
    calls: dict[SideName, int] = field(default_factory=lambda: {"baseline": 1, "variant": 1})
    latest_s: dict[SideName, float] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)
    dropped: dict[int, str] = field(default_factory=dict)
    throttled: dict[str, None] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    stopped: str = "time limit"
    failed: SideName | None = None
    error: str = ""
    waited_s: float | None = None
    waited_share: float = 0.0
    compiled: dict[SideName, int] = field(default_factory=dict)
    waits: int = 0

    def go(self) -> None:
        """Finds how long a sample must be, warms up, and takes blocks until it may stop."""
        begin = self.timer.wait_s()
        end, last = begin + self.plan.limit_s, begin + self.plan.patience_s
        for side in self.sides:
            self._time_s(side, 1)  # the first call is no measure of the others
        self._pace()
        self.notes += warm_up(self._sample, self.timer, self.plan)
        self._pace()
        random, block, next_look = Random(self.seed), 0, self.plan.min_pairs  # noqa: S311 - an order
        last_s, spanned = 0.0, self.timer.wait_s() + self.plan.span_s
        self.waited_s = self.gauge.read().waited_s
        while self._may_go_on(start := self.timer.wait_s(), last_s, end, last, begin):
            self._block(block, ABBA if random.random() < 1 / 2 else BAAB)
            block += 1
            last_s = self.timer.wait_s() - start
            self._shorten()
            pairs = PAIRS_A_BLOCK * (block - len(self.dropped))
            if pairs >= next_look and self.timer.wait_s() >= spanned:
                next_look = ceil(pairs * _FURTHER)
                if self._precise():
                    self.stopped = "precise"
                    return
        if block - len(self.dropped) >= self.plan.min_pairs / PAIRS_A_BLOCK and self._precise():
            self.stopped = "precise"
        elif len(self.samples) < 2 * 2 * PAIRS_A_BLOCK:
            self.error = (
                f"{max(self.plan.limit_s, self.plan.patience_s):.3g} s are too short: they left "
                f"room for {block} block{'' if block == 1 else 's'} of four samples, and two are "
                "needed; give it longer (--minutes), or less to do (--batch 1, --pair)"
            )
        elif not self.result().interval():
            causes = ", ".join(sorted(set(self.dropped.values())))
            self.error = (
                f"of {block} blocks of samples, {block - len(self.dropped)} count, and two are "
                f"needed; the others were dropped: {causes}"
            )

    def _may_go_on(
        self, start: float, block_s: float, end: float, last: float, begin: float
    ) -> bool:
        """Whether a block would end in time; there is more of it while a verdict may yet come."""
        blocks = len(self.samples) // (2 * PAIRS_A_BLOCK)
        pairs = PAIRS_A_BLOCK * (blocks - len(self.dropped))
        if pairs >= self.plan.fewest_pairs or last <= end:
            return start + block_s < end
        # If so many are dropped that too few will be left, more of it is time lost to other cases.
        hopeless = (
            blocks >= FEWEST_BLOCKS
            and bool(self.dropped)
            and pairs * (last - begin) < self.plan.fewest_pairs * (start - begin)
        )
        return start + block_s < (end if hopeless else last)

    def result(self) -> Paired:
        """What was measured until now."""
        return Paired(
            plan=self.plan,
            seed=self.seed,
            samples=tuple(self.samples),
            calls=(self.calls["baseline"], self.calls["variant"]),
            dropped=dict(self.dropped),
            stopped=self.stopped,
            throttled=tuple(self.throttled),
            notes=tuple(self.notes),
            failed=self.failed,
            error=self.error,
        )

    def _pace(self) -> None:
        """Sets how many calls make a sample, the same for both sides if they are of a length.

        A side whose last sample was long enough is left as it is.
        """
        for side, calls in self.calls.items():
            if self.latest_s.get(side, 0.0) >= self.plan.sample_s:
                continue
            timed = partial(self._time_s, side)
            self.calls[side], note = lengthen(timed, calls, self.plan)
            if note:
                self.notes.append(f"{side}: {note}")
        most = max(self.calls.values())
        if most <= 2 * min(self.calls.values()):
            self.calls = dict.fromkeys(self.calls, most)

    def _block(self, block: int, order: tuple[SideName, ...]) -> None:
        troubles: dict[str, None] = {}
        for side in order:
            time_s, state = self._sample(side)
            waited = max(0.0, self.waited_share)
            found = Sample(side, block, time_s, state.clock_mhz, waited, state.power_w)
            self.samples.append(found)
            self.throttled |= dict.fromkeys(state.throttle)
            troubles |= dict.fromkeys(self._troubles(state))
            if self.waited_share > self.plan.waited_share:
                troubles[WAITED] = None
            if self.compiled.get(side):
                troubles[COMPILED] = None
        if troubles:
            self.dropped[block] = ", ".join(sorted(troubles))
        self.waits = self.waits + 1 if WAITED in troubles else 0

    def _shorten(self) -> None:
        """Halves the samples if others had the cores during a row of blocks, as far as may be.

        What was shorter than a turn of theirs would have been whole.
        """
        least = min(self.latest_s[side] / calls for side, calls in self.calls.items())
        shorter = {side: ceil(calls / 2) for side, calls in self.calls.items()}
        if self.waits < SHORTEN_AFTER or shorter == self.calls:
            return
        if least * min(shorter.values()) >= self.plan.shortest_sample_s:
            self.calls, self.waits = shorter, 0

    def _troubles(self, state: State) -> list[str]:
        found = [reason for reason in state.throttle if reason not in self.plan.tolerated]
        excused = any(reason in self.plan.tolerated for reason in state.throttle)
        if not excused and state.clock_mhz is not None and state.base_mhz is not None:
            share = self.plan.clock_share
            if state.clock_mhz < share * state.base_mhz:
                found.append(f"clock under {share:.0%} of base")
        return found

    def _sample(self, side: SideName) -> tuple[float, State]:
        """Seconds of one call, on average over a sample, and the state right after it."""
        calls = self.calls[side]
        time_s = self._time_s(side, calls)
        if not time_s > 0:
            raise _FailedError(side, f"the timer gave {time_s:g} s for {calls} calls")
        self.latest_s[side] = time_s
        state = self.gauge.read()
        if state.waited_s is not None and self.waited_s is not None:
            self.waited_share = (state.waited_s - self.waited_s) / time_s
        self.waited_s = state.waited_s
        return time_s / calls, state

    def _time_s(self, side: SideName, calls: int) -> float:
        before = self.sides[side].compiled().times
        try:
            taken_s = self.timer.time_s(self.sides[side].call, calls)
        except CostlabError as error:
            raise _FailedError(side, str(error)) from error
        except Exception as error:  # a model of the user's may raise anything
            place = line_of(error)
            raise _FailedError(side, f"{type(error).__name__}{place}: {error}") from error
        self._watch_compiler(side, before)
        return taken_s

    def _watch_compiler(self, side: SideName, before: int) -> None:
        """Counts the times in a row of a side that hold a compilation.

        Raises:
            _FailedError: each does, so that it is the compiler that would be timed.
        """
        found = self.sides[side].compiled()
        streak = self.compiled[side] = self.compiled.get(side, 0) + 1 if found.times > before else 0
        if streak >= IN_A_ROW:
            why = f", as this no longer holds: {found.why}" if found.why else ""
            raise _FailedError(
                side,
                f"it is compiled anew in each call, {streak} samples in a row{why}; what was "
                "timed is the compiler, and no speed of the model",
            )

    def _precise(self) -> bool:
        found = self.result().interval()
        return found is not None and found.half_width <= self.plan.half_width
