"""Inception-v4, declared block by block as the paper draws it.

It knows nothing of what the network costs, nor how images are normalized before they enter it.

Source: Szegedy et al. 2016, "Inception-v4, Inception-ResNet and the Impact of Residual Connections
on Learning" (arXiv:1602.07261): layout from Figure 9, stem from Figure 3, modules from Figures 4
to 8, the filters of Reduction-A from Table 1. Names of blocks and branches, and the auxiliary
classifier, which the paper does not draw, from the graph that its authors released (TF-slim
`inception_v4`). The order of 1×n and n×1 in a branch is that of the released graph; it costs the
same either way.
"""

from __future__ import annotations

from functools import partial

from torch import Tensor, nn

from costlab.zoo.convolutions import Style, checked_classes
from costlab.zoo.inception_v3 import AuxiliaryClassifier, InceptionOutputs
from costlab.zoo.layers import Block, Concat, extend
from costlab.zoo.trunk import Trunk

# Figure 3, read downward; behind each block, the shape that it writes at 299×299.
STEM: dict[str, Block] = {
    "Conv2d_1a_3x3": "3x3/2 32",  # 149×149×32
    "Conv2d_2a_3x3": "3x3 32 valid",  # 147×147×32
    "Conv2d_2b_3x3": "3x3 64",  # 147×147×64
    "Mixed_3a": partial(  # 73×73×160
        Concat,
        Branch_0="max 3x3/2",
        Branch_1="3x3/2 96",
    ),
    "Mixed_4a": partial(  # 71×71×192
        Concat,
        Branch_0="1x1 64 → 3x3 96 valid",
        Branch_1="1x1 64 → 1x7 64 → 7x1 64 → 3x3 96 valid",
    ),
    "Mixed_5a": partial(  # 35×35×384
        Concat,
        Branch_0="3x3/2 192",
        Branch_1="max 3x3/2",
    ),
}


class InceptionA(Concat):
    """Figure 4, at 35×35."""

    def __init__(self, inputs: int, style: Style) -> None:
        super().__init__(
            inputs,
            style,
            Branch_0="1x1 96",
            Branch_1="1x1 64 → 3x3 96",
            Branch_2="1x1 64 → 3x3 96 → 3x3 96",
            Branch_3="avg 3x3 → 1x1 96",
        )


class ReductionA(Concat):
    """Figure 7, from 35×35 to 17×17, in this network and in both Inception-ResNets.

    `filters` are k, l and m of Table 1; n is 384 for all three networks.
    """

    def __init__(self, inputs: int, style: Style, *, filters: tuple[int, int, int]) -> None:
        k, l, m = filters  # noqa: E741 - Table 1 calls them so
        super().__init__(
            inputs,
            style,
            Branch_0="3x3/2 384",
            Branch_1=f"1x1 {k} → 3x3 {l} → 3x3/2 {m}",
            Branch_2="max 3x3/2",
        )


class InceptionB(Concat):
    """Figure 5, at 17×17: 7×7 convolutions as 1×7 and 7×1 in turn."""

    def __init__(self, inputs: int, style: Style) -> None:
        super().__init__(
            inputs,
            style,
            Branch_0="1x1 384",
            Branch_1="1x1 192 → 1x7 224 → 7x1 256",
            Branch_2="1x1 192 → 7x1 192 → 1x7 224 → 7x1 224 → 1x7 256",
            Branch_3="avg 3x3 → 1x1 128",
        )


class ReductionB(Concat):
    """Figure 8, from 17×17 to 8×8, one branch with a factorized 7×7."""

    def __init__(self, inputs: int, style: Style) -> None:
        super().__init__(
            inputs,
            style,
            Branch_0="1x1 192 → 3x3/2 192",
            Branch_1="1x1 256 → 1x7 256 → 7x1 320 → 3x3/2 320",
            Branch_2="max 3x3/2",
        )


class InceptionC(Concat):
    """Figure 6, at 8×8: 1×3 and 3×1 side by side expand the filter banks."""

    def __init__(self, inputs: int, style: Style) -> None:
        super().__init__(
            inputs,
            style,
            Branch_0="1x1 256",
            Branch_1="1x1 384 → (1x3 256 | 3x1 256)",
            Branch_2="1x1 384 → 3x1 448 → 1x3 512 → (1x3 256 | 3x1 256)",
            Branch_3="avg 3x3 → 1x1 256",
        )


# Figure 9, read downward.
TO_17X17: dict[str, Block] = {
    "Mixed_5b": InceptionA,  # 35×35×384
    "Mixed_5c": InceptionA,
    "Mixed_5d": InceptionA,
    "Mixed_5e": InceptionA,
    "Mixed_6a": partial(ReductionA, filters=(192, 224, 256)),  # 17×17×1024
    "Mixed_6b": InceptionB,  # 17×17×1024
    "Mixed_6c": InceptionB,
    "Mixed_6d": InceptionB,
    "Mixed_6e": InceptionB,
    "Mixed_6f": InceptionB,
    "Mixed_6g": InceptionB,
    "Mixed_6h": InceptionB,
}
TO_8X8: dict[str, Block] = {
    "Mixed_7a": ReductionB,  # 8×8×1536
    "Mixed_7b": InceptionC,  # 8×8×1536
    "Mixed_7c": InceptionC,
    "Mixed_7d": InceptionC,
}


class InceptionV4(Trunk):
    """The network; its children stand in the order in which they run.

    `width` multiplies every filter bank, but neither the classes nor the RGB input; `aux` is the
    auxiliary classifier, which runs in training only.

    Shapes: images `n x 3 x h x w`, h and w at least 75, in training with `aux` at least 299.

    Raises:
        UsageError: `classes` or `width` is nonsense.
    """

    def __init__(self, classes: int = 1000, *, aux: bool = True, width: float = 1.0) -> None:
        super().__init__()
        # TensorFlow, in which it was released, averages at the border over the image alone.
        style, classes = Style(width, counts_padding=False), checked_classes(classes)
        channels = extend(self, STEM | TO_17X17, 3, style)
        if aux:
            self.AuxLogits = AuxiliaryClassifier(channels, style, classes)
        channels = extend(self, TO_8X8, channels, style)
        # 8×8 at 299×299; adaptive, so that the same weights serve other images.
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(0.2)  # Figure 9 keeps 0.8
        self.fc = nn.Linear(channels, classes)

    @staticmethod
    def labelled(logits: Tensor, *auxiliary: Tensor) -> InceptionOutputs:
        """What a forward in training returns."""
        return InceptionOutputs(logits, *auxiliary)
