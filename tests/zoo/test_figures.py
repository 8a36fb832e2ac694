"""Tests of the modules that the Inception-v3 paper draws, each on its own."""

from __future__ import annotations

import copy
import pickle
from fractions import Fraction
from typing import NamedTuple

import pytest
import torch

from costlab import Report, analyze
from costlab.errors import CostlabError, UsageError
from costlab.zoo import CATALOGUE, find
from tests.zoo.receptive_field import Window, probe

NAMES = [name for name, network in CATALOGUE.items() if network.kind == "block"]


def report(name: str, grid: int | None = None, **arguments: object) -> Report:
    """What a block costs on one image, at the grid of the catalogue if none is given."""
    channels, rows, columns = find(name).shape(**arguments)
    with torch.device("meta"):
        module = find(name).build(**arguments)
    return analyze(module, f"f32[1,{channels},{grid or rows},{grid or columns}]", mode="eval")


def written(found: Report) -> tuple[int, ...]:
    """The channels and the grid that a block writes."""
    return found.root.outputs[0].shape[1:]


class Row(NamedTuple):
    """What a block writes, its filters, and its weights by the grid on which they work."""

    shape: tuple[int, int, int]
    filters: int
    weights: dict[int, int]
    depth: int


FACTORIZED_17 = 768 * 192 + 4 * 192 * 192 * 7, 768 * 192 + 2 * 192 * 192 * 7
SPLIT_8 = 384 * 384 * 3 + 384 * 384 * 3
TABLE = {
    "figure4": Row(
        (64 + 64 + 96 + 64, 35, 35),
        64 + (48 + 64) + (64 + 96) + 64,
        {35: 288 * (64 + 48 + 64 + 64) + 48 * 64 * 9 + 64 * 96 * 25},
        2,
    ),
    "figure5": Row(
        (64 + 64 + 96 + 64, 35, 35),
        64 + (48 + 64) + (64 + 96 + 96) + 64,
        {35: 288 * (64 + 48 + 64 + 64) + 48 * 64 * 9 + 64 * 96 * 9 + 96 * 96 * 9},
        3,
    ),
    "figure6": Row(
        (4 * 192, 17, 17), 10 * 192, {17: 768 * 192 + sum(FACTORIZED_17) + 768 * 192}, 5
    ),
    "figure7": Row(
        (320 + 2 * 384 + 2 * 384 + 192, 8, 8),
        320 + 3 * 384 + (448 + 3 * 384) + 192,
        {8: 1280 * (320 + 384 + 448 + 192) + 448 * 384 * 9 + 2 * SPLIT_8},
        3,
    ),
    "figure10": Row(
        (224 + 96 + 320, 17, 17),
        (192 + 224) + (64 + 96 + 96),
        {35: 320 * (192 + 64) + 64 * 96 * 9, 17: 192 * 224 * 9 + 96 * 96 * 9},
        3,
    ),
    "reduction_pool_first": Row((640, 17, 17), 640, {17: 320 * 640 * 9}, 1),
    "reduction_conv_first": Row((640, 17, 17), 640, {35: 320 * 640 * 9}, 1),
    "reduction_parallel": Row((320 + 320, 17, 17), 320, {17: 320 * 320 * 9}, 1),
}


@pytest.mark.parametrize("name", NAMES)
def test_costs(name: str) -> None:
    """Every block costs what its branches make together; normalization has two numbers a filter."""
    row, found = TABLE[name], report(name)
    assert written(found) == row.shape
    assert found.total.macs == sum(grid**2 * weights for grid, weights in row.weights.items())
    assert found.total.params == sum(row.weights.values()) + 2 * row.filters
    assert found.total.depth == row.depth


@pytest.mark.parametrize(
    ("name", "released", "macs", "params"),
    [
        ("figure6", "Mixed_6e", 617_914_368, 2_141_952),
        ("figure7", "Mixed_7b", 322_437_120, 5_044_608),
    ],
)
def test_released_modules(name: str, released: str, macs: int, params: int) -> None:
    """At its grid, the module that the paper draws costs what the released one does."""
    network = find("inception_v3")
    with torch.device("meta"):
        whole = analyze(network.build(), "f32[1,3,299,299]", mode="eval")
    (block,) = (block for block in whole.root.children if block.path == released)
    total = report(name).total
    assert (total.macs, total.params) == (block.cost.macs, block.cost.params) == (macs, params)


@pytest.mark.parametrize(
    ("inputs", "row", "macs", "params"),
    [
        (192, (64, 96, 128, 16, 32, 32), 128_049_152, 163_696),
        (256, (128, 128, 192, 32, 96, 64), 304_267_264, 388_736),
    ],
    ids=["inception (3a)", "inception (3b)"],
)
def test_modules_of_googlenet(inputs: int, row: tuple[int, ...], macs: int, params: int) -> None:
    """Figure 4 with a row of GoogLeNet's Table 1 is that module, 128M and 304M as printed there."""
    columns = "filters_1x1 reduce_3x3 filters_3x3 reduce_5x5 filters_5x5 pool_filters".split()  # noqa: SIM905 - the columns of the table, as it has them
    banks = dict(zip(columns, row, strict=True))
    found = report("figure4", grid=28, inputs=inputs, finish="bias_relu", **banks)
    assert (found.total.macs, found.total.params) == (macs, params)
    assert written(found) == (row[0] + row[2] + row[4] + row[5], 28, 28)


@pytest.mark.parametrize("grid", [9, 28, 35])
def test_figure_5_differs_in_one_branch(grid: int) -> None:
    """Two 3×3 in place of the 5×5 are all that Figure 5 changes in Figure 4."""
    original, factorized = (report(name, grid).root for name in ("figure4", "figure5"))
    ours, theirs = (
        {block.path: block.cost.macs for block in root.children} for root in (factorized, original)
    )
    saved = theirs.pop("branch5x5") - ours.pop("branch3x3dbl")
    assert ours == theirs
    assert saved == (64 * 96 * 25 - 64 * 96 * 9 - 96 * 96 * 9) * grid**2
    assert original.outputs == factorized.outputs


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 7, 9])
def test_any_n(n: int) -> None:
    """Figure 6 keeps its grid for every n, and its six factorized layers grow with n alone."""
    found = report("figure6", n=n, inside=128, grid=12)
    assert written(found) == (768, 12, 12)
    inside = 4 * n * 128 * 128 + 2 * n * 128 * 192
    assert found.total.macs == (2 * 768 * 128 + 2 * 768 * 192 + inside) * 12**2


@pytest.mark.parametrize("name", NAMES)
def test_twice_the_width(name: str) -> None:
    """Doubled filter banks, those that it reads among them, cost 4 times as much (§1)."""
    inputs = find(name).input_shape[0]
    width = 1 if name.startswith("reduction") else 2  # a reduction's filters follow its inputs
    once, twice = report(name), report(name, inputs=2 * inputs, width=width)
    assert twice.total.macs == 4 * once.total.macs
    assert written(twice) == (2 * written(once)[0], *written(once)[1:])


@pytest.mark.parametrize("patch", [1, 3, 5])
@pytest.mark.parametrize(("d", "k"), [(36, 320), (8, 64)])
def test_reductions(d: int, k: int, patch: int) -> None:
    """To halve the grid and double the filters costs 2d²k², or 2(d/2)²k², or (d/2)²k² (§5)."""
    conv_first, pool_first, parallel = (
        report(f"reduction_{name}", d, inputs=k, patch=patch, padded=True)
        for name in ("conv_first", "pool_first", "parallel")
    )
    for found in (conv_first, pool_first, parallel):
        assert written(found) == (2 * k, d // 2, d // 2)
    assert conv_first.total.macs == 2 * d**2 * k**2 * patch**2
    assert pool_first.total.macs == 2 * (d // 2) ** 2 * k**2 * patch**2
    assert parallel.total.macs == (d // 2) ** 2 * k**2 * patch**2


def test_reductions_as_printed() -> None:
    """From 35×35×320 to 17×17×640, unpadded, all three: 35²·2, 17²·2 and 17² by 9·320²."""
    costs = {name: report(name).total.macs for name in NAMES if name.startswith("reduction")}
    assert all(written(report(name)) == (640, 17, 17) for name in costs)
    conv_first, pool_first = costs["reduction_conv_first"], costs["reduction_pool_first"]
    assert Fraction(conv_first, pool_first) == Fraction(35, 17) ** 2
    assert costs["reduction_parallel"] * 2 == pool_first


def test_the_bottleneck() -> None:
    """Pooled first, the representation drops to (d/2)²k, a quarter, before it is expanded (§5)."""
    found = report("reduction_pool_first", 36, padded=True)
    (pool,) = (block for block in found.root.children if block.path == "pool")
    assert pool.outputs[0].shape == (1, 320, 36 // 2, 36 // 2)


def test_outputs_of_a_reduction() -> None:
    """A reduction writes as many channels as are asked for, pooled ones among them."""
    for name in NAMES[-3:]:
        assert written(report(name, inputs=100, outputs=150)) == (150, 17, 17)


@pytest.mark.parametrize(
    ("name", "arguments", "reach", "positions"),
    [
        ("figure4", {}, 2, 5 * 5),
        ("figure5", {}, 2, 5 * 5),
        ("figure6", {"n": 3}, 2, 5 * 5),
        ("figure6", {"n": 7}, 6, 13 * 13),
        ("figure7", {}, 2, 5 * 5 - 4),
    ],
)
def test_receptive_fields(
    name: str, arguments: dict[str, object], reach: int, positions: int
) -> None:
    """Figures 4 and 5 read the same 5×5, Figure 6 twice as far as n×n, Figure 7 no corners."""
    small = {"inputs": 4, "width": 0.02, "pool": "avg", "finish": "bare"}
    window = probe(find(name).build(**small, **arguments), inputs=4)
    sides = range(-reach, reach + 1)
    assert window == Window(sides, sides, positions)


@pytest.mark.parametrize("name", NAMES)
def test_training(name: str) -> None:
    """A step of gradient descent changes every parameter of every block."""
    torch.manual_seed(0)
    module = find(name).build(inputs=8, width=0.03).train()
    before = {path: value.detach().clone() for path, value in module.named_parameters()}
    module(torch.randn(2, 8, 9, 9)).square().sum().backward()
    torch.optim.SGD(module.parameters(), lr=0.1).step()
    for path, parameter in module.named_parameters():
        assert not torch.equal(parameter, before[path]), path


@pytest.mark.parametrize("name", NAMES)
def test_copies(name: str) -> None:
    """A block can be copied and pickled, and no part of it is named by its position."""
    torch.manual_seed(0)
    module = find(name).build(inputs=4, width=0.05).eval()
    x = torch.randn(1, 4, 9, 9)
    for other in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):  # noqa: S301 - our own
        assert torch.equal(other(x), module(x))
    parts = {part for path, _ in module.named_modules() for part in path.split(".")}
    assert not {part for part in parts if part.isdecimal()}


@pytest.mark.parametrize(
    ("name", "arguments", "named"),
    [
        ("figure5", {"inputs": 0}, "inputs=0"),
        ("figure5", {"filters_1x1": 0}, "filters_1x1=0"),
        ("figure5", {"filters_1x1": 1.5}, "filters_1x1=1.5"),
        ("figure6", {"n": -1}, "n=-1"),
        ("figure7", {"width": 0}, "width=0"),
        ("figure7", {"finish": None}, "finish=None"),
        ("reduction_pool_first", {"outputs": 0}, "outputs=0"),
        ("reduction_parallel", {"outputs": 320}, "the pooling alone writes 320"),
        ("reduction_parallel", {"patch": 1}, "another grid"),
        ("reduction_parallel", {"patch": 2, "padded": True}, "another grid"),
    ],
)
def test_nonsense(name: str, arguments: dict[str, object], named: str) -> None:
    """An argument that makes no block is refused by name."""
    with pytest.raises(UsageError, match=named):
        find(name).build(**arguments)


def test_unknown_pooling() -> None:
    """A pooling that is none is refused in the words of the notation."""
    with pytest.raises(CostlabError, match=r"'min 3x3' is no layer"):
        find("figure4").build(pool="min")
