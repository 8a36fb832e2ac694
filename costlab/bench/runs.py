"""What a document of measurements says of the run that it is of: noise, ceilings, verdicts, notes.

Knows neither torch nor how anything is shown.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from costlab.bench.judging import noise_floor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from costlab.bench.document import Ceilings, Measured, Measurements, Verdict


@dataclass(frozen=True, slots=True)
class Run:
    """What stood around the cases of one document.

    `noise_low` and `noise_high` are the interval of identical arms, as a ratio, and `floor` how far
    it reaches, as its logarithm; None if they were not compared. `ceilings` are FLOP/s by
    precision, bytes/s of the copies and seconds of a launch. Of `samples`, `dropped` do not count:
    the clock was held down, or others had the cores. `notes` tell what ran beside, among others.
    """

    noise_low: float | None
    noise_high: float | None
    floor: float | None
    ceilings: Mapping[str, float]
    verdicts: Mapping[str, int]
    samples: int
    dropped: int
    complete: bool
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Saving:
    """What one run says of a variant: 1 − variant / baseline, its 95 % interval, the verdict."""

    saving: float
    low: float
    high: float
    verdict: Verdict


def run_of(found: Measurements) -> Run:
    """What a document says of its own run."""
    null = found.null
    sides = [side for case in found.cases for side in (case.baseline, case.variant)]
    return Run(
        noise_low=None if null is None else null.low,
        noise_high=None if null is None else null.high,
        floor=None if null is None else noise_floor(null),
        ceilings={} if found.ceilings is None else rates_of(found.ceilings),
        verdicts=Counter(case.comparison.verdict for case in found.cases if case.comparison),
        samples=sum(len(side.samples_s) for side in sides),
        dropped=sum(len(side.dropped) for side in sides),
        complete=found.complete,
        notes=found.notes,
    )


def rates_of(ceilings: Ceilings) -> dict[str, float]:
    """Ceilings by name, in the units of `Run`."""
    return {
        **ceilings.flops_per_s,
        "copy": ceilings.copy_bytes_per_s,
        "cache": ceilings.cache_bytes_per_s,
        "launch": ceilings.launch_s,
    }


def saving_of(case: Measured) -> Saving | None:
    """What the comparison of a case says; None if there is none, or only a side with itself."""
    found = case.comparison
    alone = (case.baseline.subject, case.baseline.arm) == (case.variant.subject, case.variant.arm)
    if found is None or alone:
        return None
    return Saving(1 - found.ratio, 1 - found.high, 1 - found.low, found.verdict)
