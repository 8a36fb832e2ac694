"""The tables of a GPU's page: savings by arm, explanations, predictions, networks, counters."""

from __future__ import annotations

from math import fsum
from typing import TYPE_CHECKING, Any

from costlab.bench import study
from costlab.render.bench_rows import PARTS, tenths
from costlab.units import percent, ratio, seconds
from docs.gpu_results import MAIN, conditions, family, mac_saving, place, time_s
from docs.gpu_words import NOTHING, points, saving
from docs.parts import table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from costlab.bench.document import Measured
    from docs.gpu_results import Results

ARMS = study.ARMS
NOT_YET = "Not yet measured."


def families(results: Results) -> list[str]:
    """A section for each factorization: savings, then why."""
    parts: list[str] = []
    for kind in dict.fromkeys(map(family, results.main)):
        own = [case for case in results.main if family(case) == kind]
        parts += [f"### {kind}", savings(own), explanations(own)]
    return parts or [NOT_YET]


def others(results: Results) -> list[str]:
    """The savings under each of the other conditions."""
    parts: list[str] = []
    rest = [case for case in results.compared if conditions(case) != MAIN]
    for one in dict.fromkeys(map(conditions, rest)):
        own = [case for case in rest if conditions(case) == one]
        parts += [f"### {', '.join(one)}", savings(own, named=True)]
    return parts or [NOT_YET]


def savings(cases: Sequence[Measured], *, named: bool = False) -> str:
    """A row a place and batch: the saving by multiply-adds, and in time in each arm."""
    arms = [arm for arm in ARMS if any(case.variant.arm == arm for case in cases)]
    rows = []
    for pair, batch in sorted({(c.pair, c.batch) for c in cases}, key=_order(cases)):
        own = {c.variant.arm: c for c in cases if (c.pair, c.batch) == (pair, batch)}
        first = next(iter(own.values()))
        cells = [saving_of(own[arm]) if arm in own else NOTHING for arm in arms]
        rows.append((pair if named else place(first), batch, points(mac_saving(first)), *cells))
    titles = ("where", "batch", "multiply-adds", *(f"`{arm}`" for arm in arms))
    return table(titles, rows)


def saving_of(case: Measured) -> str:
    """What a case saves, as a cell."""
    return NOTHING if case.comparison is None else saving(case.comparison)


def _order(cases: Sequence[Measured]) -> Any:
    pairs = list(dict.fromkeys(case.pair for case in cases))
    return lambda found: (pairs.index(found[0]), found[1])


def explanations(cases: Sequence[Measured]) -> str:
    """A row a case: the parts of its saving, which add up, and what binds either side."""
    rows = []
    for case in sorted(cases, key=lambda c: (ARMS.index(c.variant.arm), place(c), c.batch)):
        if case.explanation is None or case.models is None:
            continue
        parts = tenths(case.explanation)
        realised = case.explanation.realised
        rows.append(
            (
                place(case),
                f"`{case.variant.arm}`",
                case.batch,
                *(points(getattr(parts, part)) for part in PARTS),
                points(parts.saving),
                NOTHING if realised is None else ratio(realised),
                " → ".join(dict.fromkeys(model.binds for model in case.models)),
            )
        )
    if not rows:
        return "Not explained: it takes ceilings measured in the same run."
    named = ("multiply-adds", "memory", "passes", "waves", "launch", "rest")
    titles = ("where", "arm", "batch", *named, "= saving", "realised", "binds")
    return table(titles, rows, numeric_from=2, text_from=len(titles) - 1)


def whole(results: Results, study: str) -> str:
    """A row a network or block, batch and arm: what it takes, and saves over another arm."""
    rows = []
    for case in results.of(study):
        if case.error or case.comparison is None:
            continue
        before, after = time_s(case.baseline), time_s(case.variant)
        rows.append(
            (
                case.pair,
                f"`{case.variant.arm}`",
                case.batch,
                f"`{case.baseline.arm}`",
                NOTHING if before is None else seconds(before),
                NOTHING if after is None else seconds(after),
                saving(case.comparison),
            )
        )
    if not rows:
        return NOT_YET
    titles = ("what", "arm", "batch", "over", "which takes", "it takes", "saving, %")
    return table(titles, sorted(rows, key=lambda row: (row[2], row[1])), numeric_from=2)


def counters(results: Results) -> str:
    """A row a side: what its kernels did, by hardware counters, each weighed by its time."""
    rows = []
    for name, side in results.counted.get("sides", {}).items():
        kernels = [one for one in side.get("kernels", ()) if one.get("time_s")]
        if not kernels:
            continue
        taken_s = fsum(one["time_s"] for one in kernels)
        moved = fsum((one["read_bytes"] or 0) + (one["written_bytes"] or 0) for one in kernels)
        rows.append(
            (
                name,
                len(kernels),
                seconds(taken_s),
                f"{moved / 1e6:.1f} MB",
                f"{moved / taken_s / 1e9:.0f} GB/s",
                *(_weighed(kernels, what) for what in ("memory", "tensor_pipe", "occupancy")),
            )
        )
    if not rows:
        return NOT_YET
    shares = ("memory busy", "tensor pipe busy", "warps resident")
    return table(("side", "kernels", "under ncu", "moved", "rate", *shares), rows)


def busy(results: Results, side: str) -> str:
    """What the counters say of a side's kernels in a few words; "" if it was not counted."""
    found = results.counted.get("sides", {}).get(side, {})
    kernels = [one for one in found.get("kernels", ()) if one.get("time_s")]
    if not kernels:
        return ""
    named = {"memory": "memory", "tensor_pipe": "tensor pipe", "occupancy": "warps resident"}
    return ", ".join(f"{name} {_weighed(kernels, what)}" for what, name in named.items())


def _weighed(kernels: Iterable[dict[str, Any]], what: str) -> str:
    known = [one for one in kernels if one.get(what) is not None]
    if not known:
        return NOTHING
    whole_s = fsum(one["time_s"] for one in known)
    return percent(fsum(one[what] * one["time_s"] for one in known) / whole_s)
