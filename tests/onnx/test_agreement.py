"""Files that torch exports cost what costlab's own trace of the same network does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import costlab
from costlab.onnx.counting import report
from tests.onnx.making import exported

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from costlab.report import Report

Case = tuple[nn.Module, tuple[torch.Tensor, ...]]


class Factorized(nn.Module):
    """A module with branches of 1×1, 1×7 and 7×1 and a pooled one, as Inception-v3 has them."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Conv2d(24, 16, 1)
        self.wide = nn.Conv2d(24, 12, (1, 7), padding=(0, 3))
        self.tall = nn.Conv2d(12, 20, (7, 1), padding=(3, 0), bias=False)
        self.norm = nn.BatchNorm2d(20)
        self.pooled = nn.Conv2d(24, 8, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """What the docstring of the class says."""
        tall = F.relu(self.norm(self.tall(self.wide(x))))
        pooled = self.pooled(F.avg_pool2d(x, 3, 1, 1))
        return torch.cat([self.one(x), tall, pooled], 1)


class Residual(nn.Module):
    """A basic block with a projection."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(8, 16, 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.conv2 = nn.Conv2d(16, 16, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(16)
        self.shortcut = nn.Sequential(nn.Conv2d(8, 16, 1, 2, bias=False), nn.BatchNorm2d(16))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """What the docstring of the class says."""
        out = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(out + self.shortcut(x))


class Attentive(nn.Module):
    """A layer of a transformer whose products are written out."""

    def __init__(self) -> None:
        super().__init__()
        self.query = nn.Linear(32, 32)
        self.key = nn.Linear(32, 32)
        self.value = nn.Linear(32, 32)
        self.norm = nn.LayerNorm(32)
        self.up = nn.Linear(32, 64)
        self.down = nn.Linear(64, 32)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """What the docstring of the class says."""

        def heads(y: torch.Tensor) -> torch.Tensor:
            return y.reshape(y.shape[0], -1, 4, 8).transpose(1, 2)

        scores = torch.softmax(
            heads(self.query(x)) @ heads(self.key(x)).transpose(-1, -2) / 8**0.5, -1
        )
        y = (scores @ heads(self.value(x))).transpose(1, 2).flatten(2)
        x = self.norm(x + y)
        added: torch.Tensor = x + self.down(F.relu(self.up(x)))
        return added


class Recurrent(nn.Module):
    """Two stacked directions and what they end in."""

    def __init__(self, layers: nn.RNNBase) -> None:
        super().__init__()
        self.layers = layers
        self.out = nn.Linear(layers.hidden_size * (1 + layers.bidirectional), 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """What the docstring of the class says."""
        read: torch.Tensor = self.out(self.layers(x)[0])
        return read


def lenet() -> nn.Module:
    """A network of LeNet's kind."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.Tanh(),
        nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.Tanh(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.Sigmoid(),
        nn.Linear(120, 10),
    )


IMAGE, TOKENS, STEPS = (2, 24, 17, 17), (2, 9, 32), (7, 3, 12)
CASES: dict[str, Callable[[], Case]] = {
    "lenet": lambda: (lenet(), (torch.zeros(2, 1, 28, 28),)),
    "factorized": lambda: (Factorized(), (torch.zeros(IMAGE),)),
    "residual": lambda: (Residual(), (torch.zeros(2, 8, 15, 15),)),
    "depthwise": lambda: (
        nn.Sequential(nn.Conv2d(24, 24, 3, padding=1, groups=24), nn.Conv2d(24, 12, 1, groups=3)),
        (torch.zeros(IMAGE),),
    ),
    "dilated": lambda: (nn.Conv2d(24, 8, 3, 2, 2, dilation=2), (torch.zeros(IMAGE),)),
    "transposed": lambda: (
        nn.ConvTranspose2d(24, 6, 3, 2, 1, output_padding=1, groups=2),
        (torch.zeros(IMAGE),),
    ),
    "volumes": lambda: (nn.Conv3d(2, 4, (3, 1, 3)), (torch.zeros(1, 2, 6, 7, 8),)),
    "signals": lambda: (nn.Conv1d(24, 6, 5, 2), (torch.zeros(2, 24, 31),)),
    "normalized": lambda: (
        nn.Sequential(nn.InstanceNorm2d(24, affine=True), nn.LeakyReLU(), nn.AdaptiveAvgPool2d(1)),
        (torch.zeros(IMAGE),),
    ),
    "resized": lambda: (
        nn.Sequential(nn.Upsample(scale_factor=2, mode="bilinear"), nn.Upsample(scale_factor=2)),
        (torch.zeros(IMAGE),),
    ),
}
RECURRENT: dict[str, Callable[[], Case]] = {
    "lstm": lambda: (Recurrent(nn.LSTM(12, 20)), (torch.zeros(STEPS),)),
    "gru": lambda: (Recurrent(nn.GRU(12, 20, bidirectional=True)), (torch.zeros(STEPS),)),
    "rnn": lambda: (Recurrent(nn.RNN(12, 20, num_layers=2, bias=False)), (torch.zeros(STEPS),)),
}


def both(case: Case, folder: Path) -> tuple[Report, Report]:
    """The report on the file that torch writes, and that on the network."""
    net, inputs = case
    for parameter in net.parameters():
        nn.init.uniform_(parameter)  # the exporter writes equal tensors once
    path = exported(net, inputs, folder / "net.onnx")
    return report(str(path), ()), costlab.analyze(net, inputs, mode="eval")


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_totals_are_those_of_the_trace(case: Callable[[], Case], tmp_path: Path) -> None:
    """A network that ONNX has the same operations for costs the same to the last byte."""
    file, traced = both(case(), tmp_path)
    assert file.total == traced.total
    assert file.coverage.unknown == ()


def test_products_are_those_of_a_transformer_s_layer(tmp_path: Path) -> None:
    """A linear layer on sequences is a product and a sum in ONNX: a pass more, the same counts."""
    file, traced = both((Attentive(), (torch.zeros(TOKENS),)), tmp_path)
    for metric in ("macs", "params", "params_executed", "activations", "depth"):
        assert getattr(file.total, metric) == getattr(traced.total, metric), metric
    linear, attended = 4 * 32 * 32 + 2 * 32 * 64 - 32 * 32, 2 * 32 * 9
    assert file.total.macs == 2 * 9 * (linear + attended)
    assert file.coverage.unknown == ()


@pytest.mark.parametrize("case", RECURRENT.values(), ids=RECURRENT)
def test_recurrent_layers_cost_their_gates(case: Callable[[], Case], tmp_path: Path) -> None:
    """LSTM, GRU and RNN have the products and parameters that they have in torch."""
    file, traced = both(case(), tmp_path)
    for metric in ("macs", "params", "depth"):
        assert getattr(file.total, metric) == getattr(traced.total, metric), metric
    assert file.coverage.unknown == ()


def test_blocks_are_those_of_the_network(tmp_path: Path) -> None:
    """Each module of the network is a block, with its multiply-adds and its parameters."""
    file, traced = both((Residual(), (torch.zeros(1, 8, 15, 15),)), tmp_path)
    mine = {block.path: block.cost for block in file.root.walk()}
    for block in traced.root.walk():
        assert mine[block.path].macs == block.cost.macs, block.path
        assert mine[block.path].params == block.cost.params, block.path


def test_open_sizes_are_followed_through_shape_arithmetic(tmp_path: Path) -> None:
    """A layer exported for any batch and length costs what it does at the sizes that are given."""
    net = Attentive()
    for parameter in net.parameters():
        nn.init.uniform_(parameter)
    path = exported(net, (torch.zeros(2, 9, 32),), tmp_path / "net.onnx", {0: "batch", 1: "length"})
    file = report(str(path), ("f32[3,11,32]",))
    traced = costlab.analyze(net, "f32[3,11,32]", mode="eval")
    for metric in ("macs", "params", "activations", "depth"):
        assert getattr(file.total, metric) == getattr(traced.total, metric), metric
    assert file.coverage.unknown == ()
