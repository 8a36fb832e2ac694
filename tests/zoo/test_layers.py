"""Tests of the notation in which networks are declared."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from costlab.errors import CostlabError
from costlab.zoo.convolutions import ConvBNReLU, Style
from costlab.zoo.layers import Concat, chain, extend


@pytest.mark.parametrize(
    ("notation", "grid"),
    [
        ("3x3 4", 17),
        ("1x7 4", 17),
        ("3x3 4 valid", 17 - 3 + 1),
        ("3x3/2 4", (17 - 3) // 2 + 1),
        ("avg 3x3", 17),
        ("max 3x3/2", (17 - 3) // 2 + 1),
        ("avg 5x5/3", (17 - 5) // 3 + 1),
    ],
)
def test_padding(notation: str, grid: int) -> None:
    """Stride 1 keeps the grid unless the layer is valid; a strided layer is not padded."""
    layer, outputs = chain(notation, inputs=4)
    assert layer(torch.zeros(1, 4, 17, 17)).shape == (1, outputs, grid, grid)


def test_rows_before_columns() -> None:
    """A patch is written rows first: 1x7 is a row of seven."""
    layer, _ = chain("1x7 4", inputs=3)
    assert isinstance(layer, ConvBNReLU)
    assert layer.get_parameter("conv.weight").shape == (4, 3, 1, 7)


def test_layers_in_series_are_fed_one_by_the_other() -> None:
    """Each layer of a series reads what the one before it writes, and is named after its place."""
    series, outputs = chain("avg 3x3 → 1x1 48 → 5x5 64", inputs=192)
    shapes = {name: tuple(weight.shape) for name, weight in series.named_parameters()}
    assert shapes["conv2_1x1.conv.weight"] == (48, 192, 1, 1)
    assert shapes["conv3_5x5.conv.weight"] == (64, 48, 5, 5)
    assert outputs == 64


def test_split_convolutions_read_the_same_tensor() -> None:
    """The convolutions of a split read one tensor, and what they write is joined in order."""
    series, outputs = chain("1x1 6 → (1x3 4 | 3x1 5)", inputs=3)
    split = series.eval().get_submodule("split2")
    x = torch.randn(1, 6, 8, 8)
    row, column = split.get_submodule("conv1_1x3"), split.get_submodule("conv2_3x1")
    assert outputs == 4 + 5
    assert torch.equal(split(x), torch.cat([row(x), column(x)], dim=1))


def test_width_multiplies_filters() -> None:
    """Width multiplies every filter bank, rounded, and leaves at least one filter."""
    assert chain("1x1 10 → 3x3 5", inputs=3, style=Style(2.5)).outputs == 12
    assert chain("1x1 2", inputs=3, style=Style(0.1)).outputs == 1


def test_concat_adds_channels() -> None:
    """A module writes as many channels as its branches together; pooling keeps its own."""
    module = Concat(3, Style(), branch3x3="3x3/2 10", branch_pool="max 3x3/2")
    assert module.outputs == 10 + 3
    assert module(torch.zeros(2, 3, 9, 9)).shape == (2, 10 + 3, 4, 4)


def test_extend_registers_in_order() -> None:
    """Blocks stand on the network under their names, in the order of their declaration."""
    network = nn.Sequential()
    outputs = extend(network, {"b": "1x1 4", "a": "max 3x3/2"}, inputs=3, style=Style(2))
    assert [name for name, _ in network.named_children()] == ["b", "a"]
    assert outputs == 2 * 4


@pytest.mark.parametrize("notation", ["3x3", "max 3x3 4", "3 4", "1x1 4 -> 3x3 4", ""])
def test_notation_is_strict(notation: str) -> None:
    """A convolution without filters, a pooling with them, or any other text is refused."""
    with pytest.raises(CostlabError, match="is no layer"):
        chain(notation, inputs=3)
