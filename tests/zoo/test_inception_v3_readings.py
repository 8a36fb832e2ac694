"""Tests of the readings of Inception-v3's paper: what each changes, in factors, and no more."""

from __future__ import annotations

import copy
import pickle
from math import ceil, prod

import pytest
import torch
from torch import nn

import costlab
from costlab import Report
from costlab.errors import UsageError
from costlab.zoo import CATALOGUE, find
from costlab.zoo.inception_v3_readings import InceptionV3Reading

READINGS = [name for name in CATALOGUE if name.startswith("reading_")]


def report(name: str) -> Report:
    """What a network of the catalogue costs on one of its images, without side head."""
    arguments = {} if name in READINGS else {"aux": False}
    with torch.device("meta"):
        model = find(name).build(**arguments)
    shape = ",".join(map(str, find(name).input_shape))
    return costlab.analyze(model, f"f32[1,{shape}]", mode="eval")


def costs(of: Report) -> dict[str, tuple[int, int]]:
    """Parameters and multiply-adds of every block."""
    return {block.path: (block.cost.params, block.cost.macs) for block in of.blocks}


def grids(of: Report) -> dict[str, tuple[int, ...]]:
    """What every block writes."""
    return {block.path: block.outputs[0].shape[1:] for block in of.blocks}


@pytest.fixture(scope="module")
def released() -> Report:
    """What the released graph costs."""
    return report("inception_v3")


def test_as_released() -> None:
    """The reading that changes nothing is the released graph without its side head."""
    with torch.device("meta"):
        network, ours = find("inception_v3").build(aux=False), InceptionV3Reading()
    shapes = [{key: w.shape for key, w in m.state_dict().items()} for m in (network, ours)]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("name", READINGS)
def test_what_is_unchanged(name: str, released: Report) -> None:
    """Every reading changes the blocks that it names, and the parameters of no other."""
    changed = {
        "reading_figure5_35x35": ("Mixed_5",),
        "reading_figure5_17x17": ("Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"),
        "reading_7x7_stem": ("Conv2d",),
        "reading_7x7_separable_stem": ("Conv2d",),
    }
    ours, before = costs(report(name)), costs(released)
    for block in ours.keys() | before.keys():
        same = ours.get(block) == before.get(block)
        if "same_padding" in name:
            assert ours[block][0] == before[block][0]
        else:
            assert same != block.startswith(changed[name]), block


@pytest.mark.parametrize("name", [name for name in READINGS if "same_padding" not in name])
def test_grids_behind_the_stem(name: str, released: Report) -> None:
    """From 73×73 on, grids and channels are those of Table 1, but for 64 in the second stage."""
    ours, before = grids(report(name)), grids(released)
    if name.endswith("_stem"):
        assert ours.pop("Conv2d_1a_7x7") == before["Conv2d_2b_3x3"] == (64, 147, 147)
        assert ours.pop("Conv2d_3b_1x1") == (64, 73, 73)
    assert ours.items() <= before.items()


def test_figure_5_at_35x35(released: Report) -> None:
    """A 3×3 in place of a 5×5 saves 16 of 25 weights in each of three modules."""
    saved = 3 * 48 * 64 * (25 - 9)
    total = report("reading_figure5_35x35").total
    assert released.total.params - total.params == saved
    assert released.total.macs - total.macs == saved * 35 * 35
    assert total.macs == 5_532_582_496
    assert total.depth == 48


def test_figure_5_at_17x17() -> None:
    """Each module is a 1×1, a 3×3, a 3×3 twice, and a projection, of the released widths."""
    ours = report("reading_figure5_17x17")
    for name, c in {"Mixed_6b": 128, "Mixed_6c": 160, "Mixed_6d": 160, "Mixed_6e": 192}.items():
        weights = 768 * 192 + (768 * c + c * 192 * 9) + (768 * c + c * c * 9 + c * 192 * 9)
        weights += 768 * 192
        filters = 192 + (c + 192) + (c + c + 192) + 192
        assert costs(ours)[name] == (weights + 2 * filters, weights * 17 * 17)
    assert ours.total.macs == 5_281_741_408
    assert ours.total.depth == 48 - 4 * 2  # each module's longest branch has 3 layers, not 5


@pytest.mark.parametrize(
    ("name", "weights", "depth"),
    [
        ("reading_7x7_stem", 3 * 64 * 49, 48 - 2),
        # A 7×7 on each of 3 channels, 8 times, and a 1×1 over the 24.
        ("reading_7x7_separable_stem", 3 * 8 * 49 + 24 * 64, 48 - 1),
    ],
)
def test_stem_7x7(released: Report, name: str, weights: int, depth: int) -> None:
    """First layer and second stage are the products of their sizes; the rest is as released."""
    ours = report(name)
    cost = costs(ours)
    assert cost["Conv2d_1a_7x7"] == (weights + 2 * 64, weights * 147 * 147)
    assert cost["Conv2d_3b_1x1"] == (64 * 64 + 2 * 64, 64 * 64 * 73 * 73)
    assert cost["Conv2d_4a_3x3"] == (64 * 192 * 9 + 2 * 192, 64 * 192 * 9 * 71 * 71)
    behind = released.total.macs - sum(
        macs for block, (_, macs) in costs(released).items() if block.startswith("Conv2d")
    )
    stem = weights * 147**2 + 64 * 64 * 73**2 + 64 * 192 * 9 * 71**2
    assert ours.total.macs == behind + stem
    assert ours.total.depth == depth


@pytest.mark.parametrize("name", ["reading_same_padding", "reading_same_padding_224"])
def test_same_padding(name: str, released: Report) -> None:
    """Every stride halves the grid, rounded up, and each weight meets each position of its grid."""
    ours = report(name)
    side = find(name).input_shape[1]
    sides = [ceil(side / 2**halvings) for halvings in range(6)]
    halved = ["Conv2d_1a_3x3", "MaxPool_3a", "MaxPool_5a", "Mixed_6a", "Mixed_7a"]
    halvings, expected = 0, {}
    for block, shape in grids(released).items():
        halvings += block in halved
        grid = (sides[halvings],) * 2 if len(shape) == 3 else ()
        expected[block] = (shape[0], *((1, 1) if block in ("pool", "dropout") else grid))
    assert grids(ours) == expected
    for layer in ours.root.walk():
        if layer.kind == "Conv2d":
            assert layer.cost.macs == layer.cost.params * prod(layer.outputs[0].shape[2:])
    # The first of the two convolutions in a reduction still runs on the larger grid.
    larger = 288 * 64 + 64 * 96 * 9
    smaller = 288 * 384 * 9 + 96 * 96 * 9
    assert costs(ours)["Mixed_6a"][1] == larger * sides[3] ** 2 + smaller * sides[4] ** 2
    assert ours.total.depth == 48


def test_readings_and_table_3() -> None:
    """To a tenth of a billion none meets 4.8, and only every layer padded at 224×224 meets 3.8."""
    figures = {name: round(report(name).total.macs / 1e9, 1) for name in READINGS}
    assert figures == {
        "reading_figure5_35x35": 5.5,
        "reading_figure5_17x17": 5.3,
        "reading_7x7_stem": 5.2,
        "reading_7x7_separable_stem": 5.0,
        "reading_same_padding": 7.1,
        "reading_same_padding_224": 3.8,
    }


def test_readings_combine() -> None:
    """The arguments are independent: together they save what each saves alone."""
    with torch.device("meta"):
        combined = InceptionV3Reading(stem="7x7", figure5_35x35=True, figure5_17x17=True)
    macs = costlab.analyze(combined, "f32[1,3,299,299]", mode="eval").total.macs
    alone = ("reading_7x7_stem", "reading_figure5_35x35", "reading_figure5_17x17")
    whole = 5_713_216_096
    assert macs == whole - sum(whole - report(name).total.macs for name in alone)


@pytest.mark.parametrize("name", ["reading_figure5_17x17", "reading_7x7_separable_stem"])
def test_training(name: str) -> None:
    """A step of gradient descent changes every parameter."""
    torch.manual_seed(0)
    network = find(name).build(classes=10, width=0.1, figure5_35x35=True)
    before = copy.deepcopy(network.state_dict())
    descent = torch.optim.SGD(network.parameters(), lr=0.03)
    logits = network(torch.randn(2, 3, 107, 107))
    torch.autograd.backward(nn.functional.cross_entropy(logits, torch.tensor([3, 7])))
    descent.step()
    for parameter, value in network.named_parameters():
        assert not torch.equal(value, before[parameter]), parameter


@pytest.mark.parametrize("name", READINGS)
def test_small_width(name: str) -> None:
    """Any width makes modules that fit together."""
    with torch.device("meta"):
        network = find(name).build(classes=5, width=0.03).eval()
        assert network(torch.zeros(2, 3, 75, 75)).shape == (2, 5)


def test_copies() -> None:
    """A network can be copied and pickled, with its modules and its weights."""
    network = find("reading_7x7_separable_stem").build(width=0.03, figure5_35x35=True)
    for other in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):  # noqa: S301 - its own pickle
        assert str(other) == str(network)
        copied = other.state_dict()
        for key, value in network.state_dict().items():
            assert torch.equal(copied[key], value), key


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"stem": "5x5"}, "stem='5x5': it is one of 'released', '7x7', '7x7 separable'"),
        ({"stem": None}, "stem=None"),
        ({"modules_17x17": 0}, "modules_17x17=0"),
        ({"classes": 0}, "classes=0"),
        ({"width": 0}, "width=0"),
    ],
)
def test_nonsense_is_refused(arguments: dict[str, object], message: str) -> None:
    """What is no reading is refused."""
    with pytest.raises(UsageError, match=message):
        find("reading_7x7_stem").build(**arguments)
