"""Inception-ResNet, version 1 and version 2, declared block by block as the paper draws them.

It knows nothing of what the networks cost, nor how images are normalized before they enter them.

Source: Szegedy et al. 2016, "Inception-v4, Inception-ResNet and the Impact of Residual Connections
on Learning" (arXiv:1602.07261): layout from Figure 15, stems from Figures 14 (version 1) and 3
(version 2), filters from Figures 10 to 13 and 16 to 19, those of Reduction-A from Table 1. Names of
blocks from the graph that its authors released (TF-slim `inception_resnet_v2`).

What was released and what is drawn differ, so there are four graphs:

- `v1`: as drawn. Its authors released none.
- `v1_facenet`: that of Sandberg's facenet (`inception_resnet_v1`), which adds a sixth block at 8×8,
  without ReLU and not scaled. The classifier that facenet leaves to its user is that of `v1`.
- `v2`: as released. It has the stem of Inception-v3 with a module behind it in place of Figure 3,
  twice the blocks of Figure 15, the last of them without ReLU and not scaled, a 1×1 convolution
  before the pooling, and an auxiliary classifier.
- `v2_figures`: as drawn, but for two numbers that do not fit the sum that they stand in: Figures 17
  and 19 print 1154 and 2048 filters where the input has 1152 and 2144 channels.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Literal, NamedTuple

from torch import Tensor, nn

from costlab.errors import UsageError
from costlab.zoo import inception_v4
from costlab.zoo.convolutions import Style, checked_choice, checked_classes
from costlab.zoo.inception_resnet_modules import (
    InceptionResNetA,
    InceptionResNetB,
    InceptionResNetC,
    ReductionB,
)
from costlab.zoo.inception_v3 import AuxiliaryClassifier, InceptionOutputs
from costlab.zoo.inception_v4 import ReductionA
from costlab.zoo.layers import Block, Concat, extend
from costlab.zoo.trunk import Trunk

if TYPE_CHECKING:
    from collections.abc import Mapping

# Behind each block, the shape that it writes at 299×299.
STEM: dict[str, Block] = {
    "Conv2d_1a_3x3": "3x3/2 32",  # 149×149×32
    "Conv2d_2a_3x3": "3x3 32 valid",  # 147×147×32
    "Conv2d_2b_3x3": "3x3 64",  # 147×147×64
    "MaxPool_3a": "max 3x3/2",  # 73×73×64
    "Conv2d_3b_1x1": "1x1 80",  # 73×73×80
    "Conv2d_4a_3x3": "3x3 192 valid",  # 71×71×192
}
# Figure 14.
STEM_V1: dict[str, Block] = STEM | {
    "Conv2d_4b_3x3": "3x3/2 256",  # 35×35×256
}
STEM_V2: dict[str, Block] = STEM | {
    "MaxPool_5a": "max 3x3/2",  # 35×35×192
    "Mixed_5b": partial(  # 35×35×320
        Concat,
        Branch_0="1x1 96",
        Branch_1="1x1 48 → 5x5 64",
        Branch_2="1x1 64 → 3x3 96 → 3x3 96",
        Branch_3="avg 3x3 → 1x1 64",
    ),
}


class Filters(NamedTuple):
    """The filters in which version 1 and version 2 differ, in the order in which modules run."""

    A: tuple[int, int]
    reduction_A: tuple[int, int, int]
    B: tuple[int, int]
    reduction_B: tuple[int, int]
    C: tuple[int, int]


V1 = Filters(
    A=(32, 32),  # Figure 10
    reduction_A=(192, 192, 256),  # Table 1
    B=(128, 128),  # Figure 11
    reduction_B=(256, 256),  # Figure 12
    C=(192, 192),  # Figure 13
)
V2 = Filters(
    A=(48, 64),  # Figure 16
    reduction_A=(256, 256, 384),  # Table 1
    B=(160, 192),  # Figure 17
    reduction_B=(288, 320),  # Figure 18
    C=(224, 256),  # Figure 19
)


@dataclass(frozen=True, slots=True)
class Graph:
    """What a network is made of: its stem, its filters, and how many blocks of A, B and C it has.

    `last` is whether the last block is one without ReLU; `end` stands behind it; `aux` is whether
    there is an auxiliary classifier.
    """

    stem: Mapping[str, Block]
    filters: Filters
    blocks: tuple[int, int, int]
    last: bool = False
    end: Mapping[str, Block] = field(default_factory=dict)
    aux: bool = False

    def to_17x17(self, a: int, b: int) -> dict[str, Block]:
        """The blocks up to the grid of 17×17, a of them at 35×35 and b at 17×17."""
        filters = self.filters
        block35 = partial(InceptionResNetA, filters=filters.A)
        block17 = partial(InceptionResNetB, filters=filters.B)
        return {
            **self.stem,
            **{f"block35_{number}": block35 for number in range(1, a + 1)},
            "Mixed_6a": partial(ReductionA, filters=filters.reduction_A),
            **{f"block17_{number}": block17 for number in range(1, b + 1)},
        }

    def to_8x8(self, c: int) -> dict[str, Block]:
        """The blocks from there on, c of them at 8×8."""
        filters = self.filters
        block8 = partial(InceptionResNetC, filters=filters.C)
        last = {"Block8": partial(block8, last=True)} if self.last else {}
        return {
            "Mixed_7a": partial(ReductionB, filters=filters.reduction_B),
            **{f"block8_{number}": block8 for number in range(1, c + 1 - len(last))},
            **last,
            **self.end,
        }


GRAPHS = {
    "v1": Graph(STEM_V1, V1, (5, 10, 5)),
    "v1_facenet": Graph(STEM_V1, V1, (5, 10, 6), last=True),
    "v2": Graph(STEM_V2, V2, (10, 20, 10), last=True, end={"Conv2d_7b_1x1": "1x1 1536"}, aux=True),
    "v2_figures": Graph(inception_v4.STEM, V2, (5, 10, 5)),
}


class InceptionResNet(Trunk):
    """A network of one of the graphs; its children stand in the order in which they run.

    `blocks` are the numbers of A, B and C, and `aux` is the auxiliary classifier, which runs in
    training only; None leaves them to the graph. `width` multiplies every filter bank, but neither
    the classes nor the RGB input.

    Shapes: images `n x 3 x h x w`, h and w at least 75, in training with `aux` at least 299.

    Raises:
        UsageError: `classes`, `graph`, `blocks` or `width` is nonsense.
    """

    def __init__(
        self,
        classes: int = 1000,
        *,
        graph: Literal["v1", "v1_facenet", "v2", "v2_figures"] = "v2",
        blocks: tuple[int, int, int] | None = None,
        aux: bool | None = None,
        width: float = 1.0,
    ) -> None:
        super().__init__()
        # TensorFlow, in which it was released, averages at the border over the image alone.
        style, classes = Style(width, counts_padding=False), checked_classes(classes)
        made_of = GRAPHS[checked_choice("graph", graph, GRAPHS)]
        a, b, c = made_of.blocks if blocks is None else checked_blocks(blocks)
        channels = extend(self, made_of.to_17x17(a, b), 3, style)
        if made_of.aux if aux is None else aux:
            self.AuxLogits = AuxiliaryClassifier(channels, style, classes)
        channels = extend(self, made_of.to_8x8(c), channels, style)
        # 8×8 at 299×299; adaptive, so that the same weights serve other images.
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(0.2)  # Figure 15 keeps 0.8
        self.fc = nn.Linear(channels, classes)

    @staticmethod
    def labelled(logits: Tensor, *auxiliary: Tensor) -> InceptionOutputs:
        """What a forward in training returns."""
        return InceptionOutputs(logits, *auxiliary)


def checked_blocks(blocks: object) -> tuple[int, int, int]:
    """The numbers of blocks, if they are three.

    Raises:
        UsageError: they are not three positive whole numbers.
    """
    match blocks:
        case [int(a), int(b), int(c)] if min(a, b, c) > 0 and bool not in map(type, blocks):
            return a, b, c
    raise UsageError(
        f"blocks={blocks!r} are the numbers of A, B and C; three positive whole numbers, as in "
        "blocks=(5, 10, 5)"
    )
