"""What is to be said of single cases under a table: each by the name that tells it from others.

Knows documents, not text layout.
"""

from __future__ import annotations

import re
from statistics import median
from typing import TYPE_CHECKING

from costlab.bench.judging import noise_floor, reach
from costlab.bench.plan import POWER_CAP
from costlab.bench.study import threads_of
from costlab.render.bench_columns import AXES
from costlab.render.bench_rows import entries
from costlab.units import percent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from costlab.bench.document import Comparison, Measured, Measurements

TWO = 2
NAMED = 3
"""Cases that are named; the others are counted."""
SETS = re.compile(r", \d+ sets")
FIGURES = re.compile(r"[-+]?\d[\d.,e-]*")
DROWNED = "others had the cores, or the clock was held down, in nearly all of its samples"
UNDECIDED = "the interval neither clears"
"""How the reason begins why there is no verdict, which nobody asks of a side that stands alone."""


def named(case: Measured, found: Measurements) -> str:
    """What a case is called beside the others: its variant, the arms, each axis that varies.

    What all cases share stands in the title, or is of no help here.
    """
    arms = case.variant.arm
    if case.baseline.arm != arms:
        arms = f"{case.baseline.arm}→{arms}"
    pairs = {one.pair for one in found.cases if one.variant.subject == case.variant.subject}
    parts = [case.pair if case.error or len(pairs) > 1 else case.variant.subject]
    if len({side.arm for one in found.cases for side in (one.baseline, one.variant)}) > 1:
        parts.append(arms)
    for axis in AXES:
        key = axis.column.key
        if len({getattr(one, key) for one in found.cases}) > 1:
            value = getattr(case, key)
            parts.append(f"b{value}" if key == "batch" else str(value))
    return " · ".join(parts)


def unlike(found: Measurements) -> Iterator[str]:
    """What is not the same for all sides: what rotates, the precision of training, other arms."""
    titles = {
        "rotates": "Cold: what rotates so that no cache holds it",
        "precision": "Training",
        "elsewhere": "Left to other kernels",
    }
    for name, title in titles.items():
        told: dict[str, list[str]] = {}
        for row in entries(found):
            text = row.side.how.get(name)
            if text:
                told.setdefault(_kind(text), []).append(f"{row.side.subject} {row.side.arm}")
        for text, sides in told.items():
            where = "" if len(told) == 1 else f" ({some(list(dict.fromkeys(sides)))})"
            yield f"{title}: {text}{where}."


def _kind(text: str) -> str:
    """A text without its number of sets, in which sides differ that are rotated alike.

    >>> _kind("inputs and weights, 546 sets"), _kind("conv3: 5 groups")
    ('inputs and weights', 'conv3: 5 groups')
    """
    return SETS.sub("", text)


def of_comparisons(found: Measurements) -> Iterator[str]:
    """How comparisons ended, which are contradicted by medians, and what their reasons are."""
    compared = [case.comparison for case in found.cases if case.comparison]
    late = [comparison for comparison in compared if comparison.stopped == "time limit"]
    if late:
        widest = max((comparison.high - comparison.low) / 2 for comparison in late)
        yield (
            f"{len(late)} of {len(compared)} comparisons stopped at their time limit, before the "
            f"interval was as narrow as asked; the widest is ±{percent(widest)}."
        )
    pulled = [case for case in found.cases if _pulled(case)]
    if pulled:
        yield (
            f"The ratio of the medians lies outside the interval of {len(pulled)} of "
            f"{len(compared)} comparisons, whose mean few samples pull."
        )
    yield from _reasons(found)


def _reasons(found: Measurements) -> Iterator[str]:
    """What is to be said of comparisons, whatever their verdict: once, with the cases' names.

    A side that is timed against itself has no verdict, so that only what is said of it stands here.
    Of several that differ in their figures, the one of which most was dropped is the example.
    """
    reasons: dict[tuple[str, str], list[tuple[str, str, float]]] = {}
    for row in entries(found):
        comparison = row.case.comparison
        if comparison is None or row.is_baseline or not comparison.reason:
            continue
        floor = f"the noise of {reach(noise_floor(found.session_of(row.case).null))}"
        parts = comparison.reason.replace(floor, "the noise floor").split("; ")
        verdict: str = comparison.verdict if row.compares else "timed alone"
        if not row.compares:
            parts = [part for part in parts if not part.startswith(UNDECIDED)]
        if not parts:
            continue
        reason = "; ".join(parts)
        told = reasons.setdefault((verdict, alike(reason)), [])
        told.append((named(row.case, found), reason, _lost(comparison)))
    for (verdict, _), told in reasons.items():
        name, reason, lost = max(told, key=lambda one: one[2])
        which = ""
        if len({reason for _, reason, _ in told}) > 1:
            most = lost > min(other for *_, other in told)
            which = f", of {name}, which lost most" if most else f", such as {name}"
        yield f"{some([name for name, *_ in told])} ({verdict}){which}: {reason}."


def _lost(found: Comparison) -> float:
    """Which share of its pairs a comparison dropped."""
    return found.dropped / (found.pairs + found.dropped) if found.dropped else 0.0


def _pulled(case: Measured) -> bool:
    """Whether the medians of both sides contradict the interval of their ratio."""
    if case.comparison is None:
        return False
    ratio = median(case.variant.counted_s) / median(case.baseline.counted_s)
    return not case.comparison.low <= ratio <= case.comparison.high


def failed(found: Measurements) -> Iterator[str]:
    """Which cases were not measured, and why: what differs only in its figures is told once."""
    reasons: dict[str, list[tuple[str, str]]] = {}
    for case in found.cases:
        if case.error and not case.is_drowned:
            told = reasons.setdefault(alike(case.error), [])
            told.append((named(case, found), case.error.rstrip(".")))
    for told in reasons.values():
        yield f"Not measured: {some([name for name, _ in told])}: {told[0][1]}."
    drowned = [named(case, found) for case in found.cases if case.is_drowned]
    if drowned:
        yield f"Not measured: {some(drowned)}: {DROWNED}; {remedy(found)}."


def remedy(found: Measurements) -> str:
    """What to do about cases that others drowned; on a CPU fewer threads are another way.

    A kernel that has a thread on each core waits for whoever else wants one; with a core to spare
    it does not.
    """
    threads = threads_of(found.environment)
    again = "when others are done, --out FILE and --resume measure that again"
    if threads is None or threads == 1:
        return again
    fewer = f"OMP_NUM_THREADS={threads - 1}{' or less' * (threads > TWO)}"
    return f"{again}; beside them, fewer threads ({fewer}, in another file) leave a core"


def throttled(found: Measurements) -> Iterator[str]:
    """Which cases met a clock that was held down, and how many samples do not count."""
    reasons: dict[str, list[str]] = {}
    for case in found.cases:
        for reason in case.throttled:
            reasons.setdefault(reason, []).append(named(case, found))
    for reason, keys in reasons.items():
        beside = "; ratios hold, as both sides met it in turn, absolute times do not" * (
            reason == POWER_CAP
        )
        yield f"The clock was held down ({reason}) in {some(keys)}{beside}."
    sides = [side for case in found.cases for side in (case.baseline, case.variant) if side.dropped]
    if sides:
        yield (
            f"Of {len(sides)} sides, {sum(len(side.dropped) for side in sides)} of "
            f"{sum(len(side.samples_s) for side in sides)} samples do not count, neither in a "
            "median nor in a ratio: the clock was held down, or too low, or other processes had "
            "the cores, while they were taken."
        )


def alike(text: str) -> str:
    """A text without its figures, in which two tellings of one thing may differ.

    >>> alike("differ by 0.092, relative.") == alike("differ by 0.035, relative")
    True
    """
    return FIGURES.sub("#", text.rstrip("."))


def some(keys: Sequence[str]) -> str:
    """A few keys by name, and how many more there are.

    >>> some(["a", "b"]), some(["a", "b", "c", "d", "e"])
    ('a; b', 'a; b; c and 2 more')
    """
    more = f" and {len(keys) - NAMED} more" if len(keys) > NAMED else ""
    return "; ".join(keys[:NAMED]) + more
