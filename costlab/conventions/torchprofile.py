"""The convention of torchprofile: the operators of a jit trace.

Source: torchprofile 0.1.0, `torchprofile/handlers.py`.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from costlab.conventions.rules import (
    CELLS,
    CONVOLUTIONS,
    TRANSPOSED,
    Rule,
    Tool,
    affine,
    macs,
    nothing,
    written,
)

if TYPE_CHECKING:
    from costlab.conventions.places import Place

AVERAGES = frozenset({
    *("adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d"),
    *("avg_pool1d", "avg_pool2d", "avg_pool3d", "mean"),
})  # fmt: skip
PRODUCTS = frozenset({
    *("linear", "matmul", "addmm", "addmv", "bmm", "baddbmm", "scaled_dot_product_attention"),
    "lstm",
})  # fmt: skip


def _same(place: Place) -> bool:
    return place.attributes.get("padding") == "same"


def _transposed(place: Place) -> int:
    """The kernel and all input channels at each element of the result."""
    return place.written * place.weight[0] * prod(place.weight[2:])


def _einsum(place: Place) -> int:
    """Nothing where dimensions are left to an ellipsis."""
    return 0 if "..." in str(place.attributes.get("equation", "")) else place.macs


TOOL = Tool(
    name="torchprofile",
    package="torchprofile",
    version="0.1.0",
    how="operators of a jit trace",
    unit="MACs",
    unseen="no handler for this operator",
    by_operation=(
        Rule(CONVOLUTIONS, nothing, "padding='same' has no handler", replaces=True, when=_same),
        Rule(CONVOLUTIONS, macs, "", replaces=True, when=lambda place: not _same(place)),
        Rule(TRANSPOSED, _transposed, "transposed convolution: by its result", replaces=True),
        Rule(PRODUCTS, macs, "", replaces=True),
        Rule(CELLS, macs, "", replaces=True),
        Rule(frozenset({"lstm_cell"}), written(3), "a cell's element-wise products: 1 an element"),
        Rule(frozenset({"gru_cell"}), written(2), "a cell's element-wise products: 1 an element"),
        Rule(frozenset({"einsum"}), _einsum, "einsum with an ellipsis", replaces=True),
        Rule(
            frozenset({"batch_norm", "instance_norm", "layer_norm", "group_norm"}),
            affine(1, 0),
            "normalization with weights: 1 an element",
        ),
        Rule(AVERAGES, written(1), "averages: 1 an element of the result"),
        Rule(frozenset({"mul"}), written(1), "element-wise products: 1 an element"),
        Rule(
            frozenset({"local_response_norm"}),
            written(3),
            "local response norm: two products and an average an element",
        ),
        Rule(frozenset({"leaky_relu"}), written(1), "leaky ReLU: 1 an element"),
        Rule(
            frozenset({"interpolate"}),
            written(4),
            "bilinear upsampling: 4 an element",
            when=lambda place: place.attributes.get("mode") == "bilinear",
        ),
        Rule(frozenset({"grid_sample", "grid_sampler"}), written(4), "grid sampling: 4 an element"),
    ),
)
