"""What was timed of the kernels of our own and of other arms, and what ours gain, as data.

Knows no page.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from docs.gpu_results import MAIN, STUDIES, conditions, time_s

if TYPE_CHECKING:
    from collections.abc import Mapping

    from docs.gpu_results import Results

OURS, FUSED, WHOLE, TUNED = "ours", "cudnn-fused", "best-blocks", "autotune-graph"
AGAINST = "arms"
"""The study of arms against each other, of which ours is the first."""
INDUCTOR = ("compile", "compile-autotune", TUNED)
PATCH = re.compile(r"\d+x\d+")
"""A single convolution is called by its patch; one of two has two, a grid reduction words."""


class Timed(NamedTuple):
    """What a side took, and the roof that its model names, if the run measured ceilings."""

    took_s: float
    roof_s: float | None


Sides = dict[tuple[str, int], dict[str, Timed]]
"""What was timed of a subject and batch, by arm."""


class Gain(NamedTuple):
    """How many times as fast as another arm ours is, with its 95 % interval, by pairs of both."""

    ratio: float
    low: float
    high: float
    other: str

    @property
    def said(self) -> str:
        """In a cell.

        >>> Gain(1.234, 1.2, 1.26, "compile").said
        '×1.234 [1.200, 1.260]'
        """
        return said_gain(self.ratio, self.low, self.high)


def said_gain(ratio: float, low: float, high: float) -> str:
    """A gain with its interval, as a cell."""
    return f"×{ratio:.3f} [{low:.3f}, {high:.3f}]"


Gains = dict[tuple[str, int], dict[str, Gain]]
"""Gains of ours over other arms, by subject and batch."""


def timed(results: Results) -> Sides:
    """Every side of the factorizations under the conditions that the page tells first."""
    found: Sides = {}
    for case in (case for study in (*STUDIES, AGAINST) for case in results.of(study)):
        if case.error or conditions(case) != MAIN:
            continue
        models = case.models or (None, None)
        for timing, model in zip((case.baseline, case.variant), models, strict=True):
            took_s = time_s(timing)
            if took_s is not None:
                side = Timed(took_s, None if model is None else model.roof_s)
                found.setdefault((timing.subject, case.batch), {}).setdefault(timing.arm, side)
    return found


def gains(results: Results) -> Gains:
    """Ours over each other arm that the same subject was timed in, in pairs, as the page tells."""
    found: Gains = {}
    for case in results.of(AGAINST):
        known = case.comparison
        if case.error or known is None or conditions(case) != MAIN or case.baseline.arm != OURS:
            continue
        # The variant over the baseline is the other arm over ours: how many times as long it takes.
        gain = Gain(known.ratio, known.low, known.high, case.variant.arm)
        found.setdefault((case.variant.subject, case.batch), {})[case.variant.arm] = gain
    return found


def plain(against: Gains) -> dict[tuple[str, int], Gain]:
    """Of single convolutions the gain over cuDNN's fused one."""
    return {
        at: of[FUSED]
        for at, of in against.items()
        if FUSED in of and PATCH.fullmatch(at[0].partition(",")[0])
    }


def by_maker(of: Mapping[str, Timed]) -> dict[str, Timed]:
    """The same with the fastest of Inductor's arms as one."""
    compiled = [of[arm] for arm in INDUCTOR if arm in of]
    shown = {arm: of[arm] for arm in (OURS, FUSED) if arm in of}
    return shown | ({"inductor": min(compiled)} if compiled else {})
