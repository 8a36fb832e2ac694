"""What was predicted of kernels of our own and of merging, beside what was measured.

Knows no other part of the page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from costlab.bench.kernels import outcomes
from costlab.units import seconds
from docs.gpu_gains import OURS, gains, said_gain
from docs.gpu_results import MAIN, conditions
from docs.gpu_tables import NOT_YET
from docs.gpu_words import NOTHING
from docs.parts import table
from tests.bench.predictions import FUSINGS, GAINS, MERGED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from costlab.bench.kernels.outcomes import Outcome
    from docs.gpu_results import Results
    from tests.bench.predictions import Range

ONE = "one kernel"
"""How the ways begin in which two convolutions in series are one kernel (`Tiling.way`); in all
others each has launches of its own."""


def fusings(results: Results) -> list[str]:
    """Two convolutions as one kernel against a kernel each, by what the tuner tried of both."""
    rows, told, right = [], 0, 0
    for (subject, batch), outcome in sorted(_tuned(results).items()):
        one_s, each_s = (_fastest(outcome, as_one=one) for one in (True, False))
        if one_s is None or each_s is None:
            continue
        gain = each_s / one_s
        known = FUSINGS.get((subject, batch))
        cells = [NOTHING] * 3
        if known is not None:
            expected = known.tiled or known.roof
            agrees = expected.agrees(gain)
            told, right = told + 1, right + agrees
            tiled = known.tiled.said if known.tiled else NOTHING
            cells = [known.roof.said, tiled, "yes" if agrees else "**no**"]
        took = "one kernel" if outcome.took.startswith(ONE) else outcome.took
        rows.append(
            (
                subject,
                batch,
                *cells[:2],
                seconds(one_s),
                seconds(each_s),
                f"×{gain:.2f}",
                cells[2],
                took,
            )
        )
    if not rows:
        return [NOT_YET]
    return [
        (
            f"Of {told} predictions {right} were right: on the same side of ×1, within "
            "what was predicted, or both within 5 % of ×1. The tuner times candidates as CUDA "
            "graphs on the same tensors over and over, so that these are times with a warm cache "
            "and without an interval; of each way the fastest tiling that it had the time to try. "
            "What it took is what runs in `ours`."
        ),
        table(
            (
                *("pair", "batch", "predicted at the roof", "predicted in tiles"),
                *("one kernel", "apart", "gain", "right", "taken"),
            ),
            rows,
            text_from=7,
        ),
    ]


def _tuned(results: Results) -> dict[tuple[str, int], Outcome]:
    """Of pairs in series in ours, in bf16 and channels last: what the tuner tried and took."""
    found: dict[tuple[str, int], Outcome] = {}
    for name in results.documents:
        for case in results.of(name):
            if conditions(case)[:2] != MAIN[:2]:
                continue
            for side in (case.baseline, case.variant):
                tried = outcomes.read(side.how.get("tuned", ""))
                if side.arm == OURS and len(tried) == 1 and tried[0].launch.startswith("series"):
                    found.setdefault((side.subject, case.batch), tried[0])
    return found


def _fastest(outcome: Outcome, *, as_one: bool) -> float | None:
    own = (s for way, s in outcome.times_s.items() if way.startswith(ONE) == as_one)
    return min(own, default=None)


def merged(results: Results) -> list[str]:
    """1×1 convolutions of one input as one, against each by itself: gains with their intervals."""
    rows = []
    for case in results.of("siblings"):
        known, predicted = case.comparison, MERGED.get(case.pair)
        if known is None or case.error or conditions(case) != MAIN:
            continue
        shown = [NOTHING, NOTHING]
        if predicted is not None:
            shown = [
                predicted.said,
                "yes" if predicted.holds(1 / known.high, 1 / known.low) else "**no**",
            ]
        gain = said_gain(1 / known.ratio, 1 / known.high, 1 / known.low)
        rows.append((case.pair, f"`{case.variant.arm}`", case.batch, shown[0], gain, shown[1]))
    if not rows:
        return [NOT_YET]
    return [
        (
            "How many times as fast, predicted at the roof of a full batch; right where the "
            "interval meets what was predicted."
        ),
        table(
            ("what", "arm", "batch", "predicted", "gain", "right"),
            rows,
            numeric_from=2,
            text_from=5,
        ),
    ]


def gained(results: Results) -> list[str]:
    """Kernels of our own against other arms: what was expected of them, and what they gain."""
    rows = [
        (
            subject,
            batch,
            f"`{arm}`",
            expected.said,
            gain.said,
            "yes" if expected.holds(gain.low, gain.high) else "**no**",
        )
        for (subject, batch), of in sorted(gains(results).items())
        for arm, gain in of.items()
        for expected in _expected(subject, batch, arm)
    ]
    if not rows:
        return [NOT_YET]
    return [
        (
            "How many times as fast as the other arm; right where the interval meets what was "
            "predicted."
        ),
        table(("what", "batch", "over", "predicted", "gain", "right"), rows, text_from=5),
    ]


def _expected(subject: str, batch: int, arm: str) -> Iterator[Range]:
    for one in GAINS:
        if one.arm == arm and batch in one.batches and one.subjects.fullmatch(subject):
            yield one.gain
