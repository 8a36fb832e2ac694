"""Two documents of measurements side by side: the same cases, and what differs around them.

Knows neither torch nor how anything is shown.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import exp, hypot, log
from statistics import fmean, median, stdev
from typing import TYPE_CHECKING, Any, Literal

from costlab.bench.judging import FLOOR
from costlab.bench.runs import Run, Saving, run_of, saving_of
from costlab.bench.saved import plain
from costlab.bench.study import threads_of, with_threads
from costlab.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from costlab.bench.document import Measured, Measurements, Timing

SCHEMA = "costlab.contrast/1"
RESAMPLES = 1000
TAILS = (0.025, 0.975)
_LEAST = 2
SAMPLES_A_BLOCK = 2
"""Of one side: a block is two samples of either."""
SPREADS = 2
"""Standard deviations within which nearly all lies."""

Difference = Literal["less", "more", "within the noise"]
"""What a second run takes, or saves, beside a first: a word where it is a number of the noise."""


@dataclass(frozen=True, slots=True)
class Contrasted:
    """A side of a case in both documents: medians in seconds, and second over first.

    `low` and `high` are the 95 % interval of the ratio by bootstrap of either's samples; None if
    one has fewer than two. It covers the noise within each run, not what differs between runs.
    `difference` is whether that interval clears the noise floors of both runs together, and how
    far the side's own blocks of samples wandered within either run.
    """

    case: str
    subject: str
    arm: str
    first_s: float
    second_s: float
    low: float | None
    high: float | None
    difference: Difference

    @property
    def ratio(self) -> float:
        """Second over first: 0.8 is a fifth faster."""
        return self.second_s / self.first_s


@dataclass(frozen=True, slots=True)
class Savings:
    """What either run says of the variant of a case; `difference` is how much the second saves.

    It is one only if the intervals of both are apart by more than the noise floors together.
    """

    case: str
    subject: str
    arm: str
    first: Saving
    second: Saving
    difference: Difference

    @property
    def agree(self) -> bool:
        """Whether both runs come to one verdict."""
        return self.first.verdict == self.second.verdict


@dataclass(frozen=True, slots=True)
class Contrast:
    """What two documents have in common, and what only one of them has.

    `runs` are what the first and the second say of themselves; `differing` are the values of the
    environments that are not the same, by dotted keys.
    """

    study: str
    runs: tuple[Run, Run]
    sides: tuple[Contrasted, ...]
    savings: tuple[Savings, ...]
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]
    differing: Mapping[str, tuple[Any, Any]]

    def to_json(self) -> str:
        """The document as text."""
        document = {"schema": SCHEMA, **plain(asdict(self))}
        for side, saved in zip(self.sides, document["sides"], strict=True):
            saved["ratio"] = side.ratio
        for saving, saved in zip(self.savings, document["savings"], strict=True):
            saved["agree"] = saving.agree
        return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def contrast(first: Measurements, second: Measurements) -> Contrast:
    """The sides of the cases that both documents have, in the order of the first.

    A baseline that several cases share is told for each.

    Raises:
        UsageError: there is no such case.
    """
    own, others = _by_key(first), _by_key(second)
    runs = run_of(first), run_of(second)
    # Either run may be off by its own noise.
    floor = sum(FLOOR if run.floor is None else run.floor for run in runs)
    both = [(case, others[key]) for key, case in own.items() if key in others]
    sides = tuple(side for one, other in both for side in _sides(one, other, floor))
    if not sides:
        raise UsageError(
            f"no case was measured in both: the one holds {_named(first)}, the other "
            f"{_named(second)}; {_remedy(first, second)}"
        )
    return Contrast(
        first.study,
        runs,
        sides,
        tuple(saving for one, other in both for saving in _savings(one, other, floor)),
        tuple(key for key in own if key not in others),
        tuple(key for key in others if key not in own),
        differing(first.environment, second.environment),
    )


def differing(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What is not the same in two environments; None stands for what one does not have.

    >>> differing({"torch": "2.11", "flags": {"tf32": True}}, {"torch": "2.11", "flags": {}})
    {'flags.tf32': (True, None)}
    """
    here, there = dict(_flat(first)), dict(_flat(second))
    return {
        key: (here.get(key), there.get(key))
        for key in dict.fromkeys([*here, *there])
        if here.get(key) != there.get(key)
    }


def _flat(found: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in found.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value


def told(least: float, most: float, floor: float) -> Difference:
    """What may be said of an interval of the logarithm of a ratio beside a noise floor.

    >>> told(-0.3, -0.1, 0.05), told(0.01, 0.2, 0.05), told(0.06, 0.2, 0.05)
    ('less', 'within the noise', 'more')
    """
    if most < -floor:
        return "less"
    return "more" if least > floor else "within the noise"


def _savings(first: Measured, second: Measured, floor: float) -> Iterator[Savings]:
    one, other = saving_of(first), saving_of(second)
    if one is not None and other is not None:
        # Of 1 − saving, which is a ratio: what takes less, saves more.
        least, most = log((1 - one.high) / (1 - other.low)), log((1 - one.low) / (1 - other.high))
        difference = told(least, most, floor)
        yield Savings(first.key, first.variant.subject, first.variant.arm, one, other, difference)


def _sides(first: Measured, second: Measured, floor: float) -> Iterator[Contrasted]:
    pairs = [(first.variant, second.variant)]
    if (first.baseline.subject, first.baseline.arm) != (first.variant.subject, first.variant.arm):
        pairs.insert(0, (first.baseline, second.baseline))
    for one, other in pairs:
        if one.counted_s and other.counted_s:
            low, high = _interval(one, other)
            own_s, other_s = median(one.counted_s), median(other.counted_s)
            ratio = other_s / own_s
            yield Contrasted(
                first.key,
                one.subject,
                one.arm,
                own_s,
                other_s,
                low,
                high,
                told(log(low or ratio), log(high or ratio), floor + wandering(one, other)),
            )


def wandering(first: Timing, second: Timing) -> float:
    """How far two runs of one code may be apart by what its blocks show within each run.

    √(s₁² + s₂²) · 2, of the standard deviations s of the logarithms of a side's blocks. A machine
    that wanders so far within a run does so between two; an interval of a run's own mean, however
    many blocks it is of, does not say where the mean of the next will be.
    """
    return SPREADS * hypot(*(_spread(logs_of_blocks(timing)) for timing in (first, second)))


def logs_of_blocks(timing: Timing) -> list[float]:
    """The logarithm of a side's mean time in each block that counts."""
    places = range(0, len(timing.samples_s) - 1, SAMPLES_A_BLOCK)
    out = frozenset(timing.dropped)
    return [
        log(fmean(timing.samples_s[at : at + SAMPLES_A_BLOCK])) for at in places if at not in out
    ]


def _spread(blocks: Sequence[float]) -> float:
    return stdev(blocks) if len(blocks) >= _LEAST else 0.0


def _interval(first: Timing, second: Timing) -> tuple[float | None, float | None]:
    """The percentile interval of the ratio of medians, each resampled from its own samples."""
    import numpy as np

    if min(len(first.counted_s), len(second.counted_s)) < _LEAST:
        return None, None
    random = np.random.default_rng(0)

    def medians(samples: tuple[float, ...]) -> Any:
        drawn = random.integers(0, len(samples), (RESAMPLES, len(samples)))
        return np.log(np.median(np.asarray(samples)[drawn], axis=1))

    low, high = np.quantile(medians(second.counted_s) - medians(first.counted_s), TAILS)
    return exp(low), exp(high)


def _by_key(found: Measurements) -> dict[str, Measured]:
    """The cases that were measured, by what they are called, threads included."""
    threads = threads_of(found.environment)
    return {
        with_threads(case.key, threads): case
        for case in found.cases
        if not (case.error or case.is_drowned)
    }


def _remedy(first: Measurements, second: Measurements) -> str:
    """What to do where no case is common to both."""
    one, other = threads_of(first.environment), threads_of(second.environment)
    if one is None or other is None or one == other:
        return "measure the same study with the same options twice"
    return (
        f"the one was measured with {one} thread{'' if one == 1 else 's'}, the other with {other}, "
        f"and what one costs says nothing of the other: set OMP_NUM_THREADS={one} for both"
    )


def _named(found: Measurements) -> str:
    measured = sum(not case.error for case in found.cases)
    return f"{measured} case{'' if measured == 1 else 's'} of {found.study}"
