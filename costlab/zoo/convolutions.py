"""What a layer of a declared network is made of, and what all layers of one network share.

It knows neither the notation in which networks are declared, nor any network.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from math import isfinite
from typing import Literal

from torch import nn

from costlab.errors import UsageError


@dataclass(frozen=True, slots=True)
class Style:
    """What all layers of a network have in common, so that its declaration need not say it.

    `width` multiplies every filter bank. Behind each convolution stand, if it has them, its bias,
    batch normalization (`normalized`, with `eps`) and the `activation`. `counts_padding` is whether
    an average at the border divides by the whole patch. The defaults are those of Inception-v3.

    Raises:
        UsageError: the width is no positive number.
    """

    width: float = 1.0
    bias: bool = False
    normalized: bool = True
    # 1e-3, not PyTorch's 1e-5: the epsilon of the released Inception networks (TF-slim).
    eps: float = 1e-3
    activation: Literal["relu", "prelu"] = "relu"
    counts_padding: bool = True

    def __post_init__(self) -> None:
        """Refuses a width of nonsense before a network is made of it."""
        width: object = self.width  # what a user typed, whatever the annotation says
        if (
            isinstance(width, bool)
            or not isinstance(width, int | float)
            or not (isfinite(width) and width > 0)
        ):
            raise UsageError(
                f"width={self.width!r} multiplies the filters; it is a positive number, as in "
                "width=0.5"
            )

    def filters(self, declared: int, groups: int = 1) -> int:
        """The filters that a bank of so many has at this width: a multiple of the groups.

        >>> Style(width=1.5).filters(64), Style(width=0.01).filters(64)
        (96, 1)
        """
        return max(1, round(declared * self.width / groups)) * groups


def checked_classes(classes: object) -> int:
    """The number of classes, if it is one.

    Raises:
        UsageError: it is no positive whole number.
    """
    if isinstance(classes, bool) or not isinstance(classes, int) or classes < 1:
        raise UsageError(f"classes={classes!r}: a network tells apart 1, 2, 3, … classes")
    return classes


class ConvBNReLU(nn.Sequential):
    """A convolution, batch normalization, ReLU."""


class ConvBN(nn.Sequential):
    """A convolution and batch normalization."""


class ConvReLU(nn.Sequential):
    """A convolution with bias, ReLU."""


class ConvPReLU(nn.Sequential):
    """A convolution with bias, PReLU with a slope a channel."""


UNITS = {
    ("conv", "bn", "relu"): ConvBNReLU,
    ("conv", "bn"): ConvBN,
    ("conv", "relu"): ConvReLU,
    ("conv", "prelu"): ConvPReLU,
}


def convolution(
    inputs: int,
    outputs: int,
    patch: tuple[int, int],
    style: Style,
    stride: int = 1,
    pad: tuple[int, int] | str = (0, 0),
    groups: int = 1,
    *,
    linear: bool = False,
) -> nn.Module:
    """A convolution with what stands behind it in this style, but no activation if `linear`.

    Its children are `conv`, `bn` and `relu` or `prelu`; a convolution with nothing behind it is the
    `nn.Conv2d` itself.
    """
    conv = nn.Conv2d(inputs, outputs, patch, stride, pad, groups=groups, bias=style.bias)
    # He et al. 2015, §2.2: keeps the scale of the signal through the layers also in eval mode,
    # where the normalization of an untrained network does nothing.
    nn.init.kaiming_uniform_(conv.weight, nonlinearity="linear" if linear else "relu")
    parts: OrderedDict[str, nn.Module] = OrderedDict(conv=conv)
    if style.normalized:
        parts["bn"] = nn.BatchNorm2d(outputs, eps=style.eps)
    if not linear:
        prelu = style.activation == "prelu"
        parts[style.activation] = nn.PReLU(outputs) if prelu else nn.ReLU(inplace=True)
    return UNITS[tuple(parts)](parts) if len(parts) > 1 else conv


class SeparableConv(nn.Sequential):
    """A convolution of each channel on its own, `multiplier` times, then one of 1×1 over all.

    The first has neither bias nor anything behind it (TF-slim's `separable_conv2d`).
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        patch: tuple[int, int],
        style: Style,
        stride: int,
        pad: tuple[int, int] | str,
        multiplier: int,
    ) -> None:
        between = inputs * multiplier
        depthwise = nn.Conv2d(inputs, between, patch, stride, pad, groups=inputs, bias=False)
        nn.init.kaiming_uniform_(depthwise.weight, nonlinearity="linear")
        pointwise = convolution(between, outputs, (1, 1), style)
        super().__init__(OrderedDict(depthwise=depthwise, pointwise=pointwise))
