"""The convention of ptflops: hooks at modules by type, and patched functions beside them.

What a module does by a patched function counts twice: an activation or a pooling that is a module
is counted by its hook and by the function that it calls. Its hook at timm's attention stands for
the layers inside, whose projections are then in no sum. Its number is an image's: the total of the
modules is divided by the first input's first size; what functions add is not.

Source: ptflops 0.7.5, `ptflops/pytorch_engine.py` and `ptflops/pytorch_ops.py`.
"""

from __future__ import annotations

import sys
from math import prod
from typing import TYPE_CHECKING, NamedTuple

from costlab.conventions.recurrent import ptflops_gates
from costlab.conventions.rules import (
    ADDED_PRODUCTS,
    ANY,
    FAST_PATH,
    MATRIX_PRODUCTS,
    Doubt,
    Rule,
    Tool,
    affine,
    bias,
    first_by_last,
    macs,
    read,
    written,
)

if TYPE_CHECKING:
    from costlab.conventions.places import Place

CONVOLUTIONS = frozenset({"Conv1d", "Conv2d", "Conv3d"})
TRANSPOSED = frozenset({"ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"})
ACTIVATIONS = frozenset({"ReLU", "PReLU", "ELU", "LeakyReLU", "ReLU6", "GELU"})
POOLINGS = frozenset({
    f"{kind}Pool{rank}d" for kind in ("Max", "Avg", "AdaptiveMax", "AdaptiveAvg")
    for rank in (1, 2, 3)
})  # fmt: skip
NORMALIZATIONS = frozenset({
    *("BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "GroupNorm"),
    *("InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d"),
})  # fmt: skip
PATCHED_ACTIVATIONS = frozenset({"relu", "prelu", "elu", "relu6", "gelu", "silu", "softmax"})
PATCHED_POOLINGS = frozenset({
    f"{kind}_pool{rank}d" for kind in ("max", "avg", "adaptive_avg", "adaptive_max")
    for rank in (1, 2, 3)
})  # fmt: skip
ALIKE = frozenset({
    *PATCHED_ACTIVATIONS, *PATCHED_POOLINGS, "interpolate", "local_response_norm",
    *("add", "mul"), *MATRIX_PRODUCTS, *ADDED_PRODUCTS,
})  # fmt: skip
"""What may be called by other names than those that are patched: x.relu(), a @ b, self.act(x)."""
NAMES = (
    "functions are seen by some names alone: F.relu(x) but not torch.relu(x), x.relu() or a name "
    "of the model's own for it, torch.matmul(a, b) but not a @ b, a.mul(b) but not a * b; a graph "
    "tells no such pair apart, and F.relu, torch.matmul and a * b are assumed"
)
LAYERS = frozenset({"TransformerEncoderLayer", "TransformerDecoderLayer"})
"""They hold the function of their activation since before another is put in its place."""


def _convolved(place: Place) -> int:
    """Each weight at each position; an image without a batch has its channels taken for one."""
    module = place.module
    kernel = prod(module.kernel_size)
    a_position: int = kernel * module.in_channels * (module.out_channels // module.groups)
    return a_position * place.inputs[0][0] * prod(place.output[2:])


def _transposed(place: Place) -> int:
    module, image = place.module, place.inputs[0]
    kernel = prod(module.kernel_size)
    a_position: int = kernel * module.in_channels * (module.out_channels // module.groups)
    return a_position * image[0] * prod(image[2:])


def _convolution_bias(place: Place) -> int:
    """One an element of the result, the first size of what is read taken for the batch."""
    return place.inputs[0][0] * prod(place.output[1:]) if place.has_bias else 0


def _response_norm(place: Place) -> int:
    """Two products and an addition an element, and the pooling's elements with their padding."""
    batch, channels, *positions = place.inputs[0]
    padded: int = batch * (channels + place.attributes["size"] - 1) * prod(positions)
    return 3 * place.read + padded


class Attended(NamedTuple):
    """The lengths and widths of what attention is given, and how many of each there are."""

    batch: int
    lengths: tuple[int, int, int]
    widths: tuple[int, int, int]


def _attended(place: Place) -> Attended:
    """Of queries, keys and values; those that are the same tensor are projected at once."""
    projected = place.products[:-1]  # but for the projection of the result
    query, key, value = projected[0], projected[min(1, len(projected) - 1)], projected[-1]
    # By then the length comes first, be the batch first or second.
    lengths, widths = (query[0], key[0], value[0]), (query[-1], key[-1], value[-1])
    return Attended(prod(query[1:-1]), lengths, widths)


def _attention(place: Place) -> int:
    """The products of attention; keys and values are projected to widths of their own."""
    batch, lengths, widths = _attended(place)
    (queries, keys, _), (width, _, value) = lengths, widths
    heads: int = place.module.num_heads
    projections = sum(length * size * size for length, size in zip(lengths, widths, strict=True))
    attending = heads * queries * keys * (width // heads + value // heads)
    return batch * (projections + attending + queries * value * value)


def _attention_extra(place: Place) -> int:
    """What its formula adds to the products of attention: scaling, softmax and biases."""
    batch, lengths, (width, _, value) = _attended(place)
    queries, keys, _ = lengths
    biases = sum(lengths) * width if place.module.in_proj_bias is not None else 0
    softmax: int = place.module.num_heads * queries * keys
    return batch * (queries * width + softmax + biases + queries * value)


def _is_timms(module: object) -> bool:
    """Whether it is of timm's class of attention, of which a hook stands for the layers in it."""
    vision = sys.modules.get("timm.models.vision_transformer")
    return type(module) is getattr(vision, "Attention", None)


def _timms_attention(place: Place) -> int:
    """Scaling, two products and the softmax; q, k, v and the output are projected elsewhere."""
    batch, tokens = place.output[:2]
    heads: int = place.module.num_heads
    width: int = place.module.head_dim
    return batch * heads * (tokens * width + 2 * tokens * tokens * width + tokens * tokens)


TOOL = Tool(
    name="ptflops",
    package="ptflops",
    version="0.7.5",
    how="hooks at modules by type, and patched functions",
    unit="MACs",
    unseen="functions that are not patched and modules not in its table are not seen",
    always_eval=True,
    per_image=True,
    encloses=_is_timms,
    doubts=(
        Doubt(ALIKE, NAMES, lambda place: not place.kind),
        FAST_PATH,
    ),
    enclosing=Rule(ANY, _timms_attention, "timm's attention: scaling and softmax", replaces=True),
    by_module=(
        Rule(CONVOLUTIONS, _convolved, "an image without a batch", replaces=True),
        Rule(TRANSPOSED, _transposed, "transposed convolution", replaces=True),
        Rule(frozenset({"Linear"}), macs, "", replaces=True),
        Rule(frozenset({"MultiheadAttention"}), _attention,
             "attention: keys and values projected to widths of their own", replaces=True),
        Rule(ptflops_gates.KINDS, ptflops_gates.amount, "gates with their element-wise work",
             replaces=True),
        Rule(frozenset({"MultiheadAttention"}), _attention_extra,
             "attention: scaling, softmax and biases"),
        Rule(CONVOLUTIONS | TRANSPOSED, _convolution_bias, "biases"),
        Rule(frozenset({"Linear"}), bias, "biases"),
        Rule(NORMALIZATIONS, affine(2, 1), "normalization: 2 an element, 1 without weights"),
        Rule(frozenset({"LayerNorm"}), read(1), "layer norm: 1 an element"),
        Rule(ACTIVATIONS, written(1), "activations as modules: 1 an element"),
        Rule(POOLINGS, read(1), "poolings as modules: 1 an input element"),
        Rule(frozenset({"Upsample"}), lambda place: prod(place.output[1:]),
             "upsampling as a module: 1 an element of the first image"),
    ),
    by_operation=(
        Rule(PATCHED_ACTIVATIONS, read(1), "activations as functions, those of modules again "
             "(not as methods): 1 an element", when=lambda place: place.kind not in LAYERS),
        Rule(PATCHED_POOLINGS, read(1), "poolings as functions, those of modules again: "
             "1 an input element"),
        Rule(frozenset({"interpolate"}), written(1), "interpolation: 1 an element"),
        Rule(frozenset({"local_response_norm"}), _response_norm,
             "local response norm: the products and poolings that it is made of"),
        Rule(MATRIX_PRODUCTS, first_by_last, "matrix products as functions (not as @)",
             replaces=True),
        Rule(ADDED_PRODUCTS, lambda place: place.macs + place.written,
             "matrix products with what they add to", replaces=True),
    ),
)  # fmt: skip
