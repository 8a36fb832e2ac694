"""The convention of torchprofile: the operators of a jit trace.

Source: torchprofile 0.1.0, `torchprofile/handlers.py`.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from costlab.conventions.rules import (
    ANY,
    CELLS,
    CONVOLUTIONS,
    FAST_PATH,
    MATRIX_PRODUCTS,
    TRANSPOSED,
    Doubt,
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
WITHOUT_SIZES = frozenset({
    *CONVOLUTIONS, *TRANSPOSED, *MATRIX_PRODUCTS, *CELLS, *AVERAGES,
    *("linear", "addmm", "addmv", "baddbmm", "einsum", "embedding", "scaled_dot_product_attention"),
    *("lstm", "gru", "rnn_tanh", "rnn_relu"),
    *("batch_norm", "instance_norm", "layer_norm", "group_norm", "rms_norm"),
    *("relu", "relu6", "gelu", "silu", "elu", "prelu", "leaky_relu", "mish", "sigmoid", "tanh"),
    *("hardswish", "hardsigmoid", "hardtanh", "softmax", "log_softmax", "dropout"),
    *("max_pool1d", "max_pool2d", "max_pool3d", "sum", "amax", "amin"),
    *("adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d"),
    *("cat", "stack", "flatten", "transpose", "permute", "squeeze", "unsqueeze", "t", "mT"),
})  # fmt: skip
"""What takes tensors, axes and settings of a network."""
OF_TWO = frozenset({"add", "sub", "mul", "div"})
PRODUCTS = frozenset({
    *("linear", "matmul", "addmm", "addmv", "bmm", "baddbmm", "scaled_dot_product_attention"),
})  # fmt: skip


def _same(place: Place) -> bool:
    return place.attributes.get("padding") == "same"


def _transposed(place: Place) -> int:
    """The kernel and all input channels at each element of the result."""
    return place.written * place.weight[0] * prod(place.weight[2:])


def _lstm(place: Place) -> int:
    """Both products of each gate at each step; a projected state is taken for the hidden one."""
    if "directions" not in place.attributes:  # not told of what is priced by its kernels
        return place.macs
    directions: int = place.attributes["directions"]
    layers: int = place.attributes["layers"]
    hidden = place.output[-1] // directions
    sizes = [place.inputs[0][-1]] + [hidden * directions] * (layers - 1)
    steps = prod(place.output[:2])
    return steps * directions * sum(4 * hidden * (size + hidden) for size in sizes)


def _takes_sizes(place: Place) -> bool:
    """Whether it may be given sizes that were multiplied, which a module of torch's own rarely is.

    A product or a sum of two tensors has none; one with a number may, and so may a constant that
    was made of them.
    """
    if place.kind not in {"", "MultiheadAttention"}:
        return False
    plain = place.op in WITHOUT_SIZES or (place.op in OF_TWO and len(place.inputs) > 1)
    return not plain or (place.fixed and not place.kind)


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
    traced=True,
    doubts=(
        Doubt(ANY, "sizes that a forward multiplies are in the trace, 1 a product", _takes_sizes),
        FAST_PATH,
    ),
    by_operation=(
        Rule(CONVOLUTIONS, nothing, "padding='same' has no handler", replaces=True, when=_same),
        Rule(CONVOLUTIONS, macs, "", replaces=True, when=lambda place: not _same(place)),
        Rule(TRANSPOSED, _transposed, "transposed convolution: by its result", replaces=True),
        Rule(PRODUCTS, macs, "", replaces=True),
        Rule(
            frozenset({"lstm"}),
            _lstm,
            "LSTM: its hidden size, and layers, by its results",
            replaces=True,
        ),
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
