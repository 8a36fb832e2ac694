"""GoogLeNet, declared row by row as Table 1 of its paper prints it, and the variants of it.

It knows nothing of what the network costs, nor how images are normalized before they enter it.

Source: Szegedy et al. 2014, "Going Deeper with Convolutions" (arXiv:1409.4842): rows and filters
from Table 1, the module from Figure 2(b), side heads from §5. From the graph of Caffe
(`bvlc_googlenet`): names of blocks, normalization across channels, and poolings whose last patch
may end outside the grid. Table 1 does not agree with itself on the first layer: 2.7K parameters and
34M operations are those of a separable layer (`stem="7x7/2 64 padded separable 8"`), not of 64
filters of 7×7, as the row has them and Caffe too.
"""

from __future__ import annotations

from functools import partial
from typing import Literal, NamedTuple

from torch import Tensor, nn

from costlab.zoo.convolutions import Style, checked_choice, checked_classes
from costlab.zoo.dense import Dense, Row
from costlab.zoo.layers import Block, Concat, Stage, extend
from costlab.zoo.trunk import Auxiliary, Trunk


class PooledTo4x4(nn.AdaptiveAvgPool2d, Stage):
    """Any grid averaged down to 4×4, in patches that differ in size if they must."""

    def __init__(self, inputs: int, style: Style) -> None:
        super().__init__(4)
        del style  # has no filters
        self.outputs = inputs


class Graph(NamedTuple):
    """What one graph of the network has its own way of.

    `patch_5x5` is the patch of the branch that the paper calls 5×5; `side_pool` takes a side head
    from 14×14 to 4×4.
    """

    patch_5x5: str
    pool4: str
    side_pool: Block
    dropout: float


GRAPHS = {
    "caffe": Graph("5x5", "max 3x3/2 ceil", "avg 5x5/3", dropout=0.4),
    # Its 3×3 in place of 5×5 came with the weights that it adopted (pytorch/vision, issue 906).
    "torchvision": Graph("3x3", "max 2x2/2 ceil", PooledTo4x4, dropout=0.2),
}


class Inception(Concat):
    """Figure 2(b): 1×1 convolutions reduce the channels before 3×3 and 5×5, and behind the pooling.

    `filters` is a row of Table 1, from "#1×1" to "pool proj".
    """

    def __init__(
        self, inputs: int, style: Style, *, filters: tuple[int, ...], patch_5x5: str
    ) -> None:
        n1x1, reduce_3x3, n3x3, reduce_5x5, n5x5, pool_proj = filters
        super().__init__(
            inputs,
            style,
            branch1x1=f"1x1 {n1x1}",
            branch3x3=f"1x1 {reduce_3x3} → 3x3 {n3x3}",
            branch5x5=f"1x1 {reduce_5x5} → {patch_5x5} {n5x5}",
            branch_pool=f"max 3x3 → 1x1 {pool_proj}",
        )


class ResponseNorm(nn.LocalResponseNorm, Stage):
    """Normalization across 5 neighbouring channels, as Caffe's graph has it twice."""

    def __init__(self, inputs: int, style: Style) -> None:
        super().__init__(size=5, alpha=1e-4, beta=0.75, k=1.0)
        del style  # has no filters
        self.outputs = inputs


class SideHead(Auxiliary):
    """§5: a small classifier on a 14×14 layer; the paper adds its loss with a weight of 0.3."""

    def __init__(self, inputs: int, style: Style, classes: int, pool: Block) -> None:
        super().__init__()
        layers: dict[str, Block] = {
            "pool": pool,
            "conv_1x1": "1x1 128",
            "row": partial(Row, grid=4, image=224),
            "fc1": partial(Dense, features=1024),
        }
        features = extend(self, layers, inputs, style)
        self.dropout = nn.Dropout(0.7)
        self.fc2 = nn.Linear(features, classes)


def table_1(graph: Graph, stem: str) -> dict[str, Block]:
    """Table 1, read downward; behind each block, the shape that it writes at 224×224."""

    def inception(*filters: int) -> Block:
        return partial(Inception, filters=filters, patch_5x5=graph.patch_5x5)

    return {
        "conv1": stem,  # 112×112×64
        "pool1": "max 3x3/2 ceil",  # 56×56×64
        "norm1": ResponseNorm,
        "conv2": "1x1 64 → 3x3 192",  # 56×56×192
        "norm2": ResponseNorm,
        "pool2": "max 3x3/2 ceil",  # 28×28×192
        "inception_3a": inception(64, 96, 128, 16, 32, 32),  # 28×28×256
        "inception_3b": inception(128, 128, 192, 32, 96, 64),  # 28×28×480
        "pool3": "max 3x3/2 ceil",  # 14×14×480
        "inception_4a": inception(192, 96, 208, 16, 48, 64),  # 14×14×512
        "inception_4b": inception(160, 112, 224, 24, 64, 64),  # 14×14×512
        "inception_4c": inception(128, 128, 256, 24, 64, 64),  # 14×14×512
        "inception_4d": inception(112, 144, 288, 32, 64, 64),  # 14×14×528
        "inception_4e": inception(256, 160, 320, 32, 128, 128),  # 14×14×832
        "pool4": graph.pool4,  # 7×7×832
        "inception_5a": inception(256, 160, 320, 32, 128, 128),  # 7×7×832
        "inception_5b": inception(384, 192, 384, 48, 128, 128),  # 7×7×1024
    }


# §5: the modules whose output a side head reads.
SIDE_HEADS = {"inception_4a": "aux_4a", "inception_4d": "aux_4d"}


class GoogLeNetOutputs(NamedTuple):
    """Logits of the network and of its two side heads, the lower one first, in training."""

    logits: Tensor
    aux_4a: Tensor
    aux_4d: Tensor


class GoogLeNet(Trunk):
    """The network; its children stand in the order in which they run.

    `stem` is the first layer, in the notation of `costlab.zoo.layers`. `normalized` puts batch
    normalization in the place of biases and of normalization across channels. `graph` is whose
    graph it is. `aux` are the side heads, which run in training only. `width` multiplies every
    filter bank and the hidden layer of a side head, but neither the classes nor the RGB input.

    Shapes: images `n x 3 x h x w`, h and w at least 31, or 15 in torchvision's graph; in training
    with `aux` in Caffe's graph from 223 to 270, since a side head reads 4×4 positions.

    Raises:
        UsageError: `classes`, `width` or `graph` is nonsense; in a forward, a side head reads
            another grid.
        CostlabError: `stem` is not in the notation.
    """

    def __init__(
        self,
        classes: int = 1000,
        *,
        aux: bool = True,
        width: float = 1.0,
        stem: str = "7x7/2 64 padded",
        normalized: bool = False,
        graph: Literal["caffe", "torchvision"] = "caffe",
    ) -> None:
        super().__init__()
        style = Style(width, bias=not normalized, normalized=normalized)
        classes = checked_classes(classes)
        own = GRAPHS[checked_choice("graph", graph, GRAPHS)]
        channels = 3
        for name, block in table_1(own, str(stem)).items():
            if block is ResponseNorm and normalized:
                continue
            channels = extend(self, {name: block}, channels, style)
            if aux and name in SIDE_HEADS:
                head = SideHead(channels, style, classes, own.side_pool)
                self.add_module(SIDE_HEADS[name], head)
        # 7×7 at 224×224; adaptive, so that the same weights serve other images.
        self.pool5 = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(own.dropout)
        self.fc = nn.Linear(channels, classes)

    @staticmethod
    def labelled(logits: Tensor, *auxiliary: Tensor) -> GoogLeNetOutputs:
        """What a forward in training returns."""
        return GoogLeNetOutputs(logits, *auxiliary)
