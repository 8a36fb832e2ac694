"""What a GPU study measures, in which order, and what of it is asked first."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks._gpu_files import Folder
from benchmarks._gpu_parts import (
    AGREEMENT,
    LEFT_OUT,
    MEASURED_NETWORKS,
    NULL,
    PLAN,
    SHOWCASE,
    TRAINED,
    parts,
)
from benchmarks._gpu_plan import plan
from benchmarks._gpu_subjects import NETWORK_BLOCKS, OTHERS_BLOCKS
from costlab import sources
from costlab.bench.anatomy import study_of_model
from costlab.bench.example import inputs_of
from costlab.bench.gauge import THROTTLE
from costlab.bench.plan import POWER_CAP
from costlab.bench.roofline import GRAPHED
from costlab.bench.studies import FACTORIZATIONS, GRID_REDUCTION, INCEPTION_V3_BLOCKS
from costlab.blocks import block_tree
from costlab.tracing import trace

if TYPE_CHECKING:
    from costlab.bench.study import Case


def test_the_whole_network_is_held_against_each_other_arm() -> None:
    """In bf16 at batch 1, 32 and 256; first what max-autotune makes, which is a graph as well."""
    (part,) = (part for part in parts() if part.number == 8)
    cases = [case for piece in part.slices for case in piece.cases()]
    assert {case.pair for case in cases} == {"inception_v3"}
    assert {case.variant.arm for case in cases} == {"best-blocks"}
    others = ("autotune-graph", "graph", "compile", "eager")
    told = [(case.batch, case.baseline.arm) for case in cases]
    assert told == [(batch, other) for batch in (1, 32, 256) for other in others]
    assert {case.precision for case in cases} == {"bf16"}
    assert {"autotune-graph", "best-blocks"} <= GRAPHED


def test_ours_is_measured_wherever_the_kernels_take_it() -> None:
    """On every factorization and grid reduction, in bf16 and as TF32, at each batch."""
    cases = {
        (case.pair, case.precision, case.batch)
        for part in parts()
        for piece in part.slices
        for case in piece.cases()
        if case.variant.arm == case.baseline.arm == "ours"
        and (case.layout, case.regime) == ("nhwc", "cold")
    }
    pairs = [pair.name for study in (FACTORIZATIONS, GRID_REDUCTION) for pair in study.pairs]
    assert cases == {
        (pair, precision, batch)
        for pair in pairs
        for precision in ("bf16", "tf32")
        for batch in (1, 32, 256)
    }


def test_what_matters_most_comes_first() -> None:
    """bf16 in cold at batch 256 and 32 before batch 1, before tf32, before warm; then networks."""
    third, fourth = (part for part in parts() if part.number in {3, 4})
    cases = [case for piece in third.slices for case in piece.cases()]
    told: list[object] = [
        (case.precision, case.batch > 1, case.regime, case.layout) for case in cases
    ]
    order = [
        ("bf16", True, "cold", "nhwc"),
        ("bf16", False, "cold", "nhwc"),
        ("tf32", True, "cold", "nhwc"),
        ("bf16", False, "warm", "nhwc"),
        ("bf16", True, "cold", "nchw"),
    ]
    places = [told.index(one) for one in order]
    assert places == sorted(places)
    assert {case.batch for case in cases} == {1, 32, 256}
    assert {case.variant.arm for case in cases} >= {"eager", "graph", "compile", "cudnn-fused"}
    whole = [case for piece in fourth.slices for case in piece.cases()]
    assert {case.study for case in whole} == {"blocks", "networks"}
    inferred = {(c.pair, c.batch) for c in whole if not c.variant.subject.training}
    assert {(name, batch) for name in MEASURED_NETWORKS for batch in (1, 32, 256)} <= inferred
    assert not any(case.variant.subject.training for case in whole)
    after = next(part for part in parts() if part.number == 7).slices[0]
    assert {case.pair for case in after.cases()} == set(TRAINED)
    assert {case.batch for case in after.cases()} == {32}


def test_what_is_asked_first_takes_about_three_calls() -> None:
    """Parts 1 to 6 fit into some twenty-five minutes, by what cases are taken to last."""
    lines = list(plan(parts(), Folder(Path("nowhere")), 0))
    first_s = sum(one.left_s for one in lines if 0 < one.part <= AGREEMENT)
    assert 15 * 60 < first_s < 27 * 60


def planned() -> list[Case]:
    """Every case of every part."""
    return [case for part in parts() for piece in part.slices for case in piece.cases()]


def test_every_arm_meets_every_pair_in_the_end() -> None:
    """The full product: each pair in six arms, at each batch, in bf16 and tf32, cold and warm."""
    found = {
        (case.pair, case.variant.arm, case.batch, case.precision, case.regime)
        for case in planned()
        if case.baseline.arm == case.variant.arm and case.layout == "nhwc"
    }
    pairs = [pair.name for study in (FACTORIZATIONS, GRID_REDUCTION) for pair in study.pairs]
    arms = ("eager", "graph", "cudnn-fused", "compile", "compile-autotune", "ours")
    wanted = set(product(pairs, arms, (1, 32, 256), ("bf16", "tf32"), ("cold", "warm")))
    assert sorted(wanted - found) == []
    assert len(pairs) == 20


def test_every_network_is_measured_whole_and_by_block_in_the_end() -> None:
    """Six networks: whole in each arm at each batch, a step at 32, each block at each batch."""
    cases = planned()
    found = {(c.pair, c.variant.arm, c.batch) for c in cases if c.study == "networks"}
    arms = ("graph", "compile", "autotune-graph", "cudnn-fused", "ours")
    assert set(product(MEASURED_NETWORKS, arms, (1, 32, 256))) <= found
    assert set(product(TRAINED, ("graph", "compile"), (32,))) <= found
    blocks = {(c.pair, c.batch) for c in cases if c.study in {"blocks", "network-blocks"}}
    others = [f"{name}: {block}" for name, own in OTHERS_BLOCKS.items() for block in own]
    assert set(product((*INCEPTION_V3_BLOCKS, *others), (1, 32, 256))) == blocks
    assert {*OTHERS_BLOCKS, "inception_v3"} == set(MEASURED_NETWORKS)


@pytest.mark.parametrize("network", OTHERS_BLOCKS)
def test_the_blocks_are_all_that_run(network: str) -> None:
    """Each block of a network that moves a byte, of those of one class and cost the first."""
    study = study_of_model(network)
    model = sources.find(network).build()
    root = block_tree(trace(model, inputs_of(study.pairs[0].variant, 1), mode="eval"))
    cost = {block.path: block.cost for block in root.children}
    kinds: dict[object, str] = {}
    for pair in study.pairs[1:]:
        own = cost[pair.name]
        kind = type(model.get_submodule(pair.name)), own.macs, own.params, own.bytes
        kinds.setdefault(kind, pair.name)
    assert OTHERS_BLOCKS[network] == tuple(kinds.values())
    (shape,) = {p.variant.shape for p in NETWORK_BLOCKS.pairs if p.variant.source == network}
    assert shape == study.pairs[0].variant.shape


def test_ours_is_held_against_the_others_in_pairs() -> None:
    """Each convolution, factorization and reduction of the studies, against each other arm."""
    cases = [case for case in planned() if case.study == "arms"]
    assert {(case.baseline.arm, case.layout, case.regime) for case in cases} == {
        ("ours", "nhwc", "cold")
    }
    assert all(case.baseline.subject == case.variant.subject for case in cases)
    subjects = {
        side.name
        for study in (FACTORIZATIONS, GRID_REDUCTION)
        for pair in study.pairs
        for side in (pair.baseline, pair.variant)
        if side is not None
    }
    found = {
        (case.pair, case.variant.arm, case.batch) for case in cases if case.precision == "bf16"
    }
    arms = ("cudnn-fused", "compile", "graph", "autotune-graph")
    assert found == set(product(subjects, arms, (1, 32, 256)))
    third = next(part for part in parts() if part.number == 3)
    first = {
        (case.pair, case.variant.arm)
        for piece in third.slices
        for case in piece.cases()
        if case.study == "arms"
    }
    for name in SHOWCASE:
        pair = next(pair for pair in FACTORIZATIONS.pairs if pair.name == name)
        assert pair.baseline is not None
        assert set(product([pair.variant.name], ("cudnn-fused", "compile", "graph"))) <= first
        assert (pair.baseline.name, "cudnn-fused") in first


def test_no_arm_is_held_against_itself_where_there_is_no_other() -> None:
    """On a device with one of the arms there is nothing to compare, and no case."""
    pieces = [piece for part in parts() for piece in part.slices if piece.study.name == "arms"]
    assert pieces
    assert not [case for piece in pieces for case in piece.cases(["eager", "compile"])]
    both = [case for piece in pieces for case in piece.cases(["ours", "compile"])]
    assert {(case.baseline.arm, case.variant.arm) for case in both} == {("ours", "compile")}


def test_what_is_left_out_is_in_no_part() -> None:
    """What the page says that the plan leaves out, no part measures."""
    cases = planned()
    assert {case.precision for case in cases} == {"bf16", "tf32"}
    assert {case.finish for case in cases} == {"bn_relu"}
    other = [case for case in cases if case.layout == "nchw"]
    assert {(case.batch, case.pair in SHOWCASE) for case in other} == {(32, True)}
    assert {case.variant.arm for case in other} == {"eager", "graph", "compile"}
    trained = [case for case in cases if case.variant.subject.training]
    assert {case.batch for case in trained} == {32}
    assert {case.variant.arm for case in trained} == {"graph", "compile"}
    assert {case.study for case in trained} == {"networks"}
    assert {c.pair for c in cases if c.variant.arm == "best-blocks"} == {"inception_v3"}
    whole = [c for c in cases if c.study in {"networks", "blocks", "network-blocks"}]
    assert {(c.precision, c.layout, c.regime) for c in whole} == {("bf16", "nhwc", "cold")}
    assert {c.variant.arm for c in whole if c.study == "network-blocks"} == {"graph"}
    assert len(LEFT_OUT) == 8


def test_a_case_is_planned_once() -> None:
    """A case of two parts counts in the first of them alone."""
    lines = list(plan(parts(), Folder(Path("nowhere")), 0))
    keys = {
        (piece.study.name, case.key)
        for part in parts()
        for piece in part.slices
        for case in piece.cases()
    }
    assert sum(line.cases for line in lines if line.is_sum) == len(keys)


def test_every_named_pair_is_one_of_its_study() -> None:
    """No axis of the plan names a pair that there is not: it would be measured never."""
    for part in parts():
        for piece in part.slices:
            assert set(piece.axes.pairs) <= {pair.name for pair in piece.study.pairs}
            assert list(piece.cases())


def test_energy_is_read_over_three_seconds() -> None:
    """Of the showcase, which comes first: a sensor that samples a quarter of the time needs them.

    Source: Yang et al. 2023, "Part-time Power Measurements" (arXiv:2312.02741).
    """
    third = next(part for part in parts() if part.number == 3)
    assert [case.pair for case in third.slices[0].cases()] == list(SHOWCASE)
    assert third.slices[0].plan.energy_s >= 3
    assert PLAN.energy_s == 0


def test_the_power_cap_is_tolerated() -> None:
    """The one reason that the plan tolerates is one that the gauge tells; a hot board is none."""
    assert PLAN.tolerated == NULL.tolerated == (POWER_CAP,)
    assert POWER_CAP in THROTTLE.values()
    assert "hardware thermal slowdown" not in PLAN.tolerated
