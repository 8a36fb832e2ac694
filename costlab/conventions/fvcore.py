"""The convention of fvcore: the operators of a jit trace, a multiply-add called a flop.

Source: fvcore 0.1.5, `fvcore/nn/flop_count.py` and `fvcore/nn/jit_handles.py`.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from costlab.conventions.rules import (
    CELLS,
    CONVOLUTIONS,
    FAST_PATH,
    MATRIX_PRODUCTS,
    TRANSPOSED,
    Rule,
    Tool,
    affine,
    first_by_last,
    macs,
    nothing,
    read,
    written,
)

if TYPE_CHECKING:
    from costlab.conventions.places import Place


def _same(place: Place) -> bool:
    return place.attributes.get("padding") == "same"


def _transposed(place: Place) -> int:
    """Each weight at each position of the first operand; weights are of one group."""
    axes = len(place.weight) - 2
    *batch, _ = place.inputs[0][:-axes]
    return prod(place.weight) * prod(batch) * prod(place.inputs[0][-axes:])


TOOL = Tool(
    name="fvcore",
    package="fvcore",
    version="0.1.5",
    how="operators of a jit trace",
    unit="flops, which are multiply-adds",
    unseen="no handle for this operator",
    traced=True,
    doubts=(FAST_PATH,),
    by_operation=(
        Rule(CONVOLUTIONS, nothing, "padding='same' has no handle", replaces=True, when=_same),
        Rule(
            CONVOLUTIONS,
            macs,
            "",
            replaces=True,
            when=lambda place: not _same(place),
        ),
        Rule(TRANSPOSED, _transposed, "transposed convolution", replaces=True),
        Rule(frozenset({"linear", "addmm", "einsum"}), macs, "", replaces=True),
        Rule(CELLS, macs, "", replaces=True),
        Rule(
            MATRIX_PRODUCTS,
            first_by_last,
            "a product broadcast over its second operand: the first's elements alone",
            replaces=True,
        ),
        Rule(frozenset({"batch_norm"}), affine(2, 1), "batch norm: 2 an element",
             when=lambda place: not place.training),
        Rule(frozenset({"batch_norm"}), affine(5, 4), "batch norm in training: 5 an element",
             when=lambda place: place.training),
        Rule(frozenset({"layer_norm"}), affine(5, 4), "layer norm: 5 an element"),
        Rule(frozenset({"group_norm"}), affine(5, 4), "group norm: 5 an element"),
        Rule(frozenset({"instance_norm"}), affine(5, 4), "instance norm: 5 an element"),
        Rule(frozenset({"adaptive_avg_pool2d"}), read(1), "adaptive pool: 1 an input element"),
        Rule(
            frozenset({"interpolate"}),
            written(1),
            "nearest upsampling: 1 an element",
            when=lambda place: place.attributes.get("mode", "nearest") == "nearest"
            and len(place.output) == 4,  # noqa: PLR2004 - of images
        ),
        Rule(
            frozenset({"interpolate"}),
            written(4),
            "bilinear upsampling: 4 an element",
            when=lambda place: place.attributes.get("mode") == "bilinear",
        ),
        Rule(frozenset({"grid_sample", "grid_sampler"}), written(4), "grid sampling: 4 an element"),
    ),
)  # fmt: skip
