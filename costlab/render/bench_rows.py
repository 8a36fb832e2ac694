"""The rows of measurements: each side of a case that has numbers, and what of it is explained.

Knows documents, neither columns nor text layout.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isfinite
from statistics import median
from typing import TYPE_CHECKING

from costlab.bench.roofs import beaten, beats

if TYPE_CHECKING:
    from costlab.bench.document import Explanation, Measured, Measurements, Model, Timing

PARTS = ("mac", "memory", "passes", "waves", "launch", "residual")
TENTHS = 1000
"""Tenths of a percentage point in a whole."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One row: a side of a case.

    `alone` is whether there is nothing to compare it with, `outer` whether no baseline stands over
    it.
    """

    case: Measured
    side: Timing
    is_baseline: bool
    alone: bool = False
    outer: bool = False

    @property
    def depth(self) -> int:
        """How far it stands in: a variant stands under its baseline."""
        return 0 if self.is_baseline or self.alone or self.outer else 1

    @property
    def model(self) -> Model | None:
        """What it should take."""
        return self.case.models[0 if self.is_baseline else 1] if self.case.models else None

    @property
    def time_s(self) -> float | None:
        """The median of its samples that count."""
        return median(self.side.counted_s) if self.side.counted_s else None

    @property
    def is_above_its_roof(self) -> bool:
        """Whether it ran faster than the ceilings allow, by more than they are uncertain."""
        return beats(self.model, self.side)

    @property
    def compares(self) -> bool:
        """Whether what the comparison says stands in this row."""
        return self.case.comparison is not None and not self.is_baseline and not self.alone


def entries(found: Measurements) -> list[Entry]:
    """The sides of all cases that were measured, each baseline before its variant.

    A failure prints no speed, nor does the side that could not be compared with it, nor what was
    timed while others had the cores.
    """
    rows = []
    for case in found.cases:
        if case.error or case.is_drowned:
            continue
        baseline, variant = case.baseline, case.variant
        alone = (baseline.subject, baseline.arm) == (variant.subject, variant.arm)
        if baseline.samples_s and not alone:
            rows.append(Entry(case, baseline, is_baseline=True))
        if variant.samples_s:
            rows.append(Entry(case, variant, is_baseline=False, alone=alone))
    return rows


def explained(found: Measurements) -> list[Entry]:
    """The variants whose saving is explained, with parts in whole tenths that still add up.

    What is no verdict is not explained, nor what ran above its roof, nor one model in
    two arms, which saves no multiply-adds: its parts would be noise, or a single one.
    """
    return [
        replace(row, case=replace(row.case, explanation=tenths(row.case.explanation)), outer=True)
        for row in entries(found)
        if row.compares
        and row.case.explanation is not None
        and isfinite(row.case.explanation.saving)
        and not unexplained(row)
    ]


def unexplained(row: Entry) -> str:
    """Why the saving of a variant is not told in parts; empty if it is."""
    case = row.case
    if case.comparison is None or case.comparison.verdict == "AMBIGUOUS":
        return "there is no verdict"
    if beaten(case):
        return "a side ran above its roof"
    if (case.baseline.subject, case.baseline.macs) == (case.variant.subject, case.variant.macs):
        return "both sides are one model in two arms: no multiply-adds are saved"
    return ""


def tenths(exact: Explanation) -> Explanation:
    """The explanation in whole tenths of a percentage point, whose sum is the rounded saving.

    What rounding leaves is in the residual, which is the measured one: the others are the same for
    the same pair.
    """
    whole = {part: round(getattr(exact, part) * TENTHS) for part in PARTS[:-1]}
    whole[PARTS[-1]] = round(exact.saving * TENTHS) - sum(whole.values())
    return replace(exact, **{part: count / TENTHS for part, count in whole.items()})
