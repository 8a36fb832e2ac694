"""Products of numbers in eight bits, and the rounding that imitates them.

Does not know quantized tensors, which keep their scale within: their operations have no rule.
"""

from __future__ import annotations

from math import prod

from costlab.ops.dtypes import is_kind, name_of
from costlab.ops.matmul import mm
from costlab.ops.rule import Effect, Rule, Shaped, axis_of, numbers, require

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


PRODUCTS: dict[str, Rule] = {"_int_mm": int_mm, "_scaled_mm": scaled_mm}
ROUNDINGS: dict[str, Rule] = {
    "fake_quantize_per_tensor_affine": fake_quantize_per_tensor_affine,
    "fake_quantize_per_channel_affine": fake_quantize_per_channel_affine,
}
