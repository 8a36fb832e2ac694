"""The modules of Inception-ResNet, version 1 and version 2, declared as the paper draws them.

It knows no network that is made of them.

Source: Szegedy et al. 2016, "Inception-v4, Inception-ResNet and the Impact of Residual Connections
on Learning" (arXiv:1602.07261), Figures 10 to 13 (version 1) and 16 to 19 (version 2); Reduction-A
is that of Inception-v4. Names of branches, and the scales of the residuals, from the graph that its
authors released (TF-slim `inception_resnet_v2`); §3.3 prints that they lie between 0.1 and 0.3.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from costlab.zoo.convolutions import Style, convolution
from costlab.zoo.layers import Concat


class Residual(Concat):
    """Branches side by side, a 1×1 convolution of them back to the input's width, and their sum.

    `y = relu(x + scale · (W · [branches(x)] + b))`; the 1×1 convolution has a bias and no batch
    normalization. The relu is left out if not asked for.
    """

    def __init__(
        self, inputs: int, style: Style, scale: float, /, *, relu: bool = True, **branches: str
    ) -> None:
        super().__init__(inputs, style, **branches)
        self.branches = tuple(branches)
        self.scale = scale
        plain = replace(style, bias=True, normalized=False)
        self.Conv2d_1x1 = convolution(self.outputs, inputs, (1, 1), plain, linear=True)
        self.relu = nn.ReLU(inplace=True) if relu else None
        self.outputs = inputs

    def forward(self, x: Tensor) -> Tensor:
        """The input and what the branches add to it."""
        joined = torch.cat([self.get_submodule(name)(x) for name in self.branches], dim=1)
        y: Tensor = x + self.scale * self.Conv2d_1x1(joined)
        if self.relu is not None:
            y = self.relu(y)
        return y


class InceptionResNetA(Residual):
    """Figures 10 and 16, at 35×35; `filters` are those of the last two convolutions."""

    def __init__(self, inputs: int, style: Style, *, filters: tuple[int, int]) -> None:
        a, b = filters
        super().__init__(
            inputs,
            style,
            0.17,
            Branch_0="1x1 32",
            Branch_1="1x1 32 → 3x3 32",
            Branch_2=f"1x1 32 → 3x3 {a} → 3x3 {b}",
        )


class InceptionResNetB(Residual):
    """Figures 11 and 17, at 17×17; `filters` are those of the 1×7 and the 7×1 convolution."""

    def __init__(self, inputs: int, style: Style, *, filters: tuple[int, int]) -> None:
        a, b = filters
        super().__init__(
            inputs,
            style,
            0.10,
            Branch_0=f"1x1 {b}",
            Branch_1=f"1x1 128 → 1x7 {a} → 7x1 {b}",
        )


class ReductionB(Concat):
    """Figures 12 and 18, from 17×17 to 8×8; `filters` are those of the last two convolutions."""

    def __init__(self, inputs: int, style: Style, *, filters: tuple[int, int]) -> None:
        a, b = filters
        super().__init__(
            inputs,
            style,
            Branch_0="1x1 256 → 3x3/2 384",
            Branch_1=f"1x1 256 → 3x3/2 {a}",
            Branch_2=f"1x1 256 → 3x3 {a} → 3x3/2 {b}",
            Branch_3="max 3x3/2",
        )


class InceptionResNetC(Residual):
    """Figures 13 and 19, at 8×8; `filters` are those of the 1×3 and the 3×1 convolution.

    The `last` of a released graph is not scaled, and has no ReLU.
    """

    def __init__(
        self, inputs: int, style: Style, *, filters: tuple[int, int], last: bool = False
    ) -> None:
        a, b = filters
        super().__init__(
            inputs,
            style,
            1.0 if last else 0.20,
            relu=not last,
            Branch_0="1x1 192",
            Branch_1=f"1x1 192 → 1x3 {a} → 3x1 {b}",
        )
