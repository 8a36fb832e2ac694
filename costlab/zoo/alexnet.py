"""AlexNet: the network of 2012, whose layers were split over two GPUs, and its one-tower variant.

It knows nothing of what the networks cost, nor how images are normalized before they enter them.

Source: Krizhevsky et al. 2012, "ImageNet Classification with Deep Convolutional Neural Networks",
Figure 2 and §3. The paper says images of 224×224, but its 55×55 grid takes 227×227 (as in Caffe).
A convolution that reads only the maps of its own GPU is one in two groups. The one-tower variant is
that of torchvision, after Krizhevsky 2014, "One weird trick for parallelizing convolutional neural
networks" (arXiv:1404.5997): fewer filters, no groups, no normalization.
"""

from __future__ import annotations

from functools import partial

from torch import nn

from costlab.errors import UsageError
from costlab.zoo.convolutions import Style, checked_classes
from costlab.zoo.dense import Dense, Dropout, PooledRow, Row
from costlab.zoo.layers import Block, Stage, extend
from costlab.zoo.trunk import Trunk


class ResponseNorm(nn.LocalResponseNorm, Stage):
    """§3.3: each activity is damped by those of its neighbours among the channels.

    `b_i = a_i / (k + α Σ_j a_j²)^β`, j the n channels around i; k = 2, n = 5, α = 1e-4, β = 0.75.
    """

    def __init__(self, inputs: int, style: Style) -> None:
        n = 5
        # PyTorch divides α by n; the paper does not.
        super().__init__(n, alpha=n * 1e-4, beta=0.75, k=2.0)
        del style  # has no filters
        self.outputs = inputs


def two_towers(groups: int) -> dict[str, Block]:
    """Figure 2, read from left to right; behind each block, the shape that it writes at 227×227."""
    return {
        "conv1": "11x11/4 96",  # 55×55×96
        "norm1": ResponseNorm,
        "pool1": "max 3x3/2",  # 27×27×96
        "conv2": f"5x5 256 groups {groups}",  # 27×27×256
        "norm2": ResponseNorm,
        "pool2": "max 3x3/2",  # 13×13×256
        "conv3": "3x3 384",  # 13×13×384
        "conv4": f"3x3 384 groups {groups}",  # 13×13×384
        "conv5": f"3x3 256 groups {groups}",  # 13×13×256
        "pool5": "max 3x3/2",  # 6×6×256
        "row5": partial(Row, grid=6, image=227),  # 9216
        "fc6": partial(Dense, features=4096),
        "drop6": Dropout,
        "fc7": partial(Dense, features=4096),
        "drop7": Dropout,
    }


# torchvision's `alexnet`; behind each block, the shape that it writes at 224×224.
ONE_TOWER: dict[str, Block] = {
    "conv1": "11x11/4 64 pad 2",  # 55×55×64
    "pool1": "max 3x3/2",  # 27×27×64
    "conv2": "5x5 192",  # 27×27×192
    "pool2": "max 3x3/2",  # 13×13×192
    "conv3": "3x3 384",  # 13×13×384
    "conv4": "3x3 256",  # 13×13×256
    "conv5": "3x3 256",  # 13×13×256
    "pool5": "max 3x3/2",  # 6×6×256
    "row5": partial(PooledRow, grid=6),  # 9216
    "drop5": Dropout,
    "fc6": partial(Dense, features=4096),
    "drop6": Dropout,
    "fc7": partial(Dense, features=4096),
}


class AlexNet(Trunk):
    """The network of 2012; its children stand in the order in which they run.

    `groups` is 2 as published, 1 where every filter reads all maps. `width` multiplies every filter
    bank and both hidden layers, but neither the classes nor the RGB input.

    Shapes: images `n x 3 x 227 x 227`; up to 258 a side leave the same last grid.

    Raises:
        UsageError: an argument is nonsense; in a forward, the images have another size.
    """

    def __init__(self, classes: int = 1000, *, groups: int = 2, width: float = 1.0) -> None:
        super().__init__()
        if type(groups) is not int or groups not in {1, 2}:
            raise UsageError(f"groups={groups!r}: AlexNet has 2, as published, or 1")
        style = Style(width, bias=True, normalized=False, multiple=groups)
        classes = checked_classes(classes)
        self.fc8 = nn.Linear(extend(self, two_towers(groups), 3, style), classes)


class OneTowerAlexNet(Trunk):
    """The variant of torchvision; its children stand in the order in which they run.

    `width` multiplies every filter bank and both hidden layers, but neither the classes nor the RGB
    input.

    Shapes: images `n x 3 x h x w`, h and w at least 63.

    Raises:
        UsageError: `classes` or `width` is nonsense.
    """

    def __init__(self, classes: int = 1000, *, width: float = 1.0) -> None:
        super().__init__()
        style, classes = Style(width, bias=True, normalized=False), checked_classes(classes)
        self.fc8 = nn.Linear(extend(self, ONE_TOWER, 3, style), classes)
