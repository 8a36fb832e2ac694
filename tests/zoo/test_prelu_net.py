"""Tests of the PReLU-nets against counts in closed form, slopes counted beside them."""

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
from costlab.zoo.convolutions import Style
from costlab.zoo.prelu_net import PReLUNet, SpatialPyramid


class Row(NamedTuple):
    """What one block writes, a grid of 1 being a row of numbers, its parameters and MACs.

    Parameters without slopes, of which each channel has one.
    """

    channels: int
    grid: int
    params: int
    macs: int


def alike(stage: int, places: range, row: Row) -> dict[str, Row]:
    """The convolutions at these places of a stage, which are alike."""
    return {f"conv{stage}_{place}": row for place in places}


def table(stages: dict[str, Row], channels: int, fc6: tuple[int, int]) -> dict[str, Row]:
    """A model: its stages between the first layer and the head, which all models share."""
    return {
        "conv1": Row(96, 112, 14_208, 177_020_928),
        "pool1": Row(96, 56, 0, 0),
        **stages,
        "spp": Row(channels * (7 * 7 + 3 * 3 + 2 * 2 + 1), 1, 0, 0),
        "fc6": Row(4096, 1, *fc6),
        "drop6": Row(4096, 1, 0, 0),
        "fc7": Row(4096, 1, 16_781_312, 16_777_216),
        "drop7": Row(4096, 1, 0, 0),
        "fc8": Row(1000, 1, 4_097_000, 4_096_000),
    }


def narrow(depth: int) -> dict[str, Row]:
    """The stages of A and B: 256, 512 and 512 filters."""
    return {
        "conv2_1": Row(256, 56, 221_440, 693_633_024),
        **alike(2, range(2, depth + 1), Row(256, 56, 590_080, 1_849_688_064)),
        "pool2": Row(256, 28, 0, 0),
        "conv3_1": Row(512, 28, 1_180_160, 924_844_032),
        **alike(3, range(2, depth + 1), Row(512, 28, 2_359_808, 1_849_688_064)),
        "pool3": Row(512, 14, 0, 0),
        **alike(4, range(1, depth + 1), Row(512, 14, 2_359_808, 462_422_016)),
    }


# The stages of C: 384, 768 and 896 filters.
WIDE = {
    "conv2_1": Row(384, 56, 332_160, 1_040_449_536),
    **alike(2, range(2, 7), Row(384, 56, 1_327_488, 4_161_798_144)),
    "pool2": Row(384, 28, 0, 0),
    "conv3_1": Row(768, 28, 2_654_976, 2_080_899_072),
    **alike(3, range(2, 7), Row(768, 28, 5_309_184, 4_161_798_144)),
    "pool3": Row(768, 14, 0, 0),
    "conv4_1": Row(896, 14, 6_194_048, 1_213_857_792),
    **alike(4, range(2, 7), Row(896, 14, 7_226_240, 1_416_167_424)),
}
FC6 = 63 * 512 * 4096 + 4096, 63 * 512 * 4096
TABLES = {
    "prelu_net_a": table(narrow(5), 512, FC6),
    "prelu_net_b": table(narrow(6), 512, FC6),
    "prelu_net_c": table(WIDE, 896, (63 * 896 * 4096 + 4096, 63 * 896 * 4096)),
}
# Parameters without slopes, slopes, multiply-adds, weight layers.
TOTALS = {
    "prelu_net_a": (178_017_384, 96 + 5 * (256 + 512 + 512) + 2 * 4096, 19_058_106_368, 19),
    "prelu_net_b": (183_327_080, 96 + 6 * (256 + 512 + 512) + 2 * 4096, 23_219_904_512, 22),
    "prelu_net_c": (330_603_368, 96 + 6 * (384 + 768 + 896) + 2 * 4096, 53_463_130_112, 22),
}


def report(name: str, mode: str = "eval", **arguments: object) -> Report:
    """What the network costs on one image of 224×224."""
    with torch.device("meta"):
        model = find(name).build(**arguments)
    return costlab.analyze(model, "f32[1,3,224,224]", mode=mode, strict=True)


@pytest.fixture(scope="module")
def reports() -> dict[str, Report]:
    """The report of each model."""
    return {name: report(name) for name in TABLES}


@pytest.mark.parametrize("name", TABLES)
def test_blocks_stand_in_forward_order(reports: dict[str, Report], name: str) -> None:
    """Blocks are registered as in the table, and nothing else costs anything."""
    assert [block.path for block in reports[name].blocks] == list(TABLES[name])


@pytest.mark.parametrize(("name", "block"), [(n, b) for n, table in TABLES.items() for b in table])
def test_block(reports: dict[str, Report], name: str, block: str) -> None:
    """Every block costs what its filters say, and all but the last learn a slope a channel."""
    found, row = reports[name].block(block), TABLES[name][block]
    grid = (row.grid, row.grid) if row.grid > 1 else ()
    assert [output.shape for output in found.outputs] == [(1, row.channels, *grid)]
    slopes = row.channels if row.params and block != "fc8" else 0
    assert found.cost.params == row.params + slopes
    assert found.cost.macs == row.macs


@pytest.mark.parametrize("name", TABLES)
def test_totals(reports: dict[str, Report], name: str) -> None:
    """The totals are those of the layers, and a slope for each channel of all but the last."""
    params, slopes, macs, depth = TOTALS[name]
    total = reports[name].total
    assert (total.params, total.macs, total.depth) == (params + slopes, macs, depth)
    assert report(name, mode="train").total.macs == macs


@pytest.mark.parametrize("name", TABLES)
def test_head(name: str) -> None:
    """The three layers of the head together have what is told of them."""
    rows = [TABLES[name][f"fc{place}"] for place in (6, 7, 8)]
    expected = {"prelu_net_c": (252_093_416, 252_084_224)}.get(name, (153_002_984, 152_993_792))
    assert (sum(r.params for r in rows), sum(r.macs for r in rows)) == expected


@pytest.mark.parametrize("name", TABLES)
def test_twice_the_width(reports: dict[str, Report], name: str) -> None:
    """Doubled filter banks cost 4 times as much, but for the RGB input and the classes."""
    once = 177_020_928 + 4_096_000
    doubled = report(name, width=2).total.macs
    assert doubled == 4 * (reports[name].total.macs - once) + 2 * once
    assert report(name, width=0.3).block("fc8").outputs[0].shape == (1, 1000)


@pytest.mark.parametrize("side", [14, 8, 5])
def test_pyramid(side: int) -> None:
    """Each bin is the maximum from ⌊i w / n⌋ to ⌈(i + 1) w / n⌉; coarse grids stand last."""
    torch.manual_seed(0)
    x = torch.randn(2, 3, side, side)
    bins: list[Tensor] = []
    for n in (7, 3, 2, 1):
        edges = [(i * side // n, -((i + 1) * -side // n)) for i in range(n)]
        level = [[x[:, :, a:b, c:d].amax((2, 3)) for c, d in edges] for a, b in edges]
        bins.append(torch.stack([torch.stack(row, -1) for row in level], -2).flatten(1))
    pyramid = SpatialPyramid(3, Style(), grids=(7, 3, 2, 1))
    assert pyramid.outputs == 3 * 63
    assert torch.equal(pyramid(x), torch.cat(bins, 1))


def test_slopes() -> None:
    """Slopes begin at 0.25, as in the paper, and each is its channel's own."""
    network = PReLUNet(width=0.05)
    slopes = {n: p for n, p in network.named_parameters() if "prelu" in n}
    assert len(slopes) == 1 + 3 * 5 + 2
    assert all(torch.equal(p, torch.full_like(p, 0.25)) for p in slopes.values())
    assert slopes["conv2_1.prelu.weight"].shape == (round(256 * 0.05),)


def test_images_of_another_size() -> None:
    """The pyramid takes any grid, from images of 15×15 on."""
    with torch.device("meta"):
        network = PReLUNet(width=0.1)
    for shape in [(15, 15), (224, 320)]:
        assert network(torch.zeros(1, 3, *shape, device="meta")).shape == (1, 1000)
    with pytest.raises(RuntimeError, match="size"):
        network(torch.zeros(1, 3, 14, 14, device="meta"))


def test_models_of_nonsense() -> None:
    """There are three models."""
    with pytest.raises(UsageError, match=r"model='a': it is one of 'A', 'B', 'C'"):
        PReLUNet(model="a")  # type: ignore[arg-type]  # refused, which is tested


@pytest.mark.parametrize("name", TABLES)
def test_training(name: str) -> None:
    """A training step changes every parameter, slopes too."""
    torch.manual_seed(0)
    network = find(name).build(classes=10, width=0.1)
    before = copy.deepcopy(network)
    descent = torch.optim.SGD(network.parameters(), lr=0.1)
    logits = network(torch.randn(4, 3, 32, 32))
    torch.autograd.backward(nn.functional.cross_entropy(logits, torch.tensor([3, 7, 1, 0])))
    descent.step()
    for (part, parameter), old in zip(network.named_parameters(), before.parameters(), strict=True):
        assert not torch.equal(parameter, old), part


@pytest.mark.parametrize("name", TABLES)
def test_eval(name: str) -> None:
    """An untrained network tells images apart, and a copy of it computes the same."""
    torch.manual_seed(0)
    network = find(name).build(width=0.1).eval()
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        logits: Tensor = network(images)
        copied = pickle.loads(pickle.dumps(network))(images)  # noqa: S301 - of this very test
    assert 0.01 < logits.std() < 10
    assert (logits[0] - logits[1]).abs().max() > 0.01
    assert torch.equal(copied, logits)
