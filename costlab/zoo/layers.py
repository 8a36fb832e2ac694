"""The notation in which networks are declared: a layer as a paper's table prints it, in one string.

It knows no network, and nothing of costs.

A layer is ``[max|avg] PATCH[/STRIDE] [FILTERS] [valid]``: ``3x3/2 32`` is a convolution of 32
filters with batch normalization and ReLU, ``max 3x3/2`` a pooling. Layers in series are joined by
``→``; ``(1x3 384 | 3x1 384)`` is a step in which several convolutions read the same tensor. A layer
of stride 1 is padded to keep its grid unless it is ``valid``; a strided one is not padded.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import torch
from torch import Tensor, nn

from costlab.errors import CostlabError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LAYER = re.compile(
    r"((?P<pool>max|avg) )?(?P<rows>\d+)x(?P<columns>\d+)(/(?P<stride>\d+))?"
    r"( (?P<filters>\d+))?(?P<valid> valid)?"
)


class ConvBNReLU(nn.Sequential):
    """A convolution without bias, batch normalization, ReLU.

    Source: Ioffe & Szegedy 2015, §3.2: the shift of the normalization takes the place of the bias.
    """

    def __init__(
        self, inputs: int, outputs: int, patch: tuple[int, int], stride: int, pad: tuple[int, int]
    ) -> None:
        conv = nn.Conv2d(inputs, outputs, patch, stride, pad, bias=False)
        # He et al. 2015, §2.2: keeps the scale of the signal through the layers also in eval mode,
        # where the normalization of an untrained network does nothing.
        nn.init.kaiming_uniform_(conv.weight, nonlinearity="relu")
        # 1e-3, not PyTorch's 1e-5: the epsilon of the released networks (TF-slim).
        bn = nn.BatchNorm2d(outputs, eps=1e-3)
        super().__init__(OrderedDict(conv=conv, bn=bn, relu=nn.ReLU(inplace=True)))


class Concat(nn.Module):
    """Branches that read the same tensor; what they write is joined along the channels.

    Each branch is a name and a series of layers, in the notation of this module.
    """

    def __init__(self, inputs: int, width: float, /, **branches: str) -> None:
        super().__init__()
        self.outputs = 0
        for name, series in branches.items():
            branch, outputs = chain(series, inputs, width)
            self.add_module(name, branch)
            self.outputs += outputs

    def forward(self, x: Tensor) -> Tensor:
        """What the branches write, side by side."""
        return torch.cat([branch(x) for branch in self.children()], dim=1)


# A block is declared by its notation, or by a Concat that still lacks its input channels and width.
Block: TypeAlias = "str | Callable[[int, float], Concat]"


class Built(NamedTuple):
    """A module, and the channels that it writes."""

    module: nn.Module
    outputs: int


def chain(series: str, inputs: int, width: float = 1.0) -> Built:
    """The layers of a series, each named after its place and patch size, and their last channels.

    A series of one layer is that layer itself. `width` multiplies the filters of every convolution.

    >>> branch, outputs = chain("1x1 48 → 5x5 64", inputs=192)
    >>> [name for name, _ in branch.named_children()], outputs
    (['conv1_1x1', 'conv2_5x5'], 64)

    Raises:
        CostlabError: a layer is not in the notation.

    """
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    channels = inputs
    for place, text in enumerate(series.split(" → "), start=1):
        if text.startswith("(") and text.endswith(")"):
            texts = text[1:-1].split(" | ")
            named = {_name(_read(t), number): t for number, t in enumerate(texts, start=1)}
            split = Concat(channels, width, **named)
            layers[f"split{place}"], channels = split, split.outputs
        else:
            layer = _read(text)
            layers[_name(layer, place)], channels = _build(layer, channels, width)
    module = layers.popitem()[1] if len(layers) == 1 else nn.Sequential(layers)
    return Built(module, channels)


def extend(network: nn.Module, blocks: Mapping[str, Block], inputs: int, width: float) -> int:
    """Channels that the last block writes; each block, fed by the one before, joins the network.

    >>> extend(nn.Sequential(), {"Conv2d_1a_3x3": "3x3/2 32", "MaxPool_3a": "max 3x3/2"}, 3, 2.0)
    64
    """
    channels = inputs
    for name, block in blocks.items():
        if isinstance(block, str):
            module, channels = chain(block, channels, width)
        else:
            module = concat = block(channels, width)
            channels = concat.outputs
        network.add_module(name, module)
    return channels


def _read(text: str) -> re.Match[str]:
    """The parts of one layer, which has filters or pools."""
    layer = LAYER.fullmatch(text)
    if layer is None or (layer["pool"] is None) == (layer["filters"] is None):
        raise CostlabError(
            f"{text!r} is no layer: write [max|avg] PATCH[/STRIDE] [FILTERS] [valid]"
        )
    return layer


def _name(layer: re.Match[str], place: int) -> str:
    """Name of the layer at this place of its series: conv2_7x1."""
    kind = "pool" if layer["pool"] else "conv"
    return f"{kind}{place}_{layer['rows']}x{layer['columns']}"


def _build(layer: re.Match[str], inputs: int, width: float) -> Built:
    """The layer for so many input channels."""
    patch = int(layer["rows"]), int(layer["columns"])
    stride = int(layer["stride"] or 1)
    keeps_grid = stride == 1 and not layer["valid"]
    pad = (patch[0] // 2, patch[1] // 2) if keeps_grid else (0, 0)
    if layer["pool"]:
        pool = {"max": nn.MaxPool2d, "avg": nn.AvgPool2d}[layer["pool"]]
        return Built(pool(patch, stride, pad), inputs)
    outputs = max(1, round(int(layer["filters"]) * width))
    return Built(ConvBNReLU(inputs, outputs, patch, stride, pad), outputs)
