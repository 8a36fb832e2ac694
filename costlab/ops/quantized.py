"""Products of numbers in eight bits, and the rounding that imitates them.

Does not know quantized tensors, which keep their scale within: their operations have no rule. Of
weights that are packed for a kernel it asks only what they say of their shape.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from costlab.graph import TensorSpec
from costlab.ops.dtypes import is_kind, name_of
from costlab.ops.matmul import mm
from costlab.ops.recurrent import GRU, LSTM, Cell, layer
from costlab.ops.rule import Effect, Rule, Shaped, axis_of, numbers, require

if TYPE_CHECKING:
    from collections.abc import Sequence

ROUNDED = 6  # divide, round, shift; clamp; shift back, multiply

EIGHT_BITS = frozenset({"float8_e4m3fn", "float8_e5m2"})


def int_mm(input: Shaped, mat2: Shaped) -> Effect:
    """y[n,p] = Σ a[n,m] · b[m,p] of int8, summed in int32  →  MACs = n·m·p."""
    require(name_of(input.dtype) == name_of(mat2.dtype) == "int8")
    return mm(input, mat2)._replace(dtype="int32")


def scaled_mm(
    input: Shaped,
    mat2: Shaped,
    scale_a: Shaped,
    scale_b: Shaped,
    bias: Shaped | None = None,
    scale_result: Shaped | None = None,
    out_dtype: object = None,
    use_fast_accum: bool = False,
) -> Effect:
    """y[n,p] = s_a · s_b · Σ a[n,m] · b[m,p] of float8  →  MACs = n·m·p.

    Two operations an output element for the scales, another for a bias.
    """
    del scale_a, scale_b, scale_result, use_fast_accum
    a, b = tuple(input.shape), tuple(mat2.shape)
    require(len(a) == len(b) == 2 and a[1] == b[0])
    require({name_of(input.dtype), name_of(mat2.dtype)} <= EIGHT_BITS)
    shape = (a[0], b[1])
    return Effect(
        shape,
        macs=prod(shape) * a[1],
        flops=prod(shape) * (2 + (bias is not None)),
        dtype=name_of(input.dtype if out_dtype is None else out_dtype),
    )


def fake_quantize_per_tensor_affine(
    input: Shaped, scale: Shaped | float, zero_point: Shaped | int, quant_min: int, quant_max: int
) -> Effect:
    """y = (clamp(round(x / s) + z, min, max) − z) · s: 6 operations an element."""
    del scale, zero_point
    numbers(quant_min, quant_max)
    require(is_kind(input, "f") and quant_min <= quant_max)
    return Effect(tuple(input.shape), flops=ROUNDED * prod(input.shape))


def fake_quantize_per_channel_affine(
    input: Shaped, scale: Shaped, zero_point: Shaped, axis: int, quant_min: int, quant_max: int
) -> Effect:
    """The same with a scale and a zero point for each place along an axis."""
    require(len(input.shape) > 0)
    channels = (input.shape[axis_of(axis, len(input.shape))],)
    require(tuple(scale.shape) == tuple(zero_point.shape) == channels)
    return fake_quantize_per_tensor_affine(input, scale, zero_point, quant_min, quant_max)


RANGED = 6  # the least and the largest; divide, round, shift, clamp


def linear_dynamic(X: Shaped, W_prepack: Any, reduce_range: bool = False) -> Effect:  # noqa: N803 - torch's own names
    """y[…,o] = s · Σ w[o,i] · q(x)[…,i] + b[o]  →  MACs = ∏(leading) · o · i.

    Six operations an input element to find its range and round it, one an output element for the
    scale, another for a bias.

    Shapes: input (…, i), the packed weight (o, i), output (…, o).
    """
    del reduce_range
    require(is_kind(X, "f"))
    weight, bias = W_prepack.unpack()
    *lead, features = X.shape
    require(len(weight.shape) == 2 and weight.shape[1] == features)
    shape = (*lead, weight.shape[0])
    elements = prod(shape)
    return Effect(
        shape,
        macs=elements * features,
        flops=RANGED * prod(X.shape) + elements * (1 + (bias is not None)),
        attributes={"channels": (features, weight.shape[0])},
    )


def linear_relu_dynamic(X: Shaped, W_prepack: Any, reduce_range: bool = False) -> Effect:  # noqa: N803 - as above
    """`linear_dynamic`, and the larger of each element and 0."""
    effect = linear_dynamic(X, W_prepack, reduce_range)
    return effect._replace(flops=effect.flops + prod(effect.shape))


def quantized_layer(cell: Cell) -> Rule:
    """The rule of a stack of recurrent layers whose packed weights do not tell their shapes.

    These follow from the input and the states. Costs what the layers cost without quantization,
    and six operations for each number that a step multiplies, to find its range and round it.
    """

    def sequence(
        input: Shaped,
        hx: Any,
        params: Sequence[object],
        has_biases: bool,
        num_layers: int,
        dropout: float,
        train: bool,
        bidirectional: bool,
        batch_first: bool,
        *,
        dtype: object = None,
        use_dynamic: bool = False,
    ) -> Effect:
        del dtype, use_dynamic
        require(isinstance(has_biases, bool))  # a packed batch has other arguments
        first = hx[0] if cell.has_cell_state else hx
        hidden, directions = first.shape[-1], 2 if bidirectional else 1
        require(len(params) == num_layers * directions)
        rows, kind = cell.gates * hidden, name_of(input.dtype)
        weights: list[TensorSpec] = []
        widths = [input.shape[-1]] * directions + [directions * hidden] * (
            (num_layers - 1) * directions
        )
        for width in widths:
            shapes = [(rows, width), (rows, hidden), *([(rows,)] * 2 if has_biases else [])]
            weights += [TensorSpec(shape, kind) for shape in shapes]
        given = [TensorSpec(tuple(one.shape), name_of(one.dtype)) for one in (input, *_each(hx))]
        states = given[1:] if cell.has_cell_state else given[1]
        options = (has_biases, num_layers, dropout, train, bidirectional, batch_first)
        effect = layer(cell)(given[0], states, weights, *options)
        rounded = prod(input.shape[:-1]) * sum(width + hidden for width in widths)
        return effect._replace(flops=effect.flops + RANGED * rounded)

    return sequence


def _each(states: Any) -> list[Shaped]:
    return list(states) if isinstance(states, list | tuple) else [states]


LAYERS: dict[str, Rule] = {
    "quantized::linear_dynamic": linear_dynamic,
    "quantized::linear_relu_dynamic": linear_relu_dynamic,
}
RECURRENT: dict[str, Rule] = {
    "quantized_lstm": quantized_layer(LSTM),
    "quantized_gru": quantized_layer(GRU),
}
PRODUCTS: dict[str, Rule] = {"_int_mm": int_mm, "_scaled_mm": scaled_mm}
ROUNDINGS: dict[str, Rule] = {
    "fake_quantize_per_tensor_affine": fake_quantize_per_tensor_affine,
    "fake_quantize_per_channel_affine": fake_quantize_per_channel_affine,
}
