"""The notation in which networks are declared: a layer as a paper's table prints it, in one string.

It knows no network, and nothing of costs.

A convolution is ``PATCH[/STRIDE] FILTERS``, a pooling ``max|avg PATCH[/STRIDE]``: ``3x3/2 32`` has
32 filters and stride 2, ``max 3x3/2`` takes maxima. Words behind it tell what is unusual:

- ``valid``: not padded. Without it a layer of stride 1 keeps its grid, and a strided one is not
  padded anyway.
- ``padded``: strided, and padded so that a grid of n becomes ⌈n / stride⌉.
- ``pad P``: padded by P on each side.
- ``ceil`` (pooling): a patch that begins inside the grid counts, although it ends outside.
- ``linear``: a convolution without activation.
- ``groups G``: a convolution in G groups of channels.
- ``separable M``: each channel on its own, M times, then 1x1 over all.

What stands behind each convolution is the network's `Style`. Layers in series are joined by ``→``;
``(1x3 384 | 3x1 384)`` is a step in which several series read the same tensor.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor, nn

from costlab.errors import CostlabError
from costlab.zoo.convolutions import SeparableConv, Style, convolution

LAYER = re.compile(
    r"((?P<pool>max|avg) )?(?P<rows>\d+)x(?P<columns>\d+)(/(?P<stride>\d+))?( (?P<filters>\d+))?"
    r"( (?P<padding>valid|padded|ceil|pad (?P<border>\d+)))?(?P<linear> linear)?"
    r"( groups (?P<groups>\d+))?( separable (?P<multiplier>\d+))?"
)
SERIES = " → "


class Stage(nn.Module):
    """A module of a declared network; `outputs` is the number of channels that it writes."""

    outputs: int


class Concat(Stage):
    """Branches that read the same tensor; what they write is joined along the channels.

    Each branch is a name and a series of layers, in the notation of this module.
    """

    def __init__(self, inputs: int, style: Style, /, **branches: str) -> None:
        super().__init__()
        self.outputs = 0
        for name, series in branches.items():
            branch, outputs = chain(series, inputs, style)
            self.add_module(name, branch)
            self.outputs += outputs

    def forward(self, x: Tensor) -> Tensor:
        """What the branches write, side by side."""
        return torch.cat([branch(x) for branch in self.children()], dim=1)


# A block is declared by its notation, or by a Stage that still lacks its input channels and style.
Block: TypeAlias = str | Callable[[int, Style], Stage]


class Built(NamedTuple):
    """A module, and the channels that it writes."""

    module: nn.Module
    outputs: int


def chain(series: str, inputs: int, style: Style | None = None) -> Built:
    """The layers of a series, each named after its place and patch size, and their last channels.

    A series of one layer is that layer itself.

    >>> branch, outputs = chain("1x1 48 → 5x5 64", inputs=192)
    >>> [name for name, _ in branch.named_children()], outputs
    (['conv1_1x1', 'conv2_5x5'], 64)

    Raises:
        CostlabError: a layer is not in the notation.

    """
    style = style or Style()
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    channels = inputs
    for place, text in enumerate(series.split(SERIES), start=1):
        if text.startswith("(") and text.endswith(")"):
            texts = text[1:-1].split(" | ")
            named = {_name(_read(t), number): t for number, t in enumerate(texts, start=1)}
            split = Concat(channels, style, **named)
            layers[f"split{place}"], channels = split, split.outputs
        else:
            layer = _read(text)
            layers[_name(layer, place)], channels = _build(layer, channels, style)
    module = layers.popitem()[1] if len(layers) == 1 else nn.Sequential(layers)
    return Built(module, channels)


def extend(
    network: nn.Module, blocks: Mapping[str, Block], inputs: int, style: Style | None = None
) -> int:
    """Channels that the last block writes; each block, fed by the one before, joins the network.

    >>> blocks = {"Conv2d_1a_3x3": "3x3/2 32", "MaxPool_3a": "max 3x3/2"}
    >>> extend(nn.Sequential(), blocks, 3, Style(width=2))
    64
    """
    style = style or Style()
    channels = inputs
    for name, block in blocks.items():
        if isinstance(block, str):
            module, channels = chain(block, channels, style)
        else:
            module = stage = block(channels, style)
            channels = stage.outputs
        network.add_module(name, module)
    return channels


def _read(text: str) -> re.Match[str]:
    """The parts of one layer, which has filters or pools."""
    layer = LAYER.fullmatch(text)
    if layer is None or not _makes_sense(layer):
        raise CostlabError(
            f"{text!r} is no layer: write PATCH[/STRIDE] FILTERS or max|avg PATCH[/STRIDE], then "
            "what is unusual, as in '3x3/2 64 padded' or 'max 3x3/2 ceil'"
        )
    return layer


def _makes_sense(layer: re.Match[str]) -> bool:
    """Whether the parts of a layer go together."""
    if layer["pool"]:
        return not any(layer[part] for part in ("filters", "linear", "groups", "multiplier"))
    grouped = bool(layer["groups"]) + bool(layer["multiplier"]) <= 1
    return bool(layer["filters"]) and layer["padding"] != "ceil" and grouped


def _name(layer: re.Match[str], place: int) -> str:
    """Name of the layer at this place of its series: conv2_7x1."""
    kind = "pool" if layer["pool"] else "conv"
    return f"{kind}{place}_{layer['rows']}x{layer['columns']}"


def _build(layer: re.Match[str], inputs: int, style: Style) -> Built:
    """The layer for so many input channels."""
    patch = int(layer["rows"]), int(layer["columns"])
    stride = int(layer["stride"] or 1)
    border = int(layer["border"] or 0)
    kept = layer["padding"] == "padded" or (stride == 1 and layer["padding"] in {None, "ceil"})
    kept = kept or style.same_padding
    pad = (patch[0] // 2, patch[1] // 2) if kept else (border, border)
    if layer["pool"]:
        ceil = layer["padding"] == "ceil"
        if layer["pool"] == "max":
            return Built(nn.MaxPool2d(patch, stride, pad, ceil_mode=ceil), inputs)
        return Built(nn.AvgPool2d(patch, stride, pad, ceil, style.counts_padding), inputs)
    groups = int(layer["groups"] or 1)
    outputs = style.filters(int(layer["filters"]), groups)
    # An even patch keeps its grid only if it is padded on one side alone.
    even = kept and stride == 1 and not all(side % 2 for side in patch)
    sides: tuple[int, int] | str = "same" if even else pad
    if layer["multiplier"]:
        multiplier = int(layer["multiplier"])
        module: nn.Module = SeparableConv(inputs, outputs, patch, style, stride, sides, multiplier)
    else:
        linear = bool(layer["linear"])
        module = convolution(inputs, outputs, patch, style, stride, sides, groups, linear=linear)
    return Built(module, outputs)
