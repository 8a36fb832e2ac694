"""What a layer of a declared network is made of, and what all layers of one network share.

It knows neither the notation in which networks are declared, nor any network.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from math import isfinite, lcm
from typing import TYPE_CHECKING, Literal

from torch import nn

from costlab.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Style:
    """What all layers of a network have in common, so that its declaration need not say it.

    `width` multiplies every filter bank. Behind each convolution stand, if it has them, its bias,
    batch normalization (`normalized`, with `eps`) and the `activation`, None for none.
    `counts_padding` is whether an average at the border divides by the whole patch; with
    `same_padding` every layer is padded, so that its stride alone reduces the grid. Filters come in
    multiples of `multiple`, so that a convolution in so many groups can read them at any width.
    The defaults are those of Inception-v3.

    Raises:
        UsageError: the width is no positive number.
    """

    width: float = 1.0
    bias: bool = False
    normalized: bool = True
    # 1e-3, not PyTorch's 1e-5: the epsilon of the released Inception networks (TF-slim).
    eps: float = 1e-3
    activation: Literal["relu", "prelu"] | None = "relu"
    counts_padding: bool = True
    same_padding: bool = False
    multiple: int = 1

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
        multiple = lcm(groups, self.multiple)
        return max(1, round(declared * self.width / multiple)) * multiple


def checked_classes(classes: object) -> int:
    """The number of classes, if it is one.

    Raises:
        UsageError: it is no positive whole number.
    """
    if isinstance(classes, bool) or not isinstance(classes, int) or classes < 1:
        raise UsageError(f"classes={classes!r}: a network tells apart 1, 2, 3, … classes")
    return classes


def checked_choice(argument: str, choice: object, choices: Iterable[str]) -> str:
    """The choice, if it is one of the names that an argument may have.

    >>> checked_choice("graph", "caffe", ["caffe", "torchvision"])
    'caffe'

    Raises:
        UsageError: it is none of them.

    """
    names = list(choices)
    if not isinstance(choice, str) or choice not in names:
        known = ", ".join(repr(name) for name in names)
        raise UsageError(f"{argument}={choice!r}: it is one of {known}")
    return choice


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


def rectifier(activation: Literal["relu", "prelu"], channels: int) -> nn.Module:
    """The activation behind so many channels, with a slope for each if it has slopes."""
    return nn.PReLU(channels) if activation == "prelu" else nn.ReLU(inplace=True)


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
    activation = None if linear else style.activation
    conv = nn.Conv2d(inputs, outputs, patch, stride, pad, groups=groups, bias=style.bias)
    # He et al. 2015, §2.2: keeps the scale of the signal through the layers also in eval mode,
    # where the normalization of an untrained network does nothing.
    nn.init.kaiming_uniform_(conv.weight, nonlinearity="relu" if activation else "linear")
    parts: OrderedDict[str, nn.Module] = OrderedDict(conv=conv)
    if style.normalized:
        parts["bn"] = nn.BatchNorm2d(outputs, eps=style.eps)
    if activation:
        parts[activation] = rectifier(activation, outputs)
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
