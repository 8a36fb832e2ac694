"""What the steps of a GPU study take: by what was measured, until then by a guess.

Imports no torch. Knows neither files nor processes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks._gpu_parts import Slice
    from costlab.bench.study import Case

CHECKS_S, SANITIZED_S, NULL_S, COUNTED_S = 140.0, 75.0, 60.0, 15.0
"""What the tests, what is left of the sanitizer, the ceilings with the identical arms, and a side
under ncu are taken to last."""
ARM_S: dict[str, float] = {
    "eager": 3.0,
    "graph": 3.5,
    "compile": 12.0,
    "compile-autotune": 90.0,
    "cudnn-fused": 3.0,
    "autotune-graph": 60.0,
    "ours": 15.0,  # of which most is to choose tilings, until there is no more time for that
    "best-blocks": 60.0,
}
"""What a case of an arm is taken to last until some were measured."""
LONGER = {"blocks": 1.2, "networks": 2.5}


def estimate_s(piece: Slice, cases: Iterable[Case], pace: dict[str, tuple[int, float]]) -> float:
    """Seconds that cases will take: by what those of their study and arm took, else by a guess."""
    total = 0.0
    for case in cases:
        count, taken_s = pace.get(pace_key(case), (0, 0.0))
        guess_s = ARM_S[case.variant.arm] * LONGER.get(case.study, 1.0)
        if case.variant.subject.training:
            guess_s *= 2
        total += taken_s / count if count else guess_s + 2 * piece.plan.energy_s
    return total


def pace_key(case: Case) -> str:
    """What cases that take about as long have in common."""
    step = " training" * case.variant.subject.training
    return f"{case.study} {case.variant.arm}{step}"
