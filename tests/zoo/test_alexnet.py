"""Tests of AlexNet against the grids of its paper and counts in closed form."""

from __future__ import annotations

import copy
import pickle
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

import costlab
from costlab import Report
from costlab.errors import TraceError, UsageError
from costlab.zoo import find
from costlab.zoo.alexnet import AlexNet, OneTowerAlexNet, ResponseNorm
from costlab.zoo.convolutions import Style


class Row(NamedTuple):
    """What one block writes, a grid of 1 being a row of numbers, its parameters and MACs."""

    channels: int
    grid: int
    params: int
    macs: int


# By `out · (in / groups) · kh · kw + out` and `out · (in / groups) · kh · kw · h · w`; the head is
# the same in all variants.
HEAD = {
    "row5": Row(6 * 6 * 256, 1, 0, 0),
    "fc6": Row(4096, 1, 37_752_832, 37_748_736),
    "drop6": Row(4096, 1, 0, 0),
    "fc7": Row(4096, 1, 16_781_312, 16_777_216),
    "drop7": Row(4096, 1, 0, 0),
    "fc8": Row(1000, 1, 4_097_000, 4_096_000),
}
TWO_TOWERS = {
    "conv1": Row(96, 55, 34_944, 105_415_200),
    "norm1": Row(96, 55, 0, 0),
    "pool1": Row(96, 27, 0, 0),
    "conv2": Row(256, 27, 307_456, 223_948_800),
    "norm2": Row(256, 27, 0, 0),
    "pool2": Row(256, 13, 0, 0),
    "conv3": Row(384, 13, 885_120, 149_520_384),
    "conv4": Row(384, 13, 663_936, 112_140_288),
    "conv5": Row(256, 13, 442_624, 74_760_192),
    "pool5": Row(256, 6, 0, 0),
    **HEAD,
}
# Twice the weights where a filter reads all maps and not those of its own tower only.
UNGROUPED = {
    **TWO_TOWERS,
    "conv2": Row(256, 27, 2 * 307_200 + 256, 2 * 223_948_800),
    "conv4": Row(384, 13, 2 * 663_552 + 384, 2 * 112_140_288),
    "conv5": Row(256, 13, 2 * 442_368 + 256, 2 * 74_760_192),
}
ONE_TOWER = {
    "conv1": Row(64, 55, 23_296, 70_276_800),
    "pool1": Row(64, 27, 0, 0),
    "conv2": Row(192, 27, 307_392, 223_948_800),
    "pool2": Row(192, 13, 0, 0),
    "conv3": Row(384, 13, 663_936, 112_140_288),
    "conv4": Row(256, 13, 884_992, 149_520_384),
    "conv5": Row(256, 13, 590_080, 99_680_256),
    "pool5": Row(256, 6, 0, 0),
    "row5": HEAD["row5"],
    "drop5": Row(9216, 1, 0, 0),
    **{name: row for name, row in HEAD.items() if name not in {"row5", "drop7"}},
}
TABLES = {"alexnet": TWO_TOWERS, "alexnet_ungrouped": UNGROUPED, "alexnet_one_tower": ONE_TOWER}
TOTALS = {
    "alexnet": (60_965_224, 724_406_816),
    "alexnet_ungrouped": (62_378_344, 1_135_256_096),
    "alexnet_one_tower": (61_100_840, 714_188_480),
}


def report(name: str, mode: str = "eval", **arguments: object) -> Report:
    """What the network costs on one image of its input shape."""
    network = find(name)
    with torch.device("meta"):
        model = network.build(**arguments)
    side = network.input_shape[-1]
    return costlab.analyze(model, f"f32[1,3,{side},{side}]", mode=mode, strict=True)


@pytest.fixture(scope="module")
def reports() -> dict[str, Report]:
    """The report of each variant."""
    return {name: report(name) for name in TABLES}


@pytest.mark.parametrize("name", TABLES)
def test_blocks_stand_in_forward_order(reports: dict[str, Report], name: str) -> None:
    """Blocks are registered as in the table, and nothing else costs anything."""
    assert [block.path for block in reports[name].blocks] == list(TABLES[name])


@pytest.mark.parametrize(("name", "block"), [(n, b) for n, table in TABLES.items() for b in table])
def test_block(reports: dict[str, Report], name: str, block: str) -> None:
    """Every block writes the grid of the paper and costs what its filters say."""
    found, row = reports[name].block(block), TABLES[name][block]
    grid = (row.grid, row.grid) if row.grid > 1 else ()
    assert [output.shape for output in found.outputs] == [(1, row.channels, *grid)]
    assert (found.cost.params, found.cost.macs) == (row.params, row.macs)


@pytest.mark.parametrize("name", TABLES)
def test_totals(reports: dict[str, Report], name: str) -> None:
    """The totals are those of the published graphs, with eight weight layers in a row."""
    total = reports[name].total
    assert (total.params, total.macs) == TOTALS[name]
    assert total.depth == 5 + 3
    assert report(name, mode="train").total.macs == total.macs


def test_published() -> None:
    """The published figures are round: 60 million parameters, 720 or 727 million operations."""
    for figure in find("alexnet").published:
        found = {"params": 60_965_224, "macs": 724_406_816}[figure.metric]
        assert abs(figure.value - found) / found < 0.02


@pytest.mark.parametrize("name", TABLES)
def test_twice_the_width(reports: dict[str, Report], name: str) -> None:
    """Doubled filter banks cost 4 times as much, but for the RGB input and the classes."""
    once = TABLES[name]["conv1"].macs + TABLES[name]["fc8"].macs
    doubled = report(name, width=2).total.macs
    assert doubled == 4 * (reports[name].total.macs - once) + 2 * once


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("width", [0.3, 0.01])
def test_broken_width(name: str, width: float) -> None:
    """At a width that leaves odd banks, banks are still even where two groups read them."""
    assert report(name, width=width).block("fc8").outputs[0].shape == (1, 1000)


def test_response_norm_is_that_of_the_paper() -> None:
    """Each activity is divided by (2 + 1e-4 · the squares of 5 neighbours)^0.75, none outside."""
    torch.manual_seed(0)
    x = 100 * torch.randn(2, 7, 3, 3)
    expected = torch.empty_like(x)
    for i in range(7):
        neighbours = x[:, max(0, i - 2) : min(7, i + 3)]
        expected[:, i] = x[:, i] / (2 + 1e-4 * (neighbours**2).sum(1)) ** 0.75
    assert torch.allclose(ResponseNorm(7, Style())(x), expected)
    assert (x / expected).max() > 2  # so the squares, not only the constant, are felt


@pytest.mark.parametrize("block", ["conv2", "conv4", "conv5"])
def test_towers_do_not_see_each_other(block: str) -> None:
    """A filter of the grouped layers reads the maps of its own half only."""
    torch.manual_seed(0)
    layer = AlexNet(width=0.1).get_submodule(block)
    half = layer.get_parameter("conv.weight").shape[1]
    x = torch.randn(1, 2 * half, 13, 13)
    other = torch.cat([x[:, :half], torch.randn(1, half, 13, 13)], dim=1)
    before, after = layer(x).chunk(2, dim=1), layer(other).chunk(2, dim=1)
    assert torch.equal(before[0], after[0])
    assert not torch.equal(before[1], after[1])


def test_images_of_another_size() -> None:
    """224×224, as the paper says, leaves no 6×6; the error names the size that does."""
    with torch.device("meta"):
        network = AlexNet(width=0.1)
    with pytest.raises(UsageError, match=r"grid of 6×6.*5×5; give images of 227×227"):
        network(torch.zeros(1, 3, 224, 224, device="meta"))
    with pytest.raises(TraceError, match="give images of 227×227"):
        costlab.analyze(network, "f32[1,3,224,224]")
    for side in (227, 258):
        assert network(torch.zeros(1, 3, side, side, device="meta")).shape == (1, 1000)


def test_one_tower_takes_any_image() -> None:
    """The variant pools any grid to 6×6, from 63×63 on."""
    with torch.device("meta"):
        network = OneTowerAlexNet()
    for shape in [(63, 63), (224, 320)]:
        assert network(torch.zeros(1, 3, *shape, device="meta")).shape == (1, 1000)
    with pytest.raises(RuntimeError, match="size"):
        network(torch.zeros(1, 3, 62, 62, device="meta"))


@pytest.mark.parametrize("groups", [0, 3, True, 2.0, "2", [2]])
def test_groups_of_nonsense(groups: int) -> None:
    """There are one or two towers."""
    with pytest.raises(UsageError, match="groups="):
        AlexNet(groups=groups)


@pytest.mark.parametrize("name", TABLES)
def test_training(name: str) -> None:
    """A training step changes every parameter."""
    torch.manual_seed(0)
    network = find(name).build(classes=10, width=0.2)
    before = copy.deepcopy(network)
    descent = torch.optim.SGD(network.parameters(), lr=0.1)
    logits = network(torch.randn(2, *find(name).input_shape))
    torch.autograd.backward(nn.functional.cross_entropy(logits, torch.tensor([3, 7])))
    descent.step()
    for (part, parameter), old in zip(network.named_parameters(), before.parameters(), strict=True):
        assert not torch.equal(parameter, old), part


@pytest.mark.parametrize("name", TABLES)
def test_eval(name: str) -> None:
    """An untrained network tells images apart, and a copy of it computes the same."""
    torch.manual_seed(0)
    network = find(name).build(width=0.25).eval()
    images = torch.randn(2, *find(name).input_shape)
    with torch.no_grad():
        logits: Tensor = network(images)
        copied = pickle.loads(pickle.dumps(network))(images)  # noqa: S301 - of this very test
    assert 0.01 < logits.std() < 10
    assert (logits[0] - logits[1]).abs().max() > 0.01
    assert torch.equal(copied, logits)
