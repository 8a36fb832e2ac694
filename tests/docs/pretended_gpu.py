"""Results of a GPU that there is not: savings as a roofline predicts them, and a little off."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from costlab.bench.costs import price
from costlab.bench.document import Comparison, Correctness, Measured, Measurements, Timing
from costlab.bench.explain import explain
from costlab.bench.roofline import predict
from costlab.bench.studies import FACTORIZATIONS, NETWORKS
from costlab.store import save
from tests.bench.work_by_hand import H200

if TYPE_CHECKING:
    from pathlib import Path

    from costlab.bench.document import Verdict
    from costlab.bench.study import Axes, Case, Side, Study

NAME = "pretended"
OFF = 1.02
"""By how much each ratio is above what is predicted."""
ENVIRONMENT = {
    "device": "cuda",
    "gpu": "Pretended GPU",
    "driver": "1.2",
    "torch": "2.11.0",
    "clocks": "fixed-power",
    "power_limit_w": 700.0,
    "plan": {"tolerated": ["software power cap"], "clock_share": 0.5, "half_width": 0.01},
}
AXES = replace(
    FACTORIZATIONS.axes,
    batches=(1, 256),
    precisions=("bf16",),
    layouts=("nhwc",),
    finishes=("bn_relu",),
    arms=("eager", "graph", "cudnn-fused"),
    pairs=(
        "5x5 → 3x3 3x3, 35x35x64",
        "3x3 → 3x1 1x3, 35x35x64",
        "7x7 → 1x7 7x1, 17x17x192",
    ),
)
CEILINGS = replace(H200, how={})


def judged(ratio: float) -> Verdict:
    """What a ratio with an interval of one per cent would be called."""
    if 0.99 <= ratio <= 1.01:
        return "SAME"
    return "FASTER" if ratio < 1 else "SLOWER"


def compared(ratio: float, verdict: Verdict | None = None) -> Comparison:
    """A comparison with an interval of one per cent to either side."""
    return Comparison(ratio, 0.99 * ratio, 1.01 * ratio, 30, 0, verdict or judged(ratio), "precise")


def measured(case: Case) -> Measured:
    """A case as it would be measured."""
    sides = case.baseline, case.variant
    costs = [price(side.subject, case) for side in sides]
    first, second = (
        predict(cost, side.arm, case, CEILINGS) for cost, side in zip(costs, sides, strict=True)
    )
    assert first is not None
    assert second is not None
    ratio = OFF * second.total_s / first.total_s

    def timing(side: Side, macs: int, time_s: float) -> Timing:
        return Timing(
            side.subject.name,
            side.arm,
            macs,
            1,
            1,
            4096,
            (time_s, time_s),
            (1500.0, 1980.0),
            correctness=Correctness(1e-3, 1e-3, 1e-2, poisoned=True),
        )

    return case.measured(
        timing(sides[0], costs[0].macs, first.total_s),
        timing(sides[1], costs[1].macs, ratio * first.total_s),
        comparison=compared(ratio),
        models=(first, second),
        explanation=explain((costs[0].macs, costs[1].macs), (first, second), ratio),
        throttled=("software power cap",),
    )


def document(study: Study, axes: Axes) -> Measurements:
    """A study as it would be measured."""
    cases = tuple(measured(case) for case in study.cases(axes))
    return Measurements(study.name, ENVIRONMENT, cases, CEILINGS, compared(1.0), complete=True)


def write(folder: Path, *, networks: bool = False) -> Path:
    """A folder of results, with networks or without."""
    here = folder / NAME
    here.mkdir()
    factorizations = document(FACTORIZATIONS, AXES)
    save(factorizations, here / "factorizations.json")
    twice = [
        replace(case, variant=case.baseline, comparison=compared(1.0), explanation=None)
        for case in factorizations.cases[:2]
    ]
    reference = replace(factorizations, study="identical-arms", cases=tuple(twice))
    save(reference, here / "identical-arms.json")
    if networks:
        axes = replace(
            NETWORKS.axes,
            batches=(1,),
            precisions=("bf16",),
            layouts=("nhwc",),
            arms=("eager", "graph"),
            pairs=("googlenet",),
        )
        save(document(NETWORKS, axes), here / "networks.json")
    return here
