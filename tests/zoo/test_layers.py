"""Tests of the notation in which networks are declared."""

from __future__ import annotations

from math import ceil

import pytest
import torch
from torch import nn

from costlab.errors import CostlabError, UsageError
from costlab.zoo.convolutions import ConvBN, ConvBNReLU, Style, checked_choice
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
        ("11x11/4 4 pad 2", (17 + 2 * 2 - 11) // 4 + 1),
        ("3x3 4 pad 2", 17 + 2 * 2 - 3 + 1),
        ("max 3x3/2 pad 1", (17 + 2 * 1 - 3) // 2 + 1),
    ],
)
def test_padding(notation: str, grid: int) -> None:
    """Stride 1 keeps the grid unless the layer is valid; a strided layer is not padded."""
    layer, outputs = chain(notation, inputs=4)
    assert layer(torch.zeros(1, 4, 17, 17)).shape == (1, outputs, grid, grid)


@pytest.mark.parametrize("notation", ["3x3 4 valid", "3x3/2 4", "max 3x3/2", "avg 5x5/3", "1x7 4"])
def test_same_padding(notation: str) -> None:
    """In a style with SAME padding a grid of n becomes ⌈n / stride⌉ whatever the layer says."""
    layer, outputs = chain(notation, inputs=4, style=Style(same_padding=True))
    stride = int(notation.partition("/")[2][:1] or 1)
    for size in (16, 17, 18):
        grid = ceil(size / stride)
        assert layer(torch.zeros(1, 4, size, size)).shape == (1, outputs, grid, grid)


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


def test_filters_come_in_multiples() -> None:
    """Where a style asks for it, banks are divisible by the groups that read them at any width."""
    style = Style(0.3, multiple=2)
    assert chain("3x3 96 → 3x3 256 groups 2", inputs=3, style=style).outputs == 76
    assert style.filters(96) == 28
    assert style.filters(96, groups=3) == 5 * 6
    assert Style(0.001, multiple=2).filters(96) == 2


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


def test_no_activation() -> None:
    """A style without an activation has none behind any convolution, whatever else it has."""
    bare, _ = chain("3x3 4", inputs=3, style=Style(normalized=False, activation=None))
    assert type(bare) is nn.Conv2d
    assert bare.bias is None
    normalized, _ = chain("3x3 4", inputs=3, style=Style(activation=None))
    assert type(normalized) is ConvBN


@pytest.mark.parametrize("choice", ["keras", None, ["caffe"], 1])
def test_choice_is_one_of_the_names(choice: object) -> None:
    """An argument that has names for values takes these names alone, and the refusal lists them."""
    assert checked_choice("graph", "caffe", ("caffe", "tfslim")) == "caffe"
    with pytest.raises(UsageError, match=r"graph=.*: it is one of 'caffe', 'tfslim'"):
        checked_choice("graph", choice, ("caffe", "tfslim"))
