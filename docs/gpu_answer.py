"""The short answer of a GPU's page: when factorizing pays, when not, and what to do.

Every sentence is chosen, and every number computed, from what was measured.
"""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from costlab.units import ratio
from docs.gpu_results import MAIN, family, mac_saving, realised, time_s, time_saving
from docs.gpu_words import NOTHING, points
from docs.parts import listed, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from costlab.bench.document import Measured
    from docs.gpu_results import Results

NOT_YET = "Not yet measured."
LARGE = 32
"""Batches from here on are called large."""
FULL, HALF = 0.9, 0.5


def answer(results: Results) -> list[str]:
    """The paragraphs."""
    cases = [case for case in results.main if mac_saving(case) > 0]
    if not cases:
        return [NOT_YET]
    large = [case for case in cases if case.batch >= LARGE]
    single = [case for case in cases if case.batch == 1]
    said = [
        f"All of this in {MAIN[0]}, channels last, inputs not in the cache.",
        *_pays(large, f"From batch {LARGE} on"),
        *_pays(single, "For a single image"),
        *_advice(large),
        *_binds(cases),
    ]
    return ["\n".join(f"- {one}" for one in said[1:]), said[0], _counted(cases)]


def _pays(cases: Sequence[Measured], when: str) -> Iterator[str]:
    if not cases:
        yield f"{when}: not yet measured."
        return
    kinds: dict[str, list[Measured]] = {}
    for case in cases:
        kinds.setdefault(family(case), []).append(case)
    pays = [kind for kind, own in kinds.items() if _all(own, "FASTER")]
    costs = [kind for kind, own in kinds.items() if _all(own, "SLOWER")]
    mixed = [kind for kind in kinds if kind not in {*pays, *costs}]
    parts = []
    if pays:
        parts.append(f"{listed(pays)} saved time wherever it was measured")
    if costs:
        parts.append(f"{listed(costs)} cost time wherever it was measured")
    if mixed:
        parts.append(f"for {listed(mixed)} it depends on arm, grid and width")
    got = realised(list(cases))
    fraction = ""
    if got is not None:
        kept = f"realised {ratio(got)} of its promise" if got > 0 else "took longer instead"
        fraction = f"; the median case {kept}"
    yield f"{when}: {'; '.join(parts)}{fraction}."


def _all(cases: Sequence[Measured], verdict: str) -> bool:
    return all(case.comparison is not None and case.comparison.verdict == verdict for case in cases)


def _advice(cases: Sequence[Measured]) -> Iterator[str]:
    """Which arm to run a factorized network in, by what each realises of the same pairs."""
    arms: dict[str, list[Measured]] = {}
    for case in cases:
        arms.setdefault(case.variant.arm, []).append(case)
    had = [{(case.pair, case.batch) for case in own} for own in arms.values()]
    common = set.intersection(*had) if had else set()
    got = {
        arm: realised([case for case in own if (case.pair, case.batch) in common])
        for arm, own in arms.items()
    }
    known = {arm: value for arm, value in got.items() if value is not None}
    if len(known) <= 1:
        return
    best, worst = max(known, key=known.__getitem__), min(known, key=known.__getitem__)
    told = (
        "most of what multiply-adds promise arrives"
        if known[best] >= FULL
        else "a good part of what multiply-adds promise arrives"
        if known[best] >= HALF
        else "less than half of what multiply-adds promise arrives even so"
    )
    yield (
        f"What to do: run what is factorized in `{best}`, where the median case realised "
        f"{ratio(known[best])}, and not in `{worst}`, where it was {ratio(known[worst])} of the "
        f"same {len(common)} cases; {told}. The factorized sides themselves took, in the median, "
        f"{ratio(_times(arms[best], arms[worst]))} of their time in `{worst}`."
    )


def _times(cases: Sequence[Measured], others: Sequence[Measured]) -> float:
    """The median of what the factorized side takes in one arm over what it takes in another."""
    known = {(case.pair, case.batch): time_s(case.variant) for case in others}
    found = []
    for case in cases:
        here, there = time_s(case.variant), known.get((case.pair, case.batch))
        if here and there:
            found.append(here / there)
    return median(found) if found else 1.0


def _binds(cases: Sequence[Measured]) -> Iterator[str]:
    bound = [case.models[1].binds for case in cases if case.models]
    if bound:
        counts = {name: bound.count(name) for name in dict.fromkeys(sorted(bound))}
        told = ", ".join(f"{name} {count}" for name, count in counts.items())
        yield f"What binds the factorized side, by the roofline, of {len(bound)} cases: {told}."


def _counted(cases: Sequence[Measured]) -> str:
    rows = []
    for arm in dict.fromkeys(case.variant.arm for case in cases):
        for batch in sorted({case.batch for case in cases}):
            own = [case for case in cases if (case.variant.arm, case.batch) == (arm, batch)]
            if not own:
                continue
            verdicts = [case.comparison.verdict for case in own if case.comparison]
            got, best = realised(own), max(own, key=time_saving)
            rows.append(
                (
                    f"`{arm}`",
                    batch,
                    len(own),
                    *(verdicts.count(one) for one in ("FASTER", "SLOWER", "SAME", "AMBIGUOUS")),
                    NOTHING if got is None else ratio(got),
                    points(time_saving(best)),
                    best.pair,
                )
            )
    titles = ("arm", "batch", "pairs", "faster", "slower", "same", "ambiguous", "median realised")
    return table((*titles, "most saved, %", "by"), rows, text_from=len(titles) + 1)
