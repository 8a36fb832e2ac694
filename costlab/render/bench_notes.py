"""What stands under a table of measurements: what was measured where, how well, and what it says.

Knows documents, not text layout.
"""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING

from costlab.bench.judging import FLOOR, noise_floor, reach
from costlab.bench.roofs import impossible
from costlab.bench.study import threads_of
from costlab.render.bench_cases import alike, failed, of_comparisons, throttled, unlike
from costlab.render.bench_rows import entries
from costlab.units import scale_bytes, scale_count, seconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from costlab.bench.document import Ceilings, Comparison, Measurements
    from costlab.render.bench_rows import Entry

NAMES = ("device", "gpu", "cpu")
HEADING = (*NAMES, "threads", "driver", "python", "torch", "triton", "cuda", "cudnn")
"""What of the environment stands under a table, in this order; the document holds all of it."""
UNCOMPARED = "Identical arms could not be compared: "
"""How the note begins on why there is no noise floor; of a case that fails, its own note tells."""
SAVING = (
    "saving: 1 − variant / baseline, of MACs and of time, by the geometric mean of the ratios of "
    "pairs that were timed in turn (medians show what a call took)"
)
INTERVAL = "its interval is of the noise within this run: another run may lie outside of it"
FLOOR_IS_UNKNOWN = "the noise floor is not known: identical arms could not be compared"


def told(found: Measurements) -> Iterator[str]:
    """The notes: where, how noisy, how fast the machine is, what the columns say, what failed."""
    where = _where(found.environment)
    if where:
        yield f"Measured on {where}."
    if found.null is not None:
        yield _noise(found.null)
    if found.ceilings is not None:
        yield _ceilings(found.ceilings)
    yield from _legend(entries(found))
    yield from unlike(found)
    yield from _own(found)
    yield from of_comparisons(found)
    yield from failed(found)
    yield from throttled(found)


def warned(found: Measurements) -> tuple[str, ...]:
    """What a reader must not overlook."""
    warnings = []
    if not found.complete:
        warnings.append(
            "the study is not complete; what is kept by --out FILE can be gone on with by --resume"
        )
    if found.null is None and found.cases:
        warnings.append(FLOOR_IS_UNKNOWN)
    elif found.null is not None and not found.null.low <= 1 <= found.null.high:
        warnings.append(
            "identical arms differ by more than their interval: something else was measured too"
        )
    drowned = [
        case
        for case in found.cases
        if case.comparison and _drowned(case.comparison, found.session_of(case).null)
    ]
    if drowned:
        compared = sum(case.comparison is not None for case in found.cases)
        warnings.append(
            f"the noise floor hides {len(drowned)} of {compared} differences (AMBIGUOUS); measure "
            "again when nothing else runs, or for longer (--minutes)"
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


def _drowned(found: Comparison, null: Comparison | None) -> bool:
    """Whether a comparison is AMBIGUOUS for no more than the noise of identical arms."""
    low, high = log(found.low), log(found.high)
    clear = low > FLOOR or high < -FLOOR
    return found.verdict == "AMBIGUOUS" and clear and not max(low, -high) > noise_floor(null)


def threads_told(environment: Mapping[str, object]) -> list[str]:
    """The threads of a CPU in words, as a verdict depends on them; nothing if they are not known.

    >>> threads_told({"device": "cpu", "threads": 1}), threads_told({"device": "cuda"})
    (['1 thread'], [])
    """
    threads = threads_of(environment)
    return [] if threads is None else [f"{threads} thread{'' if threads == 1 else 's'}"]


def _legend(rows: Sequence[Entry]) -> Iterator[str]:
    """What the columns are that do not say it themselves: of those that are shown."""
    parts = []
    if any(row.compares for row in rows):
        parts = [SAVING, INTERVAL]
    if any(row.compares and row.side.macs != row.case.baseline.macs for row in rows):
        parts.append("realised: the saving in time over that in MACs")
    if any(row.model for row in rows):
        bytes_alone = any(row.model and not row.model.roof_s for row in rows)
        besides = " (of what has no products, the time of its bytes alone)" * bytes_alone
        parts.append(
            f"of roof: the roofline's time{besides}, by the ceilings of its own run, over the "
            "median"
        )
    if any(row.model and row.model.binds == "none" and not row.is_above_its_roof for row in rows):
        parts.append("bound by none: all that is modelled comes to far less than the time")
    if parts:
        yield f"{'; '.join(parts)}."


def _own(found: Measurements) -> Iterator[str]:
    """The notes of the run; why no arm could be compared with itself, if no case says the same."""
    failures = {alike(case.error) for case in found.cases if case.error}
    for note in found.notes:
        if not (note.startswith(UNCOMPARED) and alike(note.removeprefix(UNCOMPARED)) in failures):
            yield note


def _where(environment: Mapping[str, object]) -> str:
    parts = []
    titled = ("threads",) if threads_told(environment) else ()
    for key in HEADING:
        if key in titled:
            continue
        value = environment.get(key)
        if isinstance(value, str | int | float) and not isinstance(value, bool) and value != "":
            parts.append(str(value) if key in NAMES else f"{key} {value}")
    policy = environment.get("clocks")
    if isinstance(policy, str) and policy:
        parts.append(f"clocks: {policy}")
    return ", ".join(dict.fromkeys(parts))


def _noise(null: Comparison) -> str:
    return (
        f"Noise floor: {reach(noise_floor(null))}. Savings between these two are not told from "
        f"none: identical arms, timed against each other ({null.pairs} pairs), differ by as much."
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
