"""The studies are what they say: real subjects, on the network's own grids, short where quick."""

from __future__ import annotations

from inspect import signature

import pytest

from costlab import sources
from costlab.bench.anatomy import study_of_model
from costlab.bench.costs import price
from costlab.bench.studies import (
    BLOCKS,
    FACTORIZATIONS,
    GRID_REDUCTION,
    INCEPTION_V3_BLOCKS,
    NETWORKS,
    STUDIES,
)
from costlab.bench.study import Axes, Case, Pair, Study
from costlab.errors import UsageError
from costlab.tracing import trace
from costlab.zoo import CATALOGUE, find

# torch says once a process that an even patch may copy its input to pad it; it is meant to here.
pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")

TOY = "tests/bench/toys.py"
PAIRED = [
    pytest.param(pair, id=pair.name) for pair in (*FACTORIZATIONS.pairs, *GRID_REDUCTION.pairs)
]


def output(source: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of what a source writes for one sample, without the batch."""
    text = f"f32[{','.join(map(str, (1, *shape)))}]"
    graph = trace(sources.find(source).build(), text, mode="eval")
    return graph.tensors[graph.outputs[0]].spec.shape[1:]


@pytest.mark.parametrize("pair", PAIRED)
def test_the_second_may_replace_the_first(pair: Pair) -> None:
    """Both sides of a pair read the same shape and write the same shape."""
    assert pair.baseline is not None
    assert pair.baseline.shape == pair.variant.shape
    written = [output(side.source, side.shape) for side in (pair.baseline, pair.variant)]
    assert written[0] == written[1]


@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
def test_names(study: Study) -> None:
    """No two pairs share a name, nor two cases a key, and quick axes name pairs that there are."""
    names = [pair.name for pair in study.pairs]
    assert len(set(names)) == len(names)
    assert set(study.quick.pairs) <= set(names)
    assert study.quick.pairs
    for axes in (study.axes, study.quick):
        keys = [case.key for case in study.cases(axes)]
        assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
def test_quick_is_short_and_runs_anywhere(study: Study) -> None:
    """A quick look is a few single images in float32, in the arms that a CPU has."""
    cases = list(study.cases(study.quick))
    assert 1 <= len(cases) <= 6
    assert {case.batch for case in cases} == {1}
    assert {case.precision for case in cases} == {"fp32"}
    assert {side.arm for case in cases for side in (case.baseline, case.variant)} <= {
        "eager",
        "compile",
    }
    whole = list(study.cases())
    assert {case.batch for case in whole} == {1, 32, 256}
    assert {case.precision for case in whole} == {"fp32", "tf32", "bf16", "fp16"}
    assert {case.layout for case in whole} == {"nhwc", "nchw"}


def test_the_quick_factorizations_are_small() -> None:
    """None of them computes more than a quarter of a giga multiply-add."""
    for case in FACTORIZATIONS.cases(FACTORIZATIONS.quick):
        assert price(case.baseline.subject, case).macs < 250e6


def test_finishes() -> None:
    """Factorizations and grid reductions are measured with every finish, networks as they are."""
    for study in (FACTORIZATIONS, GRID_REDUCTION):
        assert {case.finish for case in study.cases()} == {"bare", "bias_relu", "bn_relu"}
        assert all(pair.variant.takes_finish for pair in study.pairs)
    for study in (BLOCKS, NETWORKS):
        assert {case.finish for case in study.cases()} == {"bn_relu"}


@pytest.mark.parametrize("name", CATALOGUE)
def test_parts_take_a_finish(name: str) -> None:
    """Of the zoo, blocks and factorizations have an argument `finish`, and networks have none."""
    home, _, attribute = find(name).builder.partition(":")
    builder = getattr(__import__(home, fromlist=[attribute]), attribute)
    assert ("finish" in signature(builder).parameters) == (find(name).kind != "network")


def patches() -> dict[int, dict[tuple[int, int], set[tuple[int, int]]]]:
    """Of Inception-v3, by grid and patch, the widths that convolutions without a stride join."""
    graph = trace(sources.find("inception_v3").build(), "f32[1,3,299,299]", mode="eval")
    found: dict[int, dict[tuple[int, int], set[tuple[int, int]]]] = {}
    for node in graph.nodes:
        if node.op == "conv2d" and (patch := node.attributes["kernel"]) != (1, 1):
            grids = {graph.tensors[at[0]].spec.shape[2] for at in (node.inputs, node.outputs)}
            if len(grids) == 1:
                at_grid = found.setdefault(grids.pop(), {})
                at_grid.setdefault(patch, set()).add(node.attributes["channels"])
    return found


def places(large: str, small: str) -> set[tuple[int, int]]:
    """The grids and widths at which the study sets one convolution against another."""
    return {
        (pair.variant.shape[1], pair.variant.shape[0])
        for pair in FACTORIZATIONS.pairs
        if pair.name.startswith(f"{large} → {small},")
    }


def test_grids_and_widths_are_the_networks_own() -> None:
    """Each factorization stands at the places that the module says, read off Inception-v3."""
    has = patches()
    at_35 = {width for widths in has[35].values() for both in widths for width in both}
    assert places("5x5", "3x3 3x3") == {(35, width) for width in at_35}
    read = {(35, width) for width, _ in has[35][3, 3]}
    read |= {(8, width) for patch in ((3, 3), (3, 1), (1, 3)) for width, _ in has[8][patch]}
    assert (3, 3) not in has[17]
    assert places("3x3", "3x1 1x3") == read | {(17, 192)}
    assert places("7x7", "1x7 7x1") == {(17, width) for width, _ in has[17][1, 7]}
    assert places("3x3", "2x2 2x2") == {one for one in places("3x3", "3x1 1x3") if one[0] > 8}
    assert 0.2 < 1 - (8 / 9) ** 2 < 0.22  # of 9×9 that an even patch reads at 8×8


def test_the_grids_and_widths_that_are_asked_for() -> None:
    """35² × 48, 64, 96; 17² × 128, 160, 192; 8² × 384, 448: each is in some pair."""
    found = {pair.variant.shape for pair in FACTORIZATIONS.pairs}
    assert found == {
        (width, grid, grid)
        for grid, widths in ((35, (48, 64, 96)), (17, (128, 160, 192)), (8, (384, 448)))
        for width in widths
    }


def test_grid_reductions() -> None:
    """Three ways, every two a pair: 35×35×320 to 17×17×640, and 17×17×768 to 8×8×1280."""
    written = [output(p.variant.source, p.variant.shape) for p in GRID_REDUCTION.pairs]
    assert written == [(640, 17, 17)] * 3 + [(1280, 8, 8)] * 3
    for three in (GRID_REDUCTION.pairs[:3], GRID_REDUCTION.pairs[3:]):
        sides = {frozenset((pair.variant.source, str(pair.baseline))) for pair in three}
        assert len(sides) == 3
        assert len({s.source for p in three for s in (p.variant, p.baseline) if s}) == 3


def test_the_blocks_are_all_that_run() -> None:
    """The study `blocks` names every child of Inception-v3 that moves a byte in eval mode."""
    found = study_of_model("inception_v3")
    assert [pair.name for pair in found.pairs] == ["inception_v3", *INCEPTION_V3_BLOCKS]
    assert [pair.variant.block for pair in BLOCKS.pairs] == list(INCEPTION_V3_BLOCKS)


def test_the_networks_are_the_zoos() -> None:
    """Each network has the image of the catalogue, once for an inference and once for a step."""
    shapes = {(p.variant.source, p.variant.training): p.variant.shape for p in NETWORKS.pairs}
    assert len(shapes) == len(NETWORKS.pairs)
    for (source, training), shape in shapes.items():
        assert find(source).input_shape == shape
        assert find(source).kind == "network"
        assert (source, not training) in shapes
    families = ("alexnet", "vgg16", "vgg19", "prelu_net_c", "googlenet", "bn_inception")
    residual = [f"resnet{depth}" for depth in (18, 34, 50, 101, 152)]
    later = ("inception_v3", "inception_v4", "inception_resnet_v1", "inception_resnet_v2")
    assert {source for source, _ in shapes} == {*families, *residual, *later}


def test_pairs_can_be_chosen() -> None:
    """Axes that name pairs leave the others out; those that name none leave out nothing."""
    chosen = Axes(pairs=("Mixed_6a", "fc"))
    assert {case.pair for case in BLOCKS.cases(chosen)} == {"Mixed_6a", "fc"}
    assert {case.pair for case in BLOCKS.cases(Axes())} == set(INCEPTION_V3_BLOCKS)


def test_a_model_of_ones_own() -> None:
    """A study of a user's model has a row for all of it, and one for each block that runs."""
    found = study_of_model(f"{TOY}:wrapped", ("f32[4,3,16,16]",))
    assert [pair.name for pair in found.pairs] == [f"{TOY}:wrapped", "body.first", "body.second"]
    assert {pair.variant.shape for pair in found.pairs} == {(3, 16, 16)}
    assert {pair.baseline for pair in found.pairs} == {None}
    whole, first, second = (price(pair.variant, next(found.cases())) for pair in found.pairs)
    assert whole.macs == first.macs + second.macs > 0


@pytest.mark.parametrize(
    ("model", "inputs", "message"),
    [
        (f"{TOY}:wrapped", (), "needs its inputs"),
        (f"{TOY}:wrapped", ("f64[1,3,16,16]",), "give it as float32"),
        (f"{TOY}:wrapped", ("f32[16]",), "has a batch"),
    ],
)
def test_inputs_that_make_no_batch(model: str, inputs: tuple[str, ...], message: str) -> None:
    """Inputs that are missing, of another precision, or without a batch are refused."""
    with pytest.raises(UsageError, match=message):
        study_of_model(model, inputs)


def test_a_case_is_hashable() -> None:
    """Subjects, sides and cases can be keys, as what they cost is kept by them."""
    cases: set[Case] = set(FACTORIZATIONS.cases(FACTORIZATIONS.quick))
    assert len(cases) == 6
