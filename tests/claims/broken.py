"""Networks that are wrong on purpose, for a catalogue to put in the place of right ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costlab.zoo.convolutions import Style
from costlab.zoo.factorizations import Factorization
from costlab.zoo.inception_v3 import (
    AT_8X8,
    AT_17X17,
    AT_35X35,
    STEM,
    AuxiliaryClassifier,
    InceptionTrunk,
)
from costlab.zoo.parts import alone
from costlab.zoo.reductions import ConvFirst
from costlab.zoo.trunk import Trunk

if TYPE_CHECKING:
    from torch import nn

    from costlab.zoo.layers import Block
    from costlab.zoo.parts import Finish


def two_3x3(inputs: int = 64, *, alpha: float = 1.0, finish: Finish = "bare") -> Factorization:
    """A 3×3 and a 5×5."""
    return Factorization("3x3", "5x5", inputs=inputs, alpha=alpha, finish=finish)


def square_pair(inputs: int = 192, *, n: int = 7, finish: Finish = "bare") -> Factorization:
    """n×n twice, where 1×n and n×1 belong."""
    return Factorization(f"{n}x{n}", f"{n}x{n}", inputs=inputs, alpha=1.0, finish=finish)


def with_stem(stem: dict[str, Block], classes: int, width: float) -> nn.Module:
    """Inception-v3 with another stem."""
    blocks = stem | AT_35X35 | AT_17X17
    return InceptionTrunk(blocks, AT_8X8, Style(width), classes, AuxiliaryClassifier)


def padded_stem(classes: int = 1000, *, aux: bool = True, width: float = 1.0) -> nn.Module:
    """Inception-v3 with its second convolution padded."""
    del aux
    return with_stem(STEM | {"Conv2d_2a_3x3": "3x3 32"}, classes, width)


def squeezed_stem(classes: int = 1000, *, aux: bool = True, width: float = 1.0) -> nn.Module:
    """Inception-v3 with eight filters before its first pooling, which then is a bottleneck."""
    del aux
    return with_stem(STEM | {"Conv2d_2b_3x3": "3x3 8"}, classes, width)


class TwoHeads(Trunk):
    """Inception-v3 with a second side head, on the first module at 17×17."""

    def __init__(self, classes: int = 1000, *, aux: bool = True, width: float = 1.0) -> None:
        super().__init__()
        del aux
        for name, block in with_stem(STEM, classes, width).named_children():
            self.add_module(name, block)
            if name == "Mixed_6b":
                head = AuxiliaryClassifier(round(768 * width), Style(width), classes)
                self.AuxLogits_lower = head


class WideConvFirst(ConvFirst):
    """Convolves to twice the filters, by 3×3 whatever is asked for."""

    def __init__(self, inputs: int, style: Style, *, patch: int = 3, padded: bool = False) -> None:
        del patch
        super().__init__(inputs, style, patch=3, padded=padded)


reduction_conv_first = alone(WideConvFirst, inputs=320)
