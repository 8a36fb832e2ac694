"""The convention of torch's own FlopCounterMode, on meta tensors: contractions by kernel, in FLOPs.

Source: torch 2.13, `torch/utils/flop_counter.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from costlab.conventions.rules import Rule, Tool, macs, nothing

if TYPE_CHECKING:
    from costlab.conventions.places import Place

CONTRACTIONS = frozenset({
    *("conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"),
    *("convolution", "_convolution"),
    *("linear", "matmul", "mm", "bmm", "addmm", "baddbmm", "addbmm", "chain_matmul", "multi_dot"),
    *("einsum", "tensordot", "inner", "scaled_dot_product_attention"),
    *("lstm", "gru", "rnn_tanh", "rnn_relu"),
    *("lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell"),
})  # fmt: skip


def _by_a_vector(place: Place) -> bool:
    return place.op in {"matmul", "inner"} and 1 in {len(place.inputs[0]), len(place.weight)}


TOOL = Tool(
    name="FlopCounterMode",
    package="torch",
    version="2.13.0",
    how="dispatched kernels, on meta tensors",
    unit="FLOPs",
    per_mac=2,
    unseen="no formula for this kernel",
    by_operation=(
        Rule(
            CONTRACTIONS,
            nothing,
            "a product with a vector runs as mv or dot, which has no formula",
            replaces=True,
            when=_by_a_vector,
        ),
        Rule(
            CONTRACTIONS,
            macs,
            "",
            replaces=True,
            when=lambda place: not _by_a_vector(place),
        ),
    ),
)
