"""The PReLU-nets A, B and C, declared by the columns of the paper's table.

It knows nothing of what the networks cost, nor how images are normalized before they enter them.

Source: He et al. 2015, "Delving Deep into Rectifiers: Surpassing Human-Level Performance on
ImageNet Classification" (arXiv:1502.01852), Table 3, recalled and not looked up: no copy of the
table was at hand. A public implementation (nutszebra/prelu_net) confirms the convolutions of A; B,
C, and the pyramid of all three rest on memory. The names of the blocks follow VGG's.
"""

from __future__ import annotations

from functools import partial
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from costlab.zoo.convolutions import Style, checked_choice, checked_classes
from costlab.zoo.dense import Dense, Dropout
from costlab.zoo.layers import Block, Stage, extend
from costlab.zoo.trunk import Trunk


class SpatialPyramid(Stage):
    """Maxima over the bins of several grids, all in one row: n² numbers a channel for each grid.

    Bins are cut as in He et al. 2014, "Spatial Pyramid Pooling in Deep Convolutional Networks for
    Visual Recognition": of w columns, bin i of n goes from ⌊i w / n⌋ to ⌈(i + 1) w / n⌉. So every
    place is in a bin, and images of any size give the same row.
    """

    def __init__(self, inputs: int, style: Style, *, grids: tuple[int, ...]) -> None:
        super().__init__()
        del style  # has no filters
        for n in grids:
            self.add_module(f"pool_{n}x{n}", nn.AdaptiveMaxPool2d(n))
        self.outputs = inputs * sum(n * n for n in grids)

    def forward(self, x: Tensor) -> Tensor:
        """The row, grid after grid."""
        return torch.cat([torch.flatten(pool(x), 1) for pool in self.children()], dim=1)


class Column(NamedTuple):
    """A model of Table 3: 3×3 convolutions a stage, and the filters of its three stages."""

    depth: int
    filters: tuple[int, int, int]


MODELS = {
    "A": Column(5, (256, 512, 512)),
    "B": Column(6, (256, 512, 512)),
    "C": Column(6, (384, 768, 896)),
}

HEAD: dict[str, Block] = {
    "spp": partial(SpatialPyramid, grids=(7, 3, 2, 1)),  # 63 bins a channel
    "fc6": partial(Dense, features=4096),
    "drop6": Dropout,
    "fc7": partial(Dense, features=4096),
    "drop7": Dropout,
}


def stages(model: str) -> dict[str, Block]:
    """A column of Table 3, read downward: from 224×224 to the last 14×14.

    >>> list(stages("A"))[:4], list(stages("A"))[-1]
    (['conv1', 'pool1', 'conv2_1', 'conv2_2'], 'conv4_5')
    """
    depth, filters = MODELS[model]
    blocks: dict[str, Block] = {"conv1": "7x7/2 96 padded"}
    for stage, bank in enumerate(filters, start=2):
        blocks[f"pool{stage - 1}"] = "max 2x2/2"
        blocks |= {f"conv{stage}_{place}": f"3x3 {bank}" for place in range(1, depth + 1)}
    return blocks


class PReLUNet(Trunk):
    """One of the three models; its children stand in the order in which they run.

    `width` multiplies every filter bank and both hidden layers, but neither the classes nor the RGB
    input. Behind every convolution and hidden layer stands a PReLU with a slope a channel.

    Shapes: images `n x 3 x h x w`, h and w at least 15.

    Raises:
        UsageError: an argument is nonsense.
    """

    def __init__(
        self, classes: int = 1000, *, model: Literal["A", "B", "C"] = "A", width: float = 1.0
    ) -> None:
        super().__init__()
        checked_choice("model", model, MODELS)
        style = Style(width, bias=True, normalized=False, activation="prelu")
        classes = checked_classes(classes)
        self.fc8 = nn.Linear(extend(self, {**stages(model), **HEAD}, 3, style), classes)
