"""ResNet of 18 to 152 layers, declared unit by unit as its paper tabulates them.

It knows nothing of what the networks cost, nor how images are normalized before they enter them.

Source: He et al. 2015, "Deep Residual Learning for Image Recognition" (arXiv:1512.03385): layout
and names from Table 1, units from Figure 5, shortcuts from §3.3, where option A pads with zeros and
option B projects. The sources differ in two points. Table 1 says which units halve the grid, but
not in which of their layers: the models that the authors released (Caffe) do it in the first 1×1 of
a bottleneck, torchvision in its 3×3. The former cost what Table 1 prints for 101 and 152 layers,
and 3.86 where it prints 3.8 for 50. Its 3.6 billion for 34 layers is met by option A, while option
B, which torchvision has, rounds to 3.7.
"""

from __future__ import annotations

from functools import partial
from typing import Literal, TypeAlias, get_args

from torch import Tensor, nn

from costlab.errors import UsageError
from costlab.zoo.convolutions import Style, checked_choice, checked_classes
from costlab.zoo.layers import Block, Stage, chain, extend
from costlab.zoo.trunk import Trunk

Shortcuts: TypeAlias = Literal["projection", "identity"]
StrideIn: TypeAlias = Literal["3x3", "1x1"]


class ZeroPadded(nn.Module):
    """Option A of §3.3: every stride-th position, and zeros for the channels that are new."""

    def __init__(self, new_channels: int, stride: int) -> None:
        super().__init__()
        self.new_channels = new_channels
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """The input at the size of what it is added to."""
        strided = x[:, :, :: self.stride, :: self.stride]
        return nn.functional.pad(strided, (0, 0, 0, 0, 0, self.new_channels))

    def extra_repr(self) -> str:
        """The arguments, for printing the network."""
        return f"new_channels={self.new_channels}, stride={self.stride}"


class Residual(Stage):
    """Layers, and around them a shortcut that is added to what they write (Figure 2): F(x) + x.

    `filters` are those of the last layer. The shortcut is the input itself where both have one
    size; else a 1×1 convolution ("projection"), or without parameters ("identity").
    """

    def __init__(
        self,
        inputs: int,
        style: Style,
        series: str,
        *,
        filters: int,
        stride: int,
        shortcuts: Shortcuts,
    ) -> None:
        super().__init__()
        self.residual, self.outputs = chain(series, inputs, style)
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or inputs != self.outputs:
            if shortcuts == "projection":
                self.shortcut = chain(f"1x1/{stride} {filters} linear", inputs, style).module
            else:
                self.shortcut = ZeroPadded(self.outputs - inputs, stride)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """What the layers make of the input, and the input."""
        total: Tensor = self.relu(self.residual(x) + self.shortcut(x))
        return total


class BasicBlock(Residual):
    """Figure 5, left: two 3×3 convolutions."""

    def __init__(
        self, inputs: int, style: Style, *, filters: int, stride: int, shortcuts: Shortcuts
    ) -> None:
        super().__init__(
            inputs,
            style,
            f"3x3/{stride} {filters} padded → 3x3 {filters} linear",
            filters=filters,
            stride=stride,
            shortcuts=shortcuts,
        )


class Bottleneck(Residual):
    """Figure 5, right: a 3×3 convolution between two 1×1, which reduce and restore the channels.

    `stride_in` is the layer that has the stride.
    """

    def __init__(
        self,
        inputs: int,
        style: Style,
        *,
        filters: int,
        stride: int,
        shortcuts: Shortcuts,
        stride_in: StrideIn,
    ) -> None:
        first, second = (stride, 1) if stride_in == "1x1" else (1, stride)
        super().__init__(
            inputs,
            style,
            f"1x1/{first} {filters} → 3x3/{second} {filters} padded → 1x1 {4 * filters} linear",
            filters=4 * filters,
            stride=stride,
            shortcuts=shortcuts,
        )


# Table 1: how often the units of conv2_x, conv3_x, conv4_x and conv5_x stand in a network of so
# many layers. Those of 18 and 34 are basic blocks, the others bottlenecks.
UNITS = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}
BASIC = (18, 34)


class ResNet(Trunk):
    """The network of so many `layers`; its children stand in the order in which they run.

    `shortcuts` are "projection" or "identity" where the size changes; `stride_in` the layer of a
    bottleneck, "3x3" or "1x1", that halves the grid. `width` multiplies every filter bank, but
    neither the classes nor the RGB input.

    Shapes: images `n x 3 x h x w` of any size.

    Raises:
        UsageError: an argument is none of these, or nonsense.
    """

    def __init__(
        self,
        layers: int = 50,
        classes: int = 1000,
        *,
        shortcuts: Shortcuts = "projection",
        stride_in: StrideIn = "3x3",
        width: float = 1.0,
    ) -> None:
        super().__init__()
        _check(layers, shortcuts, stride_in)
        # Both Caffe's and torchvision's networks normalize with PyTorch's default epsilon.
        style, classes = Style(width, eps=1e-5), checked_classes(classes)
        blocks: dict[str, Block] = {
            "conv1": "7x7/2 64 padded",  # 112×112×64 at 224×224
            "pool1": "max 3x3/2 padded",  # 56×56×64
        }
        for stage, count in enumerate(UNITS[layers], start=2):
            for place in range(1, count + 1):
                filters = 64 * 2 ** (stage - 2)
                stride = 2 if stage > 2 and place == 1 else 1  # noqa: PLR2004 - conv2_x, behind pool1
                size = {"filters": filters, "stride": stride}
                blocks[f"conv{stage}_{place}"] = (
                    partial(BasicBlock, **size, shortcuts=shortcuts)
                    if layers in BASIC
                    else partial(Bottleneck, **size, shortcuts=shortcuts, stride_in=stride_in)
                )
        channels = extend(self, blocks, 3, style)
        self.pool = nn.AdaptiveAvgPool2d(1)  # 7×7 at 224×224
        self.fc = nn.Linear(channels, classes)


def _check(layers: object, shortcuts: object, stride_in: object) -> None:
    """Refuses what no ResNet has."""
    if isinstance(layers, bool) or not isinstance(layers, int) or layers not in UNITS:
        known = ", ".join(map(str, UNITS))
        raise UsageError(f"layers={layers!r}: the paper's networks have {known} layers")
    checked_choice("shortcuts", shortcuts, get_args(Shortcuts))
    checked_choice("stride_in", stride_in, get_args(StrideIn))
    if stride_in == "1x1" and layers in BASIC:
        raise UsageError(f"stride_in='1x1': the units of {layers} layers have no 1x1 convolution")
