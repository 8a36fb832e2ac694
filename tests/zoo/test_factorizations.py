"""Tests of the factorizations against the closed forms of section 3 of the Inception-v3 paper."""

from __future__ import annotations

from fractions import Fraction
from math import isqrt

import pytest
import torch

from costlab import Report, analyze
from costlab.errors import UsageError
from costlab.zoo import CATALOGUE, find
from costlab.zoo.convolutions import ConvBNReLU, ConvReLU
from tests.zoo.receptive_field import Window, probe

# torch says once a process that an even patch may copy its input to pad it; it is meant to here.
pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")

NAMES = [name for name, network in CATALOGUE.items() if network.kind == "factorization"]


def report(name: str, grid: int | None = None, **arguments: object) -> Report:
    """What a factorization costs on one image, at the grid of the catalogue if none is given."""
    channels, rows, columns = find(name).shape(**arguments)
    with torch.device("meta"):
        module = find(name).build(**arguments)
    return analyze(module, f"f32[1,{channels},{grid or rows},{grid or columns}]", mode="eval")


def macs(name: str, grid: int | None = None, **arguments: object) -> int:
    """The multiply-adds of a factorization on one image."""
    return report(name, grid, **arguments).total.macs


# Weights, grid and depth of each, in the catalogue's order.
COSTS = {
    "conv5x5": (64 * 64 * 25, 35, 1),
    "two_3x3": (2 * 64 * 64 * 9, 35, 2),
    "conv3x3": (96 * 96 * 9, 35, 1),
    "pair_3x1_1x3": (2 * 96 * 96 * 3, 35, 2),
    "two_2x2": (2 * 96 * 96 * 4, 35, 2),
    "conv_nxn": (192 * 192 * 49, 17, 1),
    "pair_1xn_nx1": (2 * 192 * 192 * 7, 17, 2),
    "three_3x3": (3 * 192 * 192 * 9, 17, 3),
}


@pytest.mark.parametrize("name", NAMES)
def test_costs(name: str) -> None:
    """Each weight of a bare factorization is one multiply-add at each position, and all it has."""
    weights, grid, depth = COSTS[name]
    found = report(name)
    assert found.total.params == weights
    assert found.total.macs == found.total.flops // 2 == weights * grid * grid
    assert found.total.depth == depth
    channels = find(name).input_shape[0]
    assert [output.shape for output in found.root.outputs] == [(1, channels, grid, grid)]


@pytest.mark.parametrize("grid", [8, 17, 35])
@pytest.mark.parametrize("inputs", [48, 96])
@pytest.mark.parametrize(
    ("small", "large", "ratio"),
    [
        ("two_3x3", "conv5x5", Fraction(9 + 9, 25)),
        ("pair_3x1_1x3", "conv3x3", Fraction(3 + 3, 9)),
        ("two_2x2", "conv3x3", Fraction(4 + 4, 9)),
        ("pair_1xn_nx1", "conv_nxn", Fraction(2, 7)),
        ("three_3x3", "conv_nxn", Fraction(3 * 9, 49)),
        ("conv5x5", "conv3x3", Fraction(25, 9)),
    ],
)
def test_ratios(small: str, large: str, ratio: Fraction, inputs: int, grid: int) -> None:
    """Multiply-adds and parameters stand in the ratio that the paper prints, at any grid (§3)."""
    ours, theirs = (report(name, grid, inputs=inputs).total for name in (small, large))
    assert Fraction(ours.macs, theirs.macs) == ratio
    assert Fraction(ours.params, theirs.params) == ratio


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 7, 9])
def test_the_saving_grows_with_n(n: int) -> None:
    """1×n and n×1 cost 2/n of n×n, for even n too (§3.2)."""
    pair, whole = macs("pair_1xn_nx1", n=n), macs("conv_nxn", n=n)
    assert pair == 2 * n * 192 * 192 * 17 * 17
    assert Fraction(pair, whole) == Fraction(2, n)


@pytest.mark.parametrize("alpha", [Fraction(1, 4), Fraction(1), Fraction(9, 4), Fraction(4)])
def test_expansion(alpha: Fraction) -> None:
    """With n = αm, by √α in both steps, two 3×3 cost 9(1 + α) / 25√α of one 5×5 (§3.1)."""
    root = Fraction(isqrt(alpha.numerator), isqrt(alpha.denominator))
    assert root**2 == alpha
    ours, theirs = (report(name, alpha=float(alpha)) for name in ("two_3x3", "conv5x5"))
    assert ours.root.outputs == theirs.root.outputs
    assert ours.root.outputs[0].shape == (1, int(64 * alpha), 35, 35)
    assert ours.total.macs == 9 * root * (1 + alpha) * 64 * 64 * 35 * 35
    assert Fraction(ours.total.macs, theirs.total.macs) == 9 * (1 + alpha) / (25 * root)


@pytest.mark.parametrize(
    ("name", "steps", "taps"), [("pair_3x1_1x3", 2, 3), ("two_2x2", 2, 4), ("three_3x3", 3, 9)]
)
def test_expansion_in_equal_steps(name: str, steps: int, taps: int) -> None:
    """Each of k convolutions widens the banks by the same factor, here by 2."""
    expected = sum(taps * 64 * 2**step * 64 * 2 ** (step + 1) for step in range(steps))
    assert report(name, inputs=64, alpha=2**steps).total.params == expected


def test_banks_are_whole() -> None:
    """√α of GoogLeNet's 1.5 is rounded to whole filters: 64, then 78, then 96."""
    with torch.device("meta"):
        module = find("two_3x3").build(alpha=1.5)
    assert [tuple(p.shape[:2]) for p in module.parameters()] == [(78, 64), (96, 78)]


@pytest.mark.parametrize(
    ("small", "large", "reach"),
    [
        ("two_3x3", "conv5x5", range(-2, 3)),
        ("pair_3x1_1x3", "conv3x3", range(-1, 2)),
        ("pair_1xn_nx1", "conv_nxn", range(-3, 4)),
        ("three_3x3", "conv_nxn", range(-3, 4)),
    ],
)
@pytest.mark.parametrize("finish", ["bare", "bn_relu"])
def test_receptive_fields(small: str, large: str, reach: range, finish: str) -> None:
    """A factorization reads the very window of the convolution in whose place it stands (§3)."""
    torch.manual_seed(0)
    windows = [
        probe(find(name).build(inputs=16, finish=finish), inputs=16) for name in (small, large)
    ]
    assert windows == [Window(reach, reach, len(reach) ** 2)] * 2


def test_receptive_field_of_even_patches() -> None:
    """Two 2×2 read 3×3 positions as one 3×3 does, but not around the centre: behind it."""
    torch.manual_seed(0)
    window = probe(find("two_2x2").build(inputs=3), inputs=3)
    assert window == Window(range(3), range(3), 3 * 3)


@pytest.mark.parametrize("name", NAMES)
def test_the_grid_is_kept(name: str) -> None:
    """Every factorization writes the grid that it reads, real tensors and meta alike."""
    module = find(name).build(inputs=3, alpha=2)
    assert module(torch.zeros(2, 3, 9, 12)).shape == (2, 6, 9, 12)


@pytest.mark.parametrize(
    ("finish", "unit", "behind"),
    [("bare", torch.nn.Conv2d, 0), ("bias_relu", ConvReLU, 1), ("bn_relu", ConvBNReLU, 2)],
)
@pytest.mark.parametrize("name", NAMES)
def test_finishes(name: str, finish: str, unit: type, behind: int) -> None:
    """The finish adds parameters a filter, elements and no multiply-adds, and trains a step."""
    bare, found = report(name, inputs=4), report(name, inputs=4, finish=finish)
    assert found.total.macs == bare.total.macs
    assert found.total.depth == bare.total.depth
    assert found.total.params == bare.total.params + behind * 4 * bare.total.depth
    torch.manual_seed(0)
    module = find(name).build(inputs=4, finish=finish).train()
    assert {type(child) for child in module.children()} == {unit}
    before = [parameter.detach().clone() for parameter in module.parameters()]
    module(torch.randn(2, 4, 9, 9)).square().sum().backward()
    torch.optim.SGD(module.parameters(), lr=0.1).step()
    assert not any(map(torch.equal, before, module.parameters()))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"inputs": 0}, "inputs=0"),
        ({"inputs": 1.5}, "inputs=1.5"),
        ({"inputs": True}, "inputs=True"),
        ({"alpha": 0}, "alpha=0"),
        ({"alpha": "2"}, "alpha='2'"),
        ({"alpha": float("inf")}, "alpha=inf"),
        ({"finish": "relu"}, "finish='relu'"),
        ({"n": 0}, "n=0"),
        ({"n": 3.0}, "n=3.0"),
    ],
)
def test_nonsense(arguments: dict[str, object], named: str) -> None:
    """An argument that makes no factorization is refused by name."""
    with pytest.raises(UsageError, match=named):
        find("conv_nxn").build(**arguments)
