"""The parts of a saving add up, and each says what it is for."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costlab.bench.document import Explanation, Model
from costlab.bench.explain import explain, stages

seconds = st.floats(0, 1) | st.floats(1e-9, 1e-3)
models = st.builds(
    Model,
    compute_s=seconds,
    memory_s=seconds,
    passes_s=seconds,
    waves=st.floats(1, 100),
    floor_s=seconds,
    binds=st.just("compute"),
    uneven_s=seconds,
)
counts = st.integers(0, 10**15)
ratios = st.floats(1e-3, 1e3)

PLAIN = Model(1e-5, 5e-6, 0.0, 1.0, 0.0, "compute")


def parts(found: Explanation) -> tuple[float, ...]:
    """The six parts, in their order."""
    return found.mac, found.memory, found.passes, found.waves, found.launch, found.residual


@given(counts, counts, models, models, ratios)
def test_the_parts_add_up(
    before: int, after: int, baseline: Model, variant: Model, ratio: float
) -> None:
    """Whatever the models say, the six parts add up to the saving that was measured."""
    found = explain((before, after), (baseline, variant), ratio)
    scale = 1 + max(map(abs, parts(found)))
    assert sum(parts(found)) == pytest.approx(1 - ratio, abs=1e-12 * scale)
    assert found.saving == pytest.approx(1 - ratio, abs=1e-12 * scale)


@given(counts, models)
def test_a_variant_like_its_baseline(macs: int, model: Model) -> None:
    """What equals its baseline, in costs, model and time, explains 0 in every part."""
    assert parts(explain((macs, macs), (model, model), 1.0)) == (0, 0, 0, 0, 0, 0)


@given(counts, counts, models, models, ratios, ratios)
def test_only_the_residual_is_measured(
    before: int, after: int, baseline: Model, variant: Model, one: float, other: float
) -> None:
    """What the model explains does not depend on what was measured."""
    first, second = (explain((before, after), (baseline, variant), r) for r in (one, other))
    assert replace(first, residual=0.0) == replace(second, residual=0.0)


@pytest.mark.parametrize(
    ("part", "variant", "expected"),
    [
        # Baseline: 10 µs of arithmetic, and nothing else.
        ("mac", replace(PLAIN, compute_s=7.2e-6), 0.28),
        ("memory", replace(PLAIN, memory_s=1.2e-5), -0.2),
        ("passes", replace(PLAIN, passes_s=3e-6), -0.3),
        ("waves", replace(PLAIN, waves=1.4), -0.4),
        ("launch", replace(PLAIN, floor_s=5e-6), -0.5),
    ],
)
def test_each_effect_alone(part: str, variant: Model, expected: float) -> None:
    """A variant that differs in one effect alone is explained by that part alone."""
    macs = 1000, 720 if part == "mac" else 1000
    found = explain(macs, (PLAIN, variant), ratio=1 - expected)
    assert getattr(found, part) == pytest.approx(expected)
    others = set(parts(found)) - {getattr(found, part)}
    assert max(map(abs, others)) < 1e-12


def test_the_stages_of_a_pair() -> None:
    """Effects are added one at a time: MACs, memory, passes, waves, launches."""
    baseline = Model(10e-6, 5e-6, 2e-6, 1.1, 1e-6, "compute")
    variant = Model(6e-6, 8e-6, 4e-6, 1.5, 2e-6, "memory")
    assert stages((100, 60), (baseline, variant)) == pytest.approx(
        (1 - 60 / 100, 1 - 8 / 10, 1 - 12 / 12, 1 - 16 / 13, 1 - 18 / 14)
    )


def test_without_multiply_adds() -> None:
    """Where the baseline has none, they promise nothing, and no fraction of it is realised."""
    pooling = Model(0.0, 0.0, 4e-6, 1.0, 0.0, "memory")
    faster = replace(pooling, passes_s=3e-6)
    found = explain((0, 0), (pooling, faster), ratio=0.8)
    assert found.passes == pytest.approx(0.25)
    assert found.residual == pytest.approx(-0.05)
    assert found.mac == found.memory == 0
    assert found.realised is None
