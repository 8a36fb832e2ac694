"""What was predicted before anything was measured on a GPU, beside what was measured.

Knows no other part of the page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from costlab.units import seconds
from docs.gpu_gains import OURS
from docs.gpu_predicted_kernels import fusings, gained, merged
from docs.gpu_results import MAIN, conditions, mac_saving, time_s, time_saving
from docs.gpu_tables import NOT_YET, saving_of
from docs.gpu_words import NOTHING, points
from docs.parts import listed, table
from tests.bench.predictions import AS_ONE, PREDICTIONS, REDUCTION, REDUCTIONS

if TYPE_CHECKING:
    from docs.gpu_results import Results

NEAR = 0.10
"""A prediction within ten points of the measurement is called near."""


def section(results: Results) -> list[str]:
    """All predictions."""
    return [
        *savings(results),
        "### Grid reductions",
        *reductions(results),
        "### Two convolutions as one kernel",
        *fusings(results),
        "### 1×1 convolutions merged",
        *merged(results),
        "### Kernels of our own against others",
        *gained(results),
    ]


def savings(results: Results) -> list[str]:
    """Of each factorization the saving that was predicted, beside the one that was measured."""
    rows, near, right, told = [], 0, 0, 0
    cases = {(c.pair, c.batch, c.variant.arm): c for c in results.main}
    for one in PREDICTIONS:
        pair = f"{one.before} → {one.after.replace('+', ' ')}, {one.grid}x{one.grid}x{one.width}"
        cells: list[str] = []
        for predicted, arm in ((one.fused, "cudnn-fused"), (one.eager, "graph")):
            case = cases.get((pair, one.batch, arm))
            cells += [points(predicted / 100), NOTHING if case is None else saving_of(case)]
            if case is not None:
                told += 1
                near += abs(time_saving(case) - predicted / 100) <= NEAR
                right += (time_saving(case) > 0) == (predicted > 0)
        if NOTHING not in (cells[1], cells[3]) or cells[1] != cells[3]:
            rows.append((pair, one.batch, points(one.mac / 100), *cells))
    if not rows:
        return [NOT_YET]
    unpredicted = _unpredicted(results)
    as_one = _as_one(results)
    return [
        (
            f"Of {told} predictions, {right} had the right sign and {near} were within "
            f"{NEAR * 100:.0f} points. They were made from a matrix product and a copy alone, with "
            "2 µs a kernel: the one for convolution, normalization and ReLU in a kernel, the other "
            "for a kernel each."
        ),
        table(
            (
                "pair",
                "batch",
                "multiply-adds",
                "predicted, one kernel",
                "`cudnn-fused`",
                "predicted, a kernel each",
                "`graph`",
            ),
            rows,
        ),
        *as_one,
        *([f"Of these nothing was predicted: {listed(unpredicted)}."] if unpredicted else []),
    ]


def _as_one(results: Results) -> list[str]:
    """The pair of which one kernel was predicted to save all that its multiply-adds promise."""
    return [
        (
            f"As one kernel `{case.pair}` was predicted to save as much as its multiply-adds at "
            f"batch {case.batch}, {points(mac_saving(case))}; in `{OURS}` it saves "
            f"{saving_of(case)}."
        )
        for case in results.main
        if (case.pair, case.batch, case.variant.arm) == (*AS_ONE, OURS)
    ]


def _unpredicted(results: Results) -> list[str]:
    """Factorizations that were measured and of which nothing was predicted."""
    known = {
        f"{one.before} → {one.after}, {one.grid}x{one.grid}x{one.width}" for one in PREDICTIONS
    }
    found = dict.fromkeys(
        case.pair for case in results.main if mac_saving(case) and " to " not in case.pair
    )
    return [pair for pair in found if pair not in known]


def reductions(results: Results) -> list[str]:
    """What each way to reduce a grid was predicted to take, beside what it took."""
    took = {
        (side.subject, side.arm): time_s(side)
        for case in results.of("grid-reduction")
        if conditions(case) == MAIN and case.batch == REDUCTION.batch and not case.error
        for side in (case.baseline, case.variant)
    }
    rows = []
    for one in REDUCTIONS:
        measured_s = took.get((f"{one.way}, {REDUCTION.place}", one.arm))
        if measured_s is not None:
            off = measured_s / one.predicted_s
            rows.append(
                (
                    one.way,
                    f"`{one.arm}`",
                    seconds(one.predicted_s),
                    seconds(measured_s),
                    f"×{off:.2f}",
                )
            )
    if not rows:
        return [NOT_YET]
    return [
        (
            f"{REDUCTION.place}, batch {REDUCTION.batch}, a kernel for each convolution and "
            "pooling. The last writes into slices of its output, and copies nothing. The times are "
            "medians, without an interval; the savings with theirs stand above."
        ),
        table(("way", "arm", "predicted", "measured", "over predicted"), rows, numeric_from=2),
    ]
