"""The goals of our own kernels on a GPU's page: figures from results, met or not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from costlab.bench.document import Comparison, Measured, Measurements, Model, Timing
from docs import gpu_kernels
from docs.gpu_results import Results
from docs.gpu_tables import NOT_YET

ENVIRONMENT = {"device": "cuda", "gpu": "NVIDIA H200"}


def side(subject: str, arm: str, microseconds: float) -> Timing:
    """A side that takes so long in each of four samples."""
    return Timing(subject, arm, 0, 0, 0, 0, samples_s=(microseconds * 1e-6,) * 4)


def case(baseline: Timing, variant: Timing, batch: int, roofs_us: tuple[float, float]) -> Measured:
    """A comparison in bf16, NHWC, cold, of sides with these roofs."""
    models = [Model(roof * 1e-6, 0.0, 0.0, 1.0, 0.0, "compute") for roof in roofs_us]
    ratio = variant.samples_s[0] / baseline.samples_s[0]
    return Measured(
        f"{baseline.subject} {variant.arm} {batch}",
        "inception_v3" if "inception" in variant.subject else variant.subject,
        batch,
        "bf16",
        "nhwc",
        "bn_relu",
        "cold",
        baseline,
        variant,
        comparison=Comparison(ratio, 0.99 * ratio, 1.01 * ratio, 30, 0, "FASTER", "precise"),
        models=(models[0], models[1]),
    )


def results(ours_us: float = 30, network_us: float = 900) -> Results:
    """A convolution and the showcase in three arms, and the network in two."""
    pair, plain = "3x1 1x3, 35x35x64", "3x3, 35x35x64"
    cases = tuple(
        case(side(plain, arm, before), side(pair, arm, after), 256, (25, roof))
        for arm, before, after, roof in (
            ("ours", 40, ours_us, 19.6),
            ("cudnn-fused", 38, 45, 37.4),
            ("compile", 50, 60, 37.4),
        )
    )
    whole = case(
        side("inception_v3", "autotune-graph", 1000),
        side("inception_v3", "best-blocks", network_us),
        1,
        (50, 50),
    )
    counted = {"time_s": 1e-6, "memory": 0.81, "tensor_pipe": 0.3, "occupancy": 0.5}
    return Results(
        "pretended",
        {
            "factorizations": Measurements("factorizations", ENVIRONMENT, cases),
            "networks": Measurements("networks", ENVIRONMENT, (whole,)),
        },
        counted={"sides": {f"{pair} · ours · b256": {"kernels": [counted]}}},
    )


def test_goals_that_are_met() -> None:
    """45 µs by 30 is 1.5 times; 38 by 40 is 0.95, and nowhere more than 1; 1000 by 900 is 1.11."""
    found = results()
    showcase, plain, network = gpu_kernels.goals(found, gpu_kernels.timed(found))
    assert (showcase.figure, showcase.met) == ("×1.50 over `cudnn-fused`", True)
    assert plain.figure.startswith("×0.95 (3x3, 35x35x64, batch 256)")
    assert plain.met is False
    assert (network.figure, network.met) == ("×1.111 [1.100, 1.122]", True)


def test_goals_that_are_not_met() -> None:
    """They stay, with what the counters say; a gain within its interval is none."""
    found = results(ours_us=40, network_us=995)
    showcase, _, network = gpu_kernels.goals(found, gpu_kernels.timed(found))
    assert showcase.met is False
    assert showcase.why == "memory 81.0 %, tensor pipe 30.0 %, warps resident 50.0 %"
    assert network.met is False
    assert "| **no** | memory 81.0 %" in "\n".join(gpu_kernels.section(found))


def test_shares_of_a_roof() -> None:
    """One roof a row, that of the fused pair: 19.6 µs by 30, by 45, and by Inductor's 60."""
    text = gpu_kernels.shares(gpu_kernels.timed(results()))
    (row,) = [line for line in text.splitlines() if line.startswith("| 3x1 1x3")]
    assert row == "| 3x1 1x3, 35x35x64 | 256 | 19.6 µs | 65.3 % | 43.6 % | 32.7 % |"


def test_nothing_measured() -> None:
    """Without results each goal says so, and none is met."""
    nothing = Results("empty", {})
    assert {goal.figure for goal in gpu_kernels.goals(nothing, {})} == {NOT_YET}
    assert {goal.met for goal in gpu_kernels.goals(nothing, {})} == {None}
    assert gpu_kernels.section(nothing)[-1].endswith("not yet measured.")


@pytest.mark.parametrize(
    "other", [{"precision": "tf32"}, {"layout": "nchw"}, {"regime": "warm"}], ids=str
)
def test_other_conditions_do_not_count(other: dict[str, Any]) -> None:
    """Only what was measured under the conditions that the page tells first."""
    document = results().documents["factorizations"]
    cases = tuple(replace(one, **other) for one in document.cases)
    changed = Results("other", {"factorizations": replace(document, cases=cases)})
    assert gpu_kernels.timed(changed) == {}
