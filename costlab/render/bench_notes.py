"""What stands under a table of measurements: what was measured where, how well, and what not.

Knows documents, not text layout.
"""

from __future__ import annotations

import re
from math import log
from statistics import median
from typing import TYPE_CHECKING

from costlab.bench.judging import FLOOR, noise_floor, reach
from costlab.bench.plan import POWER_CAP
from costlab.bench.roofs import impossible
from costlab.render.bench_columns import entries
from costlab.units import percent, scale_bytes, scale_count, seconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from costlab.bench.document import Ceilings, Comparison, Measured, Measurements

NAMED = 3
"""Failed cases that are named; the others are counted."""
SETS = re.compile(r", \d+ sets")
FIGURES = re.compile(r"[-+]?\d[\d.,e-]*")
NAMES = ("device", "gpu", "cpu")
HEADING = (*NAMES, "threads", "driver", "python", "torch", "triton", "cuda", "cudnn")
"""What of the environment stands under a table, in this order; the document holds all of it."""


def told(found: Measurements) -> Iterator[str]:
    """The notes: where, how noisy, how fast the machine is, what the columns say, what failed."""
    where = _where(found.environment)
    if where:
        yield f"Measured on {where}."
    if found.null is not None:
        yield _noise(found.null)
    if found.ceilings is not None:
        yield _ceilings(found.ceilings)
    if any(case.comparison for case in found.cases):
        yield (
            "saving: 1 − variant / baseline, of MACs and of time, by the geometric mean of the "
            "ratios of pairs that were timed in turn (medians show what a call took); "
            "realised: the saving in time over that in MACs; of roof: the "
            "roofline's time, from the ceilings above, over the median."
        )
    yield from _said(found)
    yield from found.notes
    yield from _stopped(found)
    yield from _failed(found)
    yield from _throttled(found)


def warned(found: Measurements) -> tuple[str, ...]:
    """What a reader must not overlook."""
    warnings = []
    if not found.complete:
        warnings.append(
            "the study is not complete; what is kept by --out FILE can be gone on with by --resume"
        )
    if found.null is None and found.cases:
        warnings.append("identical arms were not compared: the noise floor is not known")
    elif found.null is not None and not found.null.low <= 1 <= found.null.high:
        warnings.append(
            "identical arms differ by more than their interval: something else was measured too"
        )
    drowned = [case for case in found.cases if case.comparison and _drowned(case.comparison, found)]
    if drowned:
        compared = sum(case.comparison is not None for case in found.cases)
        warnings.append(
            f"noise floor {reach(noise_floor(found.null))}: identical arms differ by as much here, "
            f"which hides {len(drowned)} of {compared} differences (AMBIGUOUS); measure again when "
            "nothing else runs, or for longer (--minutes)"
        )
    above = sum(row.is_above_its_roof for row in entries(found))
    if above:
        warnings.append(
            f"{above} of the sides ran above their roof: the ceilings were measured in a slow "
            "moment, or are lower than what this machine can do, so that nothing is said of what "
            "binds these sides, nor of why they save what they save"
        )
    if found.ceilings is not None and impossible(found.ceilings):
        warnings.append(
            "a copy within the cache came out slower than one through memory: the ceilings were "
            "measured in a slow moment, and shares of the roof say little"
        )
    return tuple(warnings)


def _drowned(found: Comparison, of: Measurements) -> bool:
    """Whether a comparison is AMBIGUOUS for no more than the noise of identical arms."""
    low, high = log(found.low), log(found.high)
    clear = low > FLOOR or high < -FLOOR
    return found.verdict == "AMBIGUOUS" and clear and not max(low, -high) > noise_floor(of.null)


def _said(found: Measurements) -> Iterator[str]:
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
            where = "" if len(told) == 1 else f" ({_some(list(dict.fromkeys(sides)))})"
            yield f"{title}: {text}{where}."


def _kind(text: str) -> str:
    """A text without its number of sets, in which sides differ that are rotated alike.

    >>> _kind("inputs and weights, 546 sets"), _kind("conv3: 5 groups")
    ('inputs and weights', 'conv3: 5 groups')
    """
    return SETS.sub("", text)


def _where(environment: Mapping[str, object]) -> str:
    parts = []
    for key in HEADING:
        value = environment.get(key)
        if isinstance(value, str | int | float) and not isinstance(value, bool) and value != "":
            parts.append(str(value) if key in NAMES else f"{key} {value}")
    policy = environment.get("clocks")
    if isinstance(policy, str) and policy:
        parts.append(f"clocks: {policy}")
    return ", ".join(dict.fromkeys(parts))


def _noise(null: Comparison) -> str:
    bounds = f"{(1 - null.high) * 100:+.1f} to {(1 - null.low) * 100:+.1f} %"
    return (
        f"Identical arms, timed against each other, save {bounds}: less than that is noise "
        f"({null.pairs} pairs)."
    )


def _ceilings(found: Ceilings) -> str:
    rates = ", ".join(
        f"{name} {scale_count(round(rate), unit='FLOP/s')}"
        for name, rate in found.flops_per_s.items()
    )
    node = (
        "" if found.graph_node_s is None else f", a node of a graph {seconds(found.graph_node_s)}"
    )
    return (
        f"Ceilings, measured in this run: {rates}; copy {_rate(found.copy_bytes_per_s)}, within "
        f"the last-level cache of {scale_bytes(found.cache_bytes)} {_rate(found.cache_bytes_per_s)}"
        f"; a launch {seconds(found.launch_s)}{node}."
    )


def _rate(bytes_per_s: float) -> str:
    return str(scale_count(round(bytes_per_s), unit="B/s"))


def _stopped(found: Measurements) -> Iterator[str]:
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
    reasons: dict[tuple[str, str], list[str]] = {}
    for comparison in compared:
        if comparison.reason:
            alike = FIGURES.sub("#", comparison.reason)  # the same but for its figures
            reasons.setdefault((comparison.verdict, alike), []).append(comparison.reason)
    for (verdict, _), told in reasons.items():
        such = ", such as" * (len(set(told)) > 1)
        yield f"{verdict}, {len(told)} of {len(compared)}{such}: {told[0]}."


def _pulled(case: Measured) -> bool:
    """Whether the medians of both sides contradict the interval of their ratio."""
    if case.comparison is None:
        return False
    ratio = median(case.variant.counted_s) / median(case.baseline.counted_s)
    return not case.comparison.low <= ratio <= case.comparison.high


def _failed(found: Measurements) -> Iterator[str]:
    reasons: dict[str, list[str]] = {}
    for case in found.cases:
        if case.error:
            reasons.setdefault(case.error.rstrip("."), []).append(case.key)
    for reason, keys in reasons.items():
        yield f"Not measured: {_some(keys)}: {reason}."


def _throttled(found: Measurements) -> Iterator[str]:
    reasons: dict[str, list[str]] = {}
    for case in found.cases:
        for reason in case.throttled:
            reasons.setdefault(reason, []).append(case.key)
    for reason, keys in reasons.items():
        beside = "; ratios hold, as both sides met it in turn, absolute times do not" * (
            reason == POWER_CAP
        )
        yield f"The clock was held down ({reason}) in {_some(keys)}{beside}."
    sides = [side for case in found.cases for side in (case.baseline, case.variant) if side.dropped]
    if sides:
        yield (
            f"Of {len(sides)} sides, {sum(len(side.dropped) for side in sides)} of "
            f"{sum(len(side.samples_s) for side in sides)} samples do not count, neither in a "
            "median nor in a ratio: the clock was held down, or too low, or other processes had "
            "the cores, while they were taken."
        )


def _some(keys: Sequence[str]) -> str:
    """A few keys by name, and how many more there are.

    >>> _some(["a", "b"]), _some(["a", "b", "c", "d", "e"])
    ('a; b', 'a; b; c and 2 more')
    """
    more = f" and {len(keys) - NAMED} more" if len(keys) > NAMED else ""
    return "; ".join(keys[:NAMED]) + more
