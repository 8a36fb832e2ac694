"""Models that only move bytes: what they read, the roof that they have, and what binds them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from costlab.bench.costs import price
from costlab.bench.document import Model, Timing
from costlab.bench.roofline import predict
from costlab.bench.roofs import beats, bound
from costlab.bench.study import Case, Regime, Side, Subject
from tests.bench.work_by_hand import CPU

if TYPE_CHECKING:
    from costlab.bench.work import Costs

ROWS, IDS, WIDTH = 5000, 4 * 9, 8
TABLE = 4 * ROWS * WIDTH
"""Bytes of a table of float32."""
READ = 4 * IDS * WIDTH
"""Bytes of the rows that so many indices name."""
INDICES = 8 * IDS
HOST = replace(
    CPU, cache_bytes=1 << 25, flops_per_s={"fp32": 4e11}, copy_bytes_per_s=4e10, launch_s=2e-6
)


def case_of(subject: Subject, batch: int = 4, regime: Regime = "cold") -> Case:
    """A subject alone, in float32."""
    side = Side(subject, "eager")
    return Case("", "", side, side, batch, "fp32", "nhwc", "bare", regime)


def priced(source: str, spec: str) -> Costs:
    """What a model of torch's costs on inputs of its own."""
    subject = Subject("", source, (), inputs=(spec,))
    return price(subject, case_of(subject))


ROW = 4 * WIDTH


@pytest.mark.parametrize(
    ("source", "spec", "reads", "writes"),
    [
        (f"torch.nn:Embedding({ROWS}, {WIDTH})", "i64[4,9]", ROW + INDICES, READ),
        (f"torch.nn:EmbeddingBag({ROWS}, {WIDTH})", "i64[4,9]", ROW + INDICES, READ // 9),
        (f"torch.nn:Embedding(1, {WIDTH})", "i64[4,9]", ROW + INDICES, READ),
        (f"torch.nn:LayerNorm({WIDTH})", f"f32[4,9,{WIDTH}]", READ + 2 * ROW, READ),
        ("torch.nn:MaxPool2d(2)", "f32[4,3,8,8]", 4 * 4 * 3 * 64, 4 * 4 * 3 * 16),
    ],
)
def test_what_moves_bytes_alone(source: str, spec: str, reads: int, writes: int) -> None:
    """One pass, no product: of a table no more is sure to be read than one row."""
    costs = priced(source, spec)
    (moved,) = costs.passes
    assert not costs.products
    assert (moved.reads, moved.writes) == (reads, writes)


def test_a_table_is_not_read_whole() -> None:
    """Nor counted so in a network that has products: its passes are the rows' and no more."""
    (moved,) = priced(f"torch.nn:Embedding({ROWS}, {WIDTH})", "i64[4,9]").passes
    assert moved.moved < TABLE / 50


def test_bytes_are_the_roof_of_what_has_no_products() -> None:
    """A pooling is held against reading its input by a copy's rate, and writing its output.

    The output is larger than the cache: it goes through memory too. A side that is faster than a
    copy is above its roof, one of a tenth of it is bound by nothing that is modelled.
    """
    subject = Subject("", "torch.nn:MaxPool2d(2)", (64, 112, 112))
    case = case_of(subject, batch=64)
    moved = 4 * 64 * 64 * (112 * 112 + 56 * 56)
    assert HOST.cache_bytes < 4 * 64 * 64 * 56 * 56
    model = predict(price(subject, case), "eager", case, HOST)
    assert model is not None
    assert model.roof_s == 0
    assert model.least_s == pytest.approx(moved / HOST.copy_bytes_per_s)
    assert model.binds == "memory"
    rates = ((1.5e10, "memory", False), (1e9, "none", False), (5e10, "none", True))
    for rate, binds, beaten in rates:
        timing = Timing("pool", "eager", 0, 0, 0, moved, (moved / rate,))
        assert bound(model, timing).binds == binds
        assert beats(model, timing) is beaten


def test_what_fits_the_cache_stays_in_it() -> None:
    """Of two normalizations in a row, cold, only what the first reads comes through memory."""
    costs = priced("torch.nn:LayerNorm(64)", "f32[64,64]")
    (one,) = costs.passes
    twice = replace(costs, passes=(one, one))
    subject = Subject("", "torch.nn:LayerNorm(64)", (64, 64))
    model = predict(twice, "eager", case_of(subject), HOST)
    assert model is not None
    inside = one.writes + one.moved
    wanted_s = one.reads / HOST.copy_bytes_per_s + inside / HOST.cache_bytes_per_s
    assert model.least_s == pytest.approx(wanted_s)
    small = replace(HOST, cache_bytes=inside - 1)
    through = predict(twice, "eager", case_of(subject), small)
    assert through is not None
    assert through.least_s == pytest.approx(2 * one.moved / HOST.copy_bytes_per_s)


def test_a_small_one_waits_for_its_launch() -> None:
    """Of a few bytes the call itself is what binds."""
    subject = Subject("", "torch.nn:MaxPool2d(2)", (3, 8, 8))
    case = case_of(subject)
    model = predict(price(subject, case), "eager", case, HOST)
    assert model is not None
    assert model.binds == "launch"


def test_warm_bytes_have_the_ceiling_of_the_cache() -> None:
    """In the regime warm what fits the cache is held against a copy within it."""
    subject = Subject("", "torch.nn:LayerNorm(64)", (64, 64))
    cold, warm = (
        predict(price(subject, case), "eager", case, HOST)
        for case in (case_of(subject), case_of(subject, regime="warm"))
    )
    assert cold is not None
    assert warm is not None
    (one,) = price(subject, case_of(subject)).passes
    assert warm.least_s == pytest.approx(one.moved / HOST.cache_bytes_per_s)
    assert cold.least_s > warm.least_s


def test_products_are_held_against_their_own_roof() -> None:
    """Where there are any, passes are no part of it, as before."""
    both = Model(2e-5, 1e-5, 3e-5, 1.0, 1e-6, "memory")
    assert both.least_s == both.roof_s == 2e-5
