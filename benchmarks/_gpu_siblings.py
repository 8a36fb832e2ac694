"""1x1 convolutions that read the same input, apart and merged into one: the same arithmetic.

Each ends in batch normalization and ReLU, as in the modules of Inception-v3 that they are of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


class Unit(nn.Module):
    """A 1x1 convolution, batch normalization and ReLU."""

    def __init__(self, inputs: int, filters: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, filters, 1, bias=False)
        self.norm = nn.BatchNorm2d(filters)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """y[n,o,p] = max(0, bn(Σ w[o,c] · x[n,c,p]))."""
        y: Tensor = self.relu(self.norm(self.conv(x)))
        return y


class Apart(nn.Module):
    """A unit for each number of filters, all on the same input."""

    def __init__(self, inputs: int, filters: Sequence[int]) -> None:
        super().__init__()
        self.names = [f"conv{place}_{width}" for place, width in enumerate(filters, 1)]
        for name, width in zip(self.names, filters, strict=True):
            self.add_module(name, Unit(inputs, width))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """What each writes."""
        return tuple(self.get_submodule(name)(x) for name in self.names)


class Merged(nn.Module):
    """One unit with the filters of all: the input is read once, and each reads a slice after it."""

    def __init__(self, inputs: int, filters: Sequence[int]) -> None:
        super().__init__()
        self.conv = Unit(inputs, sum(filters))

    def forward(self, x: Tensor) -> Tensor:
        """What all write, side by side."""
        y: Tensor = self.conv(x)
        return y
