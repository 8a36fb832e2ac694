"""Tests of VGG against the grids of its paper and counts in closed form."""

from __future__ import annotations

import copy
import pickle
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

import costlab
from costlab import Report
from costlab.errors import UsageError
from costlab.zoo import find
from costlab.zoo.vgg import VGG


class Row(NamedTuple):
    """What one block writes, a grid of 1 being a row of numbers, its parameters and MACs."""

    channels: int
    grid: int
    params: int
    macs: int


def alike(stage: int, places: range, row: Row) -> dict[str, Row]:
    """The convolutions at these places of a stage, which are alike."""
    return {f"conv{stage}_{place}": row for place in places}


def table(depth: int) -> dict[str, Row]:
    """Both columns differ only in the depth of the last three stages.

    Counts by `out · in · 3 · 3 + out` and `out · in · 3 · 3 · h · w`.
    """
    return {
        "conv1_1": Row(64, 224, 1_792, 86_704_128),
        "conv1_2": Row(64, 224, 36_928, 1_849_688_064),
        "pool1": Row(64, 112, 0, 0),
        "conv2_1": Row(128, 112, 73_856, 924_844_032),
        "conv2_2": Row(128, 112, 147_584, 1_849_688_064),
        "pool2": Row(128, 56, 0, 0),
        "conv3_1": Row(256, 56, 295_168, 924_844_032),
        **alike(3, range(2, depth + 1), Row(256, 56, 590_080, 1_849_688_064)),
        "pool3": Row(256, 28, 0, 0),
        "conv4_1": Row(512, 28, 1_180_160, 924_844_032),
        **alike(4, range(2, depth + 1), Row(512, 28, 2_359_808, 1_849_688_064)),
        "pool4": Row(512, 14, 0, 0),
        **alike(5, range(1, depth + 1), Row(512, 14, 2_359_808, 462_422_016)),
        "pool5": Row(512, 7, 0, 0),
        "row5": Row(7 * 7 * 512, 1, 0, 0),
        "fc6": Row(4096, 1, 102_764_544, 102_760_448),
        "drop6": Row(4096, 1, 0, 0),
        "fc7": Row(4096, 1, 16_781_312, 16_777_216),
        "drop7": Row(4096, 1, 0, 0),
        "fc8": Row(1000, 1, 4_097_000, 4_096_000),
    }


TABLES = {"vgg16": table(3), "vgg19": table(4)}
VARIANTS = [*TABLES, "vgg16_bn", "vgg19_bn"]
TOTALS = {
    "vgg16": (138_357_544, 15_470_264_320),
    "vgg19": (143_667_240, 19_632_062_464),
    "vgg16_bn": (138_365_992, 15_470_264_320),
    "vgg19_bn": (143_678_248, 19_632_062_464),
}


def report(name: str, mode: str = "eval", **arguments: object) -> Report:
    """What the network costs on one image of 224×224."""
    with torch.device("meta"):
        model = find(name).build(**arguments)
    return costlab.analyze(model, "f32[1,3,224,224]", mode=mode, strict=True)


@pytest.fixture(scope="module")
def reports() -> dict[str, Report]:
    """The report of each variant."""
    return {name: report(name) for name in VARIANTS}


@pytest.mark.parametrize("name", VARIANTS)
def test_blocks_stand_in_forward_order(reports: dict[str, Report], name: str) -> None:
    """Blocks are registered as in the table, and nothing else costs anything."""
    assert [block.path for block in reports[name].blocks] == list(TABLES[name[:5]])


@pytest.mark.parametrize(
    ("name", "block"), [(name, block) for name in VARIANTS for block in TABLES[name[:5]]]
)
def test_block(reports: dict[str, Report], name: str, block: str) -> None:
    """Every block writes the grid of the paper; batch norm adds two numbers a filter, no MACs."""
    found, row = reports[name].block(block), TABLES[name[:5]][block]
    grid = (row.grid, row.grid) if row.grid > 1 else ()
    assert [output.shape for output in found.outputs] == [(1, row.channels, *grid)]
    normalized = name.endswith("_bn") and block.startswith("conv")
    assert found.cost.params == row.params + (2 * row.channels if normalized else 0)
    assert found.cost.macs == row.macs


@pytest.mark.parametrize("name", VARIANTS)
def test_totals(reports: dict[str, Report], name: str) -> None:
    """The totals are those of the published graphs, with the 16 or 19 weight layers of the name."""
    total = reports[name].total
    assert (total.params, total.macs) == TOTALS[name]
    assert total.depth == int(name[3:5])
    assert report(name, mode="train").total.macs == total.macs


@pytest.mark.parametrize(("name", "billions"), [("vgg16", 15.3), ("vgg19", 19.5)])
def test_convolutions_alone(reports: dict[str, Report], name: str, billions: float) -> None:
    """The 15.3 billion that the ResNet paper prints are the convolutions; its 19.6 are the whole.

    The head of three layers has 0.12 billion, so the two figures are not of one kind.
    """
    head = 25_088 * 4096 + 4096 * 4096 + 4096 * 1000
    assert round((reports[name].total.macs - head) / 1e9, 1) == billions
    assert round(TOTALS["vgg19"][1] / 1e9, 1) == 19.6


@pytest.mark.parametrize("name", VARIANTS)
def test_twice_the_width(reports: dict[str, Report], name: str) -> None:
    """Doubled filter banks cost 4 times as much, but for the RGB input and the classes."""
    once = 86_704_128 + 4_096_000
    doubled = report(name, width=2).total.macs
    assert doubled == 4 * (reports[name].total.macs - once) + 2 * once
    assert report(name, width=0.3).block("fc8").outputs[0].shape == (1, 1000)


def test_images_of_another_size() -> None:
    """Any grid is brought to 7×7, from images of 32×32 on."""
    with torch.device("meta"):
        network = VGG()
    for shape in [(32, 32), (224, 320)]:
        assert network(torch.zeros(1, 3, *shape, device="meta")).shape == (1, 1000)
    with pytest.raises(RuntimeError, match="size"):
        network(torch.zeros(1, 3, 31, 31, device="meta"))


def test_pooling_to_7x7_changes_nothing_at_224x224() -> None:
    """What stands between the last pooling and the head is the paper's network at its own size."""
    with torch.device("meta"):
        network = VGG(width=0.1)
    grid = torch.randn(2, 51, 7, 7)
    assert torch.equal(network.get_submodule("row5")(grid), grid.flatten(1))


def test_columns_of_nonsense() -> None:
    """Only columns D and E of the paper's table are here."""
    with pytest.raises(UsageError, match=r"column='F': it is one of 'D', 'E'"):
        VGG(column="F")  # type: ignore[arg-type]  # refused, which is tested


@pytest.mark.parametrize("name", VARIANTS)
def test_training(name: str) -> None:
    """A training step changes every parameter, but the biases that a normalization takes away."""
    torch.manual_seed(0)
    network = find(name).build(classes=10, width=0.2)
    before = copy.deepcopy(network)
    descent = torch.optim.SGD(network.parameters(), lr=0.1)
    logits = network(torch.randn(4, 3, 32, 32))
    torch.autograd.backward(nn.functional.cross_entropy(logits, torch.tensor([3, 7, 1, 0])))
    descent.step()
    for (part, parameter), old in zip(network.named_parameters(), before.parameters(), strict=True):
        if not part.endswith("conv.bias") or not name.endswith("_bn"):
            assert not torch.equal(parameter, old), part


@pytest.mark.parametrize("name", VARIANTS)
def test_eval(name: str) -> None:
    """An untrained network tells images apart, and a copy of it computes the same."""
    torch.manual_seed(0)
    network = find(name).build(width=0.25).eval()
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        logits: Tensor = network(images)
        copied = pickle.loads(pickle.dumps(network))(images)  # noqa: S301 - of this very test
    assert 0.01 < logits.std() < 10
    assert (logits[0] - logits[1]).abs().max() > 0.01
    assert torch.equal(copied, logits)
