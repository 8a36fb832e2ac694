"""VGG-16 and VGG-19, declared by the columns of the paper's table, with batch norm or without.

It knows nothing of what the networks cost, nor how images are normalized before they enter them.

Source: Simonyan & Zisserman 2014, "Very Deep Convolutional Networks for Large-Scale Image
Recognition" (arXiv:1409.1556), Table 1, columns D and E; block names as in the released Caffe
models. The variants with batch normalization are torchvision's, which keeps the biases of the
convolutions; of torchvision is also the pooling that brings any grid to 7×7.
"""

from __future__ import annotations

from functools import partial
from typing import Literal

from torch import nn

from costlab.zoo.convolutions import Style, checked_choice, checked_classes
from costlab.zoo.dense import Dense, Dropout, PooledRow
from costlab.zoo.layers import Block, extend
from costlab.zoo.trunk import Trunk

# Table 1: the filters of the five stages, the same in every column, and how many 3×3 convolutions
# a stage has. A stage ends with a pooling that halves the grid: 224×224 is 7×7 behind the last.
FILTERS = (64, 128, 256, 512, 512)
COLUMNS = {"D": (2, 2, 3, 3, 3), "E": (2, 2, 4, 4, 4)}

HEAD: dict[str, Block] = {
    "row5": partial(PooledRow, grid=7),  # 25088 of 7×7×512
    "fc6": partial(Dense, features=4096),
    "drop6": Dropout,
    "fc7": partial(Dense, features=4096),
    "drop7": Dropout,
}


def stages(column: str) -> dict[str, Block]:
    """A column of Table 1, read downward, as far as its last pooling.

    >>> list(stages("D"))[:5]
    ['conv1_1', 'conv1_2', 'pool1', 'conv2_1', 'conv2_2']
    """
    blocks: dict[str, Block] = {}
    for stage, (filters, depth) in enumerate(zip(FILTERS, COLUMNS[column], strict=True), start=1):
        blocks |= {f"conv{stage}_{place}": f"3x3 {filters}" for place in range(1, depth + 1)}
        blocks[f"pool{stage}"] = "max 2x2/2"
    return blocks


class VGG(Trunk):
    """The network of one column; its children stand in the order in which they run.

    `column` is "D" for VGG-16, "E" for VGG-19; `normalized` puts batch normalization behind each
    convolution. `width` multiplies every filter bank and both hidden layers, but neither the
    classes nor the RGB input.

    Shapes: images `n x 3 x h x w`, h and w at least 32.

    Raises:
        UsageError: an argument is nonsense.
    """

    def __init__(
        self,
        classes: int = 1000,
        *,
        column: Literal["D", "E"] = "D",
        normalized: bool = False,
        width: float = 1.0,
    ) -> None:
        super().__init__()
        checked_choice("column", column, COLUMNS)
        # 1e-5 is PyTorch's epsilon, with which torchvision trained its weights.
        style = Style(width, bias=True, normalized=normalized, eps=1e-5)
        classes = checked_classes(classes)
        self.fc8 = nn.Linear(extend(self, {**stages(column), **HEAD}, 3, style), classes)
