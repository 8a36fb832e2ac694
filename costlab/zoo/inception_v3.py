"""Inception-v3, the network that was released, declared block by block as the paper draws it.

It knows nothing of what the network costs, nor how images are normalized before they enter it.

Source: Szegedy et al. 2015, "Rethinking the Inception Architecture for Computer Vision"
(arXiv:1512.00567): layout from Table 1, modules from Figures 5 to 8 and 10. Filter banks and block
names from the graph that its authors released (TF-slim `inception_v3`), since the paper does not
print them. Where the two differ, the released graph holds: its stem pools where Table 1 has a
convolution of stride 2 and another behind it, and it has four modules at 17×17 where Table 1 has 5.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from torch import Tensor, nn

from costlab.zoo.convolutions import Style, checked_classes
from costlab.zoo.layers import Block, Concat, extend
from costlab.zoo.trunk import Auxiliary, Trunk


class InceptionA(Concat):
    """Figure 5, at 35×35: two 3×3 convolutions in place of one 5×5.

    The released modules keep a 5×5 branch beside the one that is factorized. `pool_filters` is the
    width of the projection behind the pooling.
    """

    def __init__(self, inputs: int, style: Style, *, pool_filters: int) -> None:
        super().__init__(
            inputs,
            style,
            branch1x1="1x1 64",
            branch5x5="1x1 48 → 5x5 64",
            branch3x3dbl="1x1 64 → 3x3 96 → 3x3 96",
            branch_pool=f"avg 3x3 → 1x1 {pool_filters}",
        )


class InceptionB(Concat):
    """Figure 10, from 35×35 to 17×17: convolutions and pooling of stride 2 side by side."""

    def __init__(self, inputs: int, style: Style) -> None:
        super().__init__(
            inputs,
            style,
            branch3x3="3x3/2 384",
            branch3x3dbl="1x1 64 → 3x3 96 → 3x3/2 96",
            branch_pool="max 3x3/2",
        )


class InceptionC(Concat):
    """Figure 6, at 17×17: n×n convolutions as 1×n and n×1 in turn, n = 7.

    `filters_7x7` is the width inside the factorized branches; it grows with depth.
    """

    def __init__(self, inputs: int, style: Style, *, filters_7x7: int) -> None:
        c = filters_7x7
        super().__init__(
            inputs,
            style,
            branch1x1="1x1 192",
            branch7x7=f"1x1 {c} → 1x7 {c} → 7x1 192",
            branch7x7dbl=f"1x1 {c} → 7x1 {c} → 1x7 {c} → 7x1 {c} → 1x7 192",
            branch_pool="avg 3x3 → 1x1 192",
        )


class InceptionD(Concat):
    """Figure 10 again, from 17×17 to 8×8, one branch with a factorized 7×7."""

    def __init__(self, inputs: int, style: Style) -> None:
        super().__init__(
            inputs,
            style,
            branch3x3="1x1 192 → 3x3/2 320",
            branch7x7x3="1x1 192 → 1x7 192 → 7x1 192 → 3x3/2 192",
            branch_pool="max 3x3/2",
        )


class InceptionE(Concat):
    """Figure 7, at 8×8: 1×3 and 3×1 side by side expand the filter banks."""

    def __init__(self, inputs: int, style: Style) -> None:
        super().__init__(
            inputs,
            style,
            branch1x1="1x1 320",
            branch3x3="1x1 384 → (1x3 384 | 3x1 384)",
            branch3x3dbl="1x1 448 → 3x3 384 → (1x3 384 | 3x1 384)",
            branch_pool="avg 3x3 → 1x1 192",
        )


class AuxiliaryClassifier(Auxiliary):
    """Figure 8: the side head on the last 17×17 layer, batch-normalized; it regularizes (§4).

    Shapes: 17×17 or more; at less its 5×5 convolution has no room.
    """

    def __init__(self, inputs: int, style: Style, classes: int) -> None:
        super().__init__()
        layers: dict[str, Block] = {
            "pool_5x5": "avg 5x5/3",
            "conv_1x1": "1x1 128",
            "conv_5x5": "5x5 768 valid",
        }
        channels = extend(self, layers, inputs, style)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(channels, classes)


# Table 1, read downward; behind each block, the shape that it writes at 299×299.
STEM: dict[str, Block] = {
    "Conv2d_1a_3x3": "3x3/2 32",  # 149×149×32
    "Conv2d_2a_3x3": "3x3 32 valid",  # 147×147×32
    "Conv2d_2b_3x3": "3x3 64",  # 147×147×64
    "MaxPool_3a": "max 3x3/2",  # 73×73×64
    "Conv2d_3b_1x1": "1x1 80",  # 73×73×80
    "Conv2d_4a_3x3": "3x3 192 valid",  # 71×71×192
    "MaxPool_5a": "max 3x3/2",  # 35×35×192
}
AT_35X35: dict[str, Block] = {
    "Mixed_5b": partial(InceptionA, pool_filters=32),  # 35×35×256
    "Mixed_5c": partial(InceptionA, pool_filters=64),  # 35×35×288
    "Mixed_5d": partial(InceptionA, pool_filters=64),  # 35×35×288
}
AT_17X17: dict[str, Block] = {
    "Mixed_6a": InceptionB,  # 17×17×768
    "Mixed_6b": partial(InceptionC, filters_7x7=128),  # 17×17×768
    "Mixed_6c": partial(InceptionC, filters_7x7=160),  # 17×17×768
    "Mixed_6d": partial(InceptionC, filters_7x7=160),  # 17×17×768
    "Mixed_6e": partial(InceptionC, filters_7x7=192),  # 17×17×768
}
AT_8X8: dict[str, Block] = {
    "Mixed_7a": InceptionD,  # 8×8×1280
    "Mixed_7b": InceptionE,  # 8×8×2048
    "Mixed_7c": InceptionE,  # 8×8×2048
}


class InceptionOutputs(NamedTuple):
    """Logits of the network and of its auxiliary classifier, in training."""

    logits: Tensor
    aux: Tensor


class InceptionTrunk(Trunk):
    """A network out of these blocks, with its classifier; a side head stands on `to_17x17`."""

    def __init__(
        self,
        to_17x17: dict[str, Block],
        to_8x8: dict[str, Block],
        style: Style,
        classes: int,
        side_head: type[AuxiliaryClassifier] | None,
    ) -> None:
        super().__init__()
        classes = checked_classes(classes)
        channels = extend(self, to_17x17, 3, style)
        if side_head:
            self.AuxLogits = side_head(channels, style, classes)
        channels = extend(self, to_8x8, channels, style)
        # 8×8 at 299×299; adaptive, so that the same weights serve smaller images (§9).
        self.pool = nn.AdaptiveAvgPool2d(1)
        # torchvision's rate; TF-slim drops 0.2.
        self.dropout = nn.Dropout(0.5)
        self.fc = nn.Linear(channels, classes)

    @staticmethod
    def labelled(logits: Tensor, *auxiliary: Tensor) -> InceptionOutputs:
        """What a forward in training returns."""
        return InceptionOutputs(logits, *auxiliary)


class InceptionV3(InceptionTrunk):
    """The network; its children stand in the order in which they run.

    `width` multiplies every filter bank, but neither the classes nor the RGB input; `aux` is the
    auxiliary classifier, which runs in training only.

    Shapes: images `n x 3 x h x w`, h and w at least 75, in training with `aux` at least 299.

    Raises:
        UsageError: `classes` or `width` is nonsense.
    """

    def __init__(self, classes: int = 1000, *, aux: bool = True, width: float = 1.0) -> None:
        side_head = AuxiliaryClassifier if aux else None
        super().__init__(STEM | AT_35X35 | AT_17X17, AT_8X8, Style(width), classes, side_head)
