"""Tests of ResNet against the grids of its paper and the counts of the published graphs."""

from __future__ import annotations

import copy
import pickle
from typing import NamedTuple

import pytest
import torch
from torch import nn

import costlab
from costlab import Report
from costlab.errors import UsageError
from costlab.zoo import find
from costlab.zoo.resnet import ResNet, ZeroPadded

IMAGE = "f32[1,3,224,224]"


class Row(NamedTuple):
    """What one block writes at 224×224, its parameters, and its multiply-adds."""

    channels: int
    grid: int
    params: int
    macs: int


def alike(stage: int, last: int, row: Row) -> dict[str, Row]:
    """The units of a stage behind its first, which are alike."""
    return {f"conv{stage}_{place}": row for place in range(2, last + 1)}


# Stride in the 3×3, as torchvision has it; by `out · in · kh · kw + 2 · out` and
# `out · in · kh · kw · h · w` from the filters of the paper's Table 1.
RESNET50 = {
    "conv1": Row(64, 112, 9_536, 118_013_952),
    "pool1": Row(64, 56, 0, 0),
    "conv2_1": Row(256, 56, 75_008, 231_211_008),
    **alike(2, 3, Row(256, 56, 70_400, 218_365_952)),
    "conv3_1": Row(512, 28, 379_392, 372_506_624),
    **alike(3, 4, Row(512, 28, 280_064, 218_365_952)),
    "conv4_1": Row(1024, 14, 1_512_448, 372_506_624),
    **alike(4, 6, Row(1024, 14, 1_117_184, 218_365_952)),
    "conv5_1": Row(2048, 7, 6_039_552, 372_506_624),
    **alike(5, 3, Row(2048, 7, 4_462_592, 218_365_952)),
    "pool": Row(2048, 1, 0, 0),
    "fc": Row(1000, 1, 2_049_000, 2_048_000),
}
TOTALS = {
    "resnet18": (18, 11_689_512, 1_814_073_344),
    "resnet34": (34, 21_797_672, 3_663_761_408),
    "resnet50": (50, 25_557_032, 4_089_184_256),
    "resnet101": (101, 44_549_160, 7_801_405_440),
    "resnet152": (152, 60_192_808, 11_513_626_624),
    "resnet50_v1": (50, 25_557_032, 3_857_973_248),
    "resnet101_v1": (101, 44_549_160, 7_570_194_432),
    "resnet152_v1": (152, 60_192_808, 11_282_415_616),
    # Without what the three projections have.
    "resnet18_a": (18, 11_689_512 - 172_032 - 2 * 896, 1_794_805_760),
    "resnet34_a": (34, 21_797_672 - 172_032 - 2 * 896, 3_644_493_824),
}


def report(name: str, **arguments: object) -> Report:
    """What a network of the catalogue costs on one image of 224×224."""
    with torch.device("meta"):
        return costlab.analyze(find(name).build(**arguments), IMAGE, mode="eval")


@pytest.fixture(scope="module")
def resnet50() -> Report:
    """What ResNet-50 costs."""
    return report("resnet50")


def test_blocks_stand_in_forward_order(resnet50: Report) -> None:
    """The units are named as in Table 1 and stand in the order in which they run."""
    assert [block.path for block in resnet50.blocks] == list(RESNET50)
    assert all(block.calls == 1 for block in resnet50.blocks)


@pytest.mark.parametrize("name", RESNET50)
def test_block(resnet50: Report, name: str) -> None:
    """Every block of ResNet-50 has its grid, its parameters and its multiply-adds."""
    block, row = resnet50.block(name), RESNET50[name]
    grid = () if name == "fc" else (row.grid, row.grid)
    assert block.outputs[0].shape == (1, row.channels, *grid)
    assert (block.cost.params, block.cost.macs) == (row.params, row.macs)


def test_block_with_stride_in_1x1(resnet50: Report) -> None:
    """With the stride in the first 1×1 only that layer and the 3×3 differ: a quarter each way."""
    first = report("resnet50_v1")
    for block in first.blocks:
        same = RESNET50[block.path]
        moved = block.path in ("conv3_1", "conv4_1", "conv5_1")
        assert block.cost.params == same.params
        # The 1×1 reads c and writes c/2 on a quarter of the grid: 3/4 of it is saved.
        saved = 256 * 128 * (56 * 56 - 28 * 28) if moved else 0
        assert block.cost.macs == same.macs - saved
    assert resnet50.total.macs - first.total.macs == 3 * 256 * 128 * (56 * 56 - 28 * 28)


@pytest.mark.parametrize("name", TOTALS)
def test_totals(name: str) -> None:
    """Parameters and multiply-adds are those known, and the depth is the number in the name."""
    total = report(name).total
    assert (total.depth, total.params, total.macs) == TOTALS[name]


def test_basic_blocks_in_factors() -> None:
    """The units of ResNet-18 are two 3×3 convolutions; the first of a stage halves the grid."""
    eighteen = report("resnet18")
    costs = {block.path: (block.cost.params, block.cost.macs) for block in eighteen.blocks}
    weights = 2 * 64 * 64 * 9
    assert costs["conv2_1"] == costs["conv2_2"] == (weights + 4 * 64, weights * 56 * 56)
    weights = 64 * 128 * 9 + 128 * 128 * 9 + 64 * 128
    assert costs["conv3_1"] == (weights + 6 * 128, weights * 28 * 28)
    grids = {block.path: block.outputs[0].shape[2:] for block in eighteen.blocks[:-1]}
    for stage, grid in {2: 56, 3: 28, 4: 14, 5: 7}.items():
        assert grids[f"conv{stage}_1"] == grids[f"conv{stage}_2"] == (grid, grid)


def test_projections_in_factors() -> None:
    """Option B of §3.3 costs three 1×1 convolutions more than option A, in 18 and 34 layers."""
    projections = 64 * 128 * 28 * 28 + 128 * 256 * 14 * 14 + 256 * 512 * 7 * 7
    for name in ("resnet18", "resnet34"):
        assert report(name).total.macs - report(f"{name}_a").total.macs == projections


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ("resnet18", 1.8),
        ("resnet18_a", 1.8),
        ("resnet34_a", 3.6),
        ("resnet34", 3.7),  # where the paper prints 3.6
        ("resnet101_v1", 7.6),
        ("resnet152_v1", 11.3),
        ("resnet50_v1", 3.9),  # where the paper prints 3.8
    ],
)
def test_figures_of_table_1(name: str, printed: float) -> None:
    """Table 1's figures are met by option A and by strides in the first 1×1, but for 50 layers."""
    assert round(report(name).total.macs / 1e9, 1) == printed


def test_twice_the_width() -> None:
    """Doubled filter banks cost 4 times as much, but for the RGB input and the classes."""
    once, doubled = report("resnet50"), report("resnet50", width=2)
    ends = RESNET50["conv1"].macs + RESNET50["fc"].macs
    assert doubled.total.macs == 4 * (once.total.macs - ends) + 2 * ends


@pytest.mark.parametrize("name", TOTALS)
def test_small_width_and_image(name: str) -> None:
    """Any width makes units that fit together, and any image is large enough."""
    with torch.device("meta"):
        network = find(name).build(width=0.03, classes=7).eval()
        assert network(torch.zeros(2, 3, 33, 17)).shape == (2, 7)
        assert network(torch.zeros(1, 3, 1, 1)).shape == (1, 7)


def test_zero_padded() -> None:
    """Option A takes every second position, and adds channels of zeros behind those that are."""
    x = torch.randn(2, 3, 5, 4)
    y = ZeroPadded(2, stride=2)(x)
    assert torch.equal(y[:, :3], nn.functional.max_pool2d(x, 1, 2))
    assert torch.equal(y[:, 3:], torch.zeros(2, 2, 3, 2))
    assert "new_channels=2, stride=2" in str(ZeroPadded(2, stride=2))


@pytest.mark.parametrize("name", ["resnet18", "resnet18_a", "resnet50", "resnet50_v1"])
def test_training(name: str) -> None:
    """A step of gradient descent changes every parameter, and the loss falls."""
    torch.manual_seed(0)
    network = find(name).build(classes=10, width=0.25)
    images, labels = torch.randn(4, 3, 32, 32), torch.tensor([1, 3, 5, 7])
    descent = torch.optim.SGD(network.parameters(), lr=0.01)
    before = copy.deepcopy(network.state_dict())
    losses = []
    for _ in range(2):
        loss = nn.functional.cross_entropy(network(images), labels)
        descent.zero_grad()
        torch.autograd.backward(loss)
        descent.step()
        losses.append(loss.item())
    assert losses[0] > losses[1]
    for parameter, value in network.named_parameters():
        assert not torch.equal(value, before[parameter]), parameter


def test_copies() -> None:
    """A network can be copied and pickled, and its copies compute the same."""
    network = ResNet(18, classes=5, width=0.1, shortcuts="identity").eval()
    images = torch.randn(1, 3, 40, 40)
    with torch.no_grad():
        expected = network(images)
        for other in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):  # noqa: S301 - its own pickle
            assert torch.equal(other(images), expected)


def test_every_part_has_a_name() -> None:
    """No module is named by a position alone."""
    with torch.device("meta"):
        names = [name for name, _ in ResNet(50).named_modules()]
    assert not [name for name in names if any(part.isdecimal() for part in name.split("."))]
    assert "conv4_6.residual.conv2_3x3.bn" in names


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"layers": 51}, "layers=51: .* have 18, 34, 50, 101, 152 layers"),
        ({"layers": True}, "layers=True"),
        ({"layers": [50]}, r"layers=\[50\]"),
        ({"layers": "50"}, "layers='50'"),
        ({"shortcuts": "C"}, "shortcuts='C': it is one of 'projection', 'identity'"),
        ({"stride_in": "5x5"}, "stride_in='5x5': it is one of '3x3', '1x1'"),
        ({"layers": 34, "stride_in": "1x1"}, "the units of 34 layers have no 1x1"),
        ({"classes": 0}, "classes=0"),
        ({"width": -1}, "width=-1"),
    ],
)
def test_nonsense_is_refused(arguments: dict[str, object], message: str) -> None:
    """What no ResNet has is refused before anything is built."""
    with pytest.raises(UsageError, match=message):
        find("resnet50").build(**arguments)
