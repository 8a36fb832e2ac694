"""Operators that move elements, fill tensors, or only look at memory in another way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costlab.ops.rule import Effect

if TYPE_CHECKING:
    from costlab.onnx.operators.call import Call, Rule


def moved(call: Call) -> Effect:
    """Elements in another place: no operation, but what is read and written."""
    return Effect(call.out.shape)


def gathered(call: Call) -> Effect:
    """y = x[…, index, …], as indexing; at one known place it is a view, as `select`."""
    place = call.value(1)
    one = place is not None and call.given(1).shape == ()
    return Effect(call.out.shape, unchanged=one)


def scattered(call: Call) -> Effect:
    """x with some elements replaced; added, multiplied or compared, one operation an update."""
    counted = call.text("reduction", "none") != "none"
    return Effect(call.out.shape, flops=counted * call.given(2).elements)


def sliced(call: Call) -> Effect:
    """A part of the input: a view, unless an axis is turned round."""
    steps = call.value(4)
    turned = call.has(4) and (steps is None or min(steps, default=1) < 0)
    return Effect(call.out.shape, unchanged=not turned)


REARRANGEMENTS: dict[str, Rule] = {
    **dict.fromkeys(
        (
            "Concat",
            "DepthToSpace",
            "Pad",
            "ReverseSequence",
            "SpaceToDepth",
            "TensorScatter",
            "Tile",
            "Trilu",
        ),
        moved,
    ),
    "Slice": sliced,
}
INDEXING: dict[str, Rule] = {
    "Gather": gathered,
    "GatherElements": moved,
    "GatherND": moved,
    "OneHot": moved,
    "Scatter": scattered,
    "ScatterElements": scattered,
    "ScatterND": scattered,
}
FILLED: dict[str, Rule] = dict.fromkeys(
    (
        "ConstantOfShape",
        "EyeLike",
        "RandomNormal",
        "RandomNormalLike",
        "RandomUniform",
        "RandomUniformLike",
        "Range",
    ),
    moved,
)
VIEWS = (
    "BitCast",
    "Constant",
    "Expand",
    "Flatten",
    "Identity",
    "Reshape",
    "Shape",
    "Size",
    "Split",
    "Squeeze",
    "Transpose",
    "Unsqueeze",
)
"""Free: another look at the same elements, or what is known of them without a look."""
