"""BN-Inception, which TF-slim calls Inception-v2: GoogLeNet with 3×3 twice in place of 5×5.

It knows nothing of what the network costs, nor how images are normalized before they enter it.

Source: Ioffe & Szegedy 2015, "Batch Normalization" (arXiv:1502.03167): rows and filters from
Figure 5 in the appendix, whose text gives the first layer as separable with a depth multiplier of
8 (`stem="7x7/2 64 padded separable 8"`). The figure prints 576 channels for 4c and 4d and 1024 for
4e, which its own filters do not add up to: they give 608, 608 and 1056. The graph of Caffe keeps
the filters, and adds biases; that of TF-slim narrows the projections of 4c and 4d so that the
printed widths hold. TF-slim's normalization has no scale and its first layer a bias in place of
normalization; here both are normalized like all others.
"""

from __future__ import annotations

from functools import partial
from typing import Literal, NamedTuple

from torch import nn

from costlab.zoo.convolutions import Style, checked_choice, checked_classes
from costlab.zoo.layers import Block, Concat, extend
from costlab.zoo.trunk import Trunk


class Graph(NamedTuple):
    """What one graph of the network has its own way of.

    `pool_proj_4cd` is the width of the projection behind the pooling of 4c and 4d; `edge` is how
    strided poolings meet the edge of the grid; the rest is as in a `Style`.
    """

    pool_proj_4cd: int = 128
    edge: Literal["padded", "ceil"] = "padded"
    bias: bool = False
    eps: float = 1e-3
    counts_padding: bool = True
    dropout: float = 0.0


GRAPHS = {
    "paper": Graph(),
    "caffe": Graph(edge="ceil", bias=True, eps=1e-5),
    "tfslim": Graph(pool_proj_4cd=96, counts_padding=False, dropout=0.2),
}


class Inception(Concat):
    """The module of Figure 5: a 3×3 branch, a branch with 3×3 twice, and a pooling, projected.

    `filters` is a row of the figure, from "#1×1" to "double #3×3".
    """

    def __init__(
        self,
        inputs: int,
        style: Style,
        *,
        filters: tuple[int, ...],
        pool: Literal["avg", "max"],
        pool_proj: int,
    ) -> None:
        n1x1, reduce_3x3, n3x3, reduce_double, double_3x3 = filters
        super().__init__(
            inputs,
            style,
            branch1x1=f"1x1 {n1x1}",
            branch3x3=f"1x1 {reduce_3x3} → 3x3 {n3x3}",
            branch3x3dbl=f"1x1 {reduce_double} → 3x3 {double_3x3} → 3x3 {double_3x3}",
            branch_pool=f"{pool} 3x3 → 1x1 {pool_proj}",
        )


class Reduction(Concat):
    """A row of Figure 5 with stride 2: nothing of 1×1 alone, and the pooling passed through."""

    def __init__(
        self,
        inputs: int,
        style: Style,
        *,
        filters: tuple[int, ...],
        edge: Literal["padded", "ceil"],
    ) -> None:
        reduce_3x3, n3x3, reduce_double, double_3x3 = filters
        super().__init__(
            inputs,
            style,
            branch3x3=f"1x1 {reduce_3x3} → 3x3/2 {n3x3} padded",
            branch3x3dbl=f"1x1 {reduce_double} → 3x3 {double_3x3} → 3x3/2 {double_3x3} padded",
            branch_pool=f"max 3x3/2 {edge}",
        )


def figure_5(graph: Graph, stem: str) -> dict[str, Block]:
    """Figure 5, read downward; behind each block, the shape that the paper's writes at 224×224."""

    def inception(*filters: int, pool: Literal["avg", "max"] = "avg", pool_proj: int) -> Block:
        return partial(Inception, filters=filters, pool=pool, pool_proj=pool_proj)

    def reduction(*filters: int) -> Block:
        return partial(Reduction, filters=filters, edge=graph.edge)

    proj_4cd = graph.pool_proj_4cd
    return {
        "conv1": stem,  # 112×112×64
        "pool1": f"max 3x3/2 {graph.edge}",  # 56×56×64
        "conv2": "1x1 64 → 3x3 192",  # 56×56×192
        "pool2": f"max 3x3/2 {graph.edge}",  # 28×28×192
        "inception_3a": inception(64, 64, 64, 64, 96, pool_proj=32),  # 28×28×256
        "inception_3b": inception(64, 64, 96, 64, 96, pool_proj=64),  # 28×28×320
        "inception_3c": reduction(128, 160, 64, 96),  # 14×14×576
        "inception_4a": inception(224, 64, 96, 96, 128, pool_proj=128),  # 14×14×576
        "inception_4b": inception(192, 96, 128, 96, 128, pool_proj=128),  # 14×14×576
        "inception_4c": inception(160, 128, 160, 128, 160, pool_proj=proj_4cd),  # 14×14×608
        "inception_4d": inception(96, 128, 192, 160, 192, pool_proj=proj_4cd),  # 14×14×608
        "inception_4e": reduction(128, 192, 192, 256),  # 7×7×1056
        "inception_5a": inception(352, 192, 320, 160, 224, pool_proj=128),  # 7×7×1024
        "inception_5b": inception(352, 192, 320, 192, 224, pool="max", pool_proj=128),  # 7×7×1024
    }


class BNInception(Trunk):
    """The network; its children stand in the order in which they run.

    `stem` is the first layer or several, in the notation of `costlab.zoo.layers`; with
    `"3x3/2 32 padded → 3x3 32 → 3x3 64"` the 7×7 is factorized. `graph` is whose graph it is.
    `width` multiplies every filter bank, but neither the classes nor the RGB input.

    Shapes: images `n x 3 x h x w`, of any size in the graphs of the paper and of TF-slim. In that
    of Caffe the branches of a reduction fit together only on even grids, as multiples of 32 give.

    Raises:
        UsageError: `classes`, `width` or `graph` is nonsense.
        CostlabError: `stem` is not in the notation.
    """

    def __init__(
        self,
        classes: int = 1000,
        *,
        width: float = 1.0,
        stem: str = "7x7/2 64 padded",
        graph: Literal["paper", "caffe", "tfslim"] = "paper",
    ) -> None:
        super().__init__()
        own = GRAPHS[checked_choice("graph", graph, GRAPHS)]
        style = Style(width, bias=own.bias, eps=own.eps, counts_padding=own.counts_padding)
        classes = checked_classes(classes)
        channels = extend(self, figure_5(own, str(stem)), 3, style)
        # 7×7 at 224×224; adaptive, so that the same weights serve other images.
        self.pool5 = nn.AdaptiveAvgPool2d(1)
        if own.dropout:
            self.dropout = nn.Dropout(own.dropout)
        self.fc = nn.Linear(channels, classes)
