"""The heads of the networks before global pooling: an image as one row, fully connected layers.

It knows no network; each part is a `Stage` or fits where one does, so that a head is declared in
the same table as the convolutions before it.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn

from costlab.errors import UsageError
from costlab.zoo.convolutions import Style, rectifier
from costlab.zoo.layers import Stage


class Row(Stage):
    """The channels of a `grid` × `grid` as one row of numbers, channel by channel.

    `image` is the side of the images for which the layers before it write that grid.

    Raises:
        UsageError: in a forward, the grid is another, so that no fully connected layer can read it.
    """

    def __init__(self, inputs: int, style: Style, *, grid: int, image: int) -> None:
        super().__init__()
        del style  # has no layer
        self.grid, self.image = grid, image
        self.outputs = inputs * grid * grid

    def forward(self, x: Tensor) -> Tensor:
        """The row, if the grid is the declared one."""
        rows, columns = x.shape[-2:]
        if (rows, columns) != (self.grid, self.grid):
            raise UsageError(
                f"the fully connected layers read a grid of {self.grid}×{self.grid}, which images "
                f"of {self.image}×{self.image} leave, but these left one of {rows}×{columns}; give "
                f"images of {self.image}×{self.image}"
            )
        return torch.flatten(x, 1)


class PooledRow(Stage):
    """Any grid averaged down to `grid` × `grid`, as one row; nothing changes if it has that size.

    This is how torchvision lets images of another size into a network with fully connected layers.
    """

    def __init__(self, inputs: int, style: Style, *, grid: int) -> None:
        super().__init__()
        del style  # has no layer with filters
        self.pool = nn.AdaptiveAvgPool2d(grid)
        self.flatten = nn.Flatten()
        self.outputs = inputs * grid * grid

    def forward(self, x: Tensor) -> Tensor:
        """The row."""
        row: Tensor = self.flatten(self.pool(x))
        return row


class Dense(nn.Sequential, Stage):
    """A fully connected layer of so many `features` at width 1, with bias, and its activation.

    It reads a row; a width multiplies its features like any filter bank.
    """

    def __init__(self, inputs: int, style: Style, *, features: int) -> None:
        outputs = style.filters(features)
        linear = nn.Linear(inputs, outputs)
        # As the convolutions: the signal keeps its scale on its way down (He et al. 2015, §2.2).
        nn.init.kaiming_uniform_(linear.weight, nonlinearity="relu")
        parts: OrderedDict[str, nn.Module] = OrderedDict(linear=linear)
        if style.activation:
            parts[style.activation] = rectifier(style.activation, outputs)
        super().__init__(parts)
        self.outputs = outputs


class Dropout(nn.Dropout, Stage):
    """In training, half of what the layer before it wrote is set to zero."""

    def __init__(self, inputs: int, style: Style) -> None:
        super().__init__(0.5)
        del style  # has no layer
        self.outputs = inputs
