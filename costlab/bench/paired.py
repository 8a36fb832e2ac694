"""What a comparison of two sides gave: every sample in order, and what follows from them.

It knows neither a device nor a timer.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import groupby
from math import exp, fsum, log
from statistics import fmean, median
from typing import TYPE_CHECKING, Literal, NamedTuple

from costlab.bench.document import Comparison, Timing
from costlab.bench.drifting import drift
from costlab.bench.judging import FLOOR, judge, reach
from costlab.bench.statistics import FEWEST_BLOCKS, Interval, interval, log_ratios

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from costlab.bench.document import Verdict
    from costlab.bench.plan import Plan

SideName = Literal["baseline", "variant"]
SIDES: tuple[SideName, SideName] = ("baseline", "variant")
PAIRS_A_BLOCK = 2
MOST_RANGES = 5
"""Runs of blocks that are named; where there are more, the blocks are counted."""
OPPOSITE = ("FASTER", "SLOWER")


class Sample(NamedTuple):
    """One time, of a single call on average, in the order of the run; and the clock after it.

    `waited` is the share of it that threads waited for a core, all together; `power_w` is what the
    device drew, as the clock None where it cannot be read.
    """

    side: SideName
    block: int
    time_s: float
    clock_mhz: float | None
    waited: float = 0.0
    power_w: float | None = None


@dataclass(frozen=True, slots=True)
class Paired:
    """All samples of two sides in order, what was dropped and why, and why it ended.

    A block is two samples of each side, ABBA or BAAB; the nth of the one makes a pair with the
    nth of the other. `dropped` tells for each discarded block why. `error` is what a call of
    `failed` raised, or why there is nothing to compare; what was measured before it is kept.
    `notes` are warnings: a clock that did not settle, a coarse timer.
    """

    plan: Plan
    seed: int
    samples: tuple[Sample, ...] = ()
    calls: tuple[int, int] = (1, 1)
    dropped: Mapping[int, str] = field(default_factory=dict)
    stopped: str = "time limit"
    throttled: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    failed: SideName | None = None
    error: str = ""

    def of(self, side: SideName) -> tuple[Sample, ...]:
        """The samples of a side, in order; those of block n stand at 2n and 2n + 1."""
        return tuple(sample for sample in self.samples if sample.side == side)

    @property
    def blocks(self) -> range:
        """The numbers of the blocks that are complete."""
        return range(len(self.samples) // (2 * PAIRS_A_BLOCK))

    @property
    def kept(self) -> tuple[int, ...]:
        """The complete blocks that were not dropped."""
        return tuple(block for block in self.blocks if block not in self.dropped)

    @property
    def is_enough(self) -> bool:
        """Whether as many pairs count as a verdict needs."""
        return PAIRS_A_BLOCK * len(self.kept) >= self.plan.fewest_pairs

    @property
    def power_w(self) -> float | None:
        """The median of what the device drew in blocks that count; None if that cannot be read."""
        kept = set(self.kept)
        read = [one.power_w for one in self.samples if one.block in kept]
        known = [power_w for power_w in read if power_w is not None]
        return median(known) if known else None

    def kept_s(self, side: SideName) -> tuple[float, ...]:
        """The times of a side in blocks that count, in order."""
        kept = set(self.kept)
        return tuple(sample.time_s for sample in self.of(side) if sample.block in kept)

    def effects(self, blocks: Iterable[int], *, cycles: bool = False) -> list[float] | None:
        """The mean log-ratio of each block, in time or in cycles; None where clocks are unknown."""
        baseline, variant = (self.of(side) for side in SIDES)
        found = []
        for block in blocks:
            place = slice(PAIRS_A_BLOCK * block, PAIRS_A_BLOCK * (block + 1))
            pair = [_amounts(side[place], cycles=cycles) for side in (baseline, variant)]
            if pair[0] is None or pair[1] is None:
                return None
            found.append(fsum(log_ratios(pair[0], pair[1])) / PAIRS_A_BLOCK)
        return found

    def interval(self, *, cycles: bool = False) -> Interval | None:
        """The ratio of variant to baseline with its 95 % interval; None if it cannot be told.

        What was dropped says nothing, also if fewer than two blocks are left.
        """
        blocks = self.kept
        if len(blocks) < FEWEST_BLOCKS:
            return None
        found = self.effects(blocks, cycles=cycles)
        return None if found is None else interval(found, self.seed, self.plan.resamples)

    def noise(self) -> float:
        """How far each side is from itself in the same blocks, as the logarithm of a ratio.

        (ln a₁/a₂ − ln b₁/b₂) / 2  in each block, a₁ and a₂ the first and the second sample of the
        baseline in it, b₁ and b₂ those of the variant.

        That has the spread of a block's effect where noise is all there is, and meets the same
        bursts, which identical arms at the start of a run may not: what it reaches, by the interval
        of its mean, is noise here too. The sign keeps half of a drift out.
        """
        blocks = self.kept
        if len(blocks) < FEWEST_BLOCKS:
            return 0.0
        found = interval(self._apart(blocks), self.seed, self.plan.resamples)
        return abs(found.log_ratio) + found.half_width

    def _apart(self, blocks: Iterable[int]) -> list[float]:
        baseline, variant = (self.of(side) for side in SIDES)
        return [
            (_parted(baseline, block) - _parted(variant, block)) / PAIRS_A_BLOCK for block in blocks
        ]

    def _waited(self, verdict: Verdict) -> float:
        """By how much more the side that took longer waited for a core, in blocks that count.

        A block counts if threads waited for a small share of it. What is in each of them, as the
        one side has more kernels and each waits, is no noise to the samples.
        """
        kept = set(self.kept)
        shares = [
            fmean([sample.waited for sample in self.of(side) if sample.block in kept])
            for side in SIDES
        ]
        longer = shares[1] - shares[0]
        return longer if verdict == "SLOWER" else -longer

    def _wandering(self, clear: float) -> str:
        """How the ratio drifted from first to last, if by more than what a verdict rests on.

        What disturbs one side alone for longer than a comparison takes scatters little within it:
        where the ratio is on its way, nobody knows where it will be.
        """
        found = drift([exp(effect) for effect in self.effects(self.kept) or ()])
        return f"drifted by {found.change:+.1%}" if found.above(clear) else ""

    def _medians_deny(self, verdict: Verdict) -> bool:
        """Whether the medians are in another order than a verdict says.

        The ratio is a mean, whose interval is known to cover; a few samples can pull it, medians
        hardly.
        """
        baseline, variant = (median(self.kept_s(side)) for side in SIDES)
        return (variant >= baseline) if verdict == "FASTER" else (variant <= baseline)

    def comparison(self, floor: float = FLOOR) -> Comparison | None:
        """What the pairs say against a noise floor; None if a call failed or too few blocks count.

        `pairs` are those that count, `dropped` those of discarded blocks; the reason names both
        the blocks and the warnings.
        """
        time = None if self.error else self.interval()
        if time is None:
            return None
        pairs = PAIRS_A_BLOCK * len(self.kept)
        verdict, reason = judge(time, self.interval(cycles=True), floor)
        if verdict in OPPOSITE and abs(time.log_ratio) - time.half_width <= (here := self.noise()):
            reason = f"{verdict} but for the noise of {reach(here)} that each side shows meanwhile"
            verdict = "AMBIGUOUS"
        clear = abs(time.log_ratio) - time.half_width - floor
        if verdict in OPPOSITE and clear <= (waited := self._waited(verdict)):
            reason = f"{verdict} but for the {waited:.1%} that it waited longer for a core"
            verdict = "AMBIGUOUS"
        if verdict in OPPOSITE and (moved := self._wandering(clear)):
            reason = f"{verdict} but for the ratio itself, which {moved} meanwhile"
            verdict = "AMBIGUOUS"
        if pairs and verdict in OPPOSITE and self._medians_deny(verdict):
            reason = f"{verdict} by the mean of the pairs, but not by the medians"
            verdict = "AMBIGUOUS"
        if pairs < self.plan.fewest_pairs:
            verdict = "AMBIGUOUS"
            reason = f"only {pairs} pairs are left, and {self.plan.fewest_pairs} are needed"
        return Comparison(
            ratio=time.ratio,
            low=time.low,
            high=time.high,
            pairs=pairs,
            dropped=PAIRS_A_BLOCK * len(self.dropped),
            verdict=verdict,
            stopped=self.stopped,
            reason="; ".join(filter(None, (reason, *self._why_dropped(), *self.remarks()))),
        )

    def remarks(self) -> tuple[str, ...]:
        """The notes, and which side drifted while it was measured."""
        drifts = {side: drift(self.kept_s(side)) for side in SIDES}
        moved = [
            f"{side} drifted by {found.change:+.1%}"
            for side, found in drifts.items()
            if found.above(self.plan.drift)
        ]
        return (*self.notes, *moved)

    def timing(self, side: SideName, timing: Timing) -> Timing:
        """A timing with what was measured of a side: samples, clocks, and the error if it failed.

        An error that is of neither side is given to both.
        """
        samples = self.of(side)
        clocks = tuple(sample.clock_mhz for sample in samples if sample.clock_mhz is not None)
        return replace(
            timing,
            samples_s=tuple(sample.time_s for sample in samples),
            clock_mhz=clocks if samples and len(clocks) == len(samples) else None,
            dropped=tuple(
                place for place, sample in enumerate(samples) if sample.block in self.dropped
            ),
            error=self.error if self.failed in {None, side} else timing.error,
        )

    def _why_dropped(self) -> list[str]:
        told = []
        for cause in sorted(set(self.dropped.values())):
            blocks = [block for block in self.dropped if self.dropped[block] == cause]
            places = ranges(blocks)
            named = f"block{'s' * (len(blocks) > 1)} {places} of {len(self.blocks)}"
            if places.count(",") >= MOST_RANGES:
                named = f"{len(blocks)} of {len(self.blocks)} blocks"
            told.append(f"{named} dropped: {cause}")
        return told


def ranges(numbers: Iterable[int]) -> str:
    """Numbers as text, neighbours as a range.

    >>> ranges([0, 1, 2, 5])
    '0-2, 5'
    """
    runs = groupby(enumerate(sorted(numbers)), key=lambda pair: pair[1] - pair[0])
    spans = ([number for _, number in run] for _, run in runs)
    return ", ".join(f"{span[0]}-{span[-1]}" if len(span) > 1 else f"{span[0]}" for span in spans)


def _parted(samples: Sequence[Sample], block: int) -> float:
    """The logarithm of a side's first sample of a block over its second."""
    first, second = samples[PAIRS_A_BLOCK * block : PAIRS_A_BLOCK * (block + 1)]
    return log(first.time_s / second.time_s)


def _amounts(samples: Iterable[Sample], *, cycles: bool) -> list[float] | None:
    """Times, or cycles: clock times time; None if a clock is unknown."""
    if not cycles:
        return [sample.time_s for sample in samples]
    found = [sample.time_s * sample.clock_mhz for sample in samples if sample.clock_mhz]
    return found if len(found) == PAIRS_A_BLOCK else None
