"""Convolutions and matrix products, each by the rule of the same operation in `costlab.ops`."""

from __future__ import annotations

from math import ceil, prod

from costlab.graph import TensorSpec
from costlab.onnx.operators.call import Call, Rule, like
from costlab.ops.convolution import convolution, transposed_convolution
from costlab.ops.einsum import einsum
from costlab.ops.linear import linear
from costlab.ops.matmul import matmul
from costlab.ops.resampling import TAPS
from costlab.ops.rule import Declined, Effect, Shape, require

REQUANTIZED = 4  # times the scale, rounded, plus the zero point, clamped
DEQUANTIZED = 2  # less the zero point, times the scale


def windows(call: Call, kernel: Shape) -> tuple[Shape, Shape, Shape]:
    """Strides, dilations and the zeros added along each axis, both sides together.

    Source: ONNX operators, `Conv`: `auto_pad`.
    """
    rank = len(kernel)
    strides = call.numbers("strides", (1,) * rank)
    dilations = call.numbers("dilations", (1,) * rank)
    require(len(strides) == len(dilations) == rank and min(strides + dilations) > 0)
    auto = call.text("auto_pad", "NOTSET")
    if auto == "NOTSET":
        pads = call.numbers("pads", (0,) * (2 * rank))
        require(len(pads) == 2 * rank)
        return strides, dilations, tuple(map(sum, zip(pads[:rank], pads[rank:], strict=True)))
    if auto == "VALID":
        return strides, dilations, (0,) * rank
    require(auto in {"SAME_UPPER", "SAME_LOWER"})
    spatial = call.given(0).shape[-rank:]
    return (
        strides,
        dilations,
        tuple(
            max(0, (-(-size // step) - 1) * step + spread * (width - 1) + 1 - size)
            for size, step, spread, width in zip(spatial, strides, dilations, kernel, strict=True)
        ),
    )


def convolved(call: Call, weight: TensorSpec, bias: TensorSpec | None) -> Effect:
    """A convolution of the first input: the rule of torch's, on an input that is padded already."""
    x = call.given(0)
    kernel = weight.shape[2:]
    require(len(x.shape) == len(weight.shape) > 2)
    strides, dilations, pads = windows(call, kernel)
    padded = (*x.shape[:2], *map(sum, zip(x.shape[2:], pads, strict=True)))
    effect = convolution(len(kernel))(
        like(x, padded),
        like(weight),
        None if bias is None else like(bias),
        strides,
        0,
        dilations,
        call.number("group", 1),
    )
    told = {**effect.attributes, "grid": x.shape[2:], "padding": tuple(pad // 2 for pad in pads)}
    if any(pad % 2 for pad in pads):
        told["padding"] = "same"
    return effect._replace(attributes=told)


def conv(call: Call) -> Effect:
    """y[n,o,*s] = Σ w[o,c,*k] · x[n,g·c,*(s·stride + k·dilation)], as `conv2d`."""
    return convolved(call, call.given(1), call.optional(2))


def fused_conv(call: Call) -> Effect:
    """A convolution, a sum with a fourth input, an activation: one operation an element each."""
    effect = conv(call)
    more = call.has(3) + bool(call.text("activation"))
    return effect._replace(flops=effect.flops + more * prod(effect.shape))


def conv_integer(call: Call) -> Effect:
    """A convolution of integers less their zero points: one operation an element of each.

    MACs as `conv`; the sums stay int32.
    """
    effect = convolved(call, call.given(1), None)._replace(dtype="int32")
    return effect._replace(flops=effect.flops + _shifted(call, (0, 2), (1, 3)))


def qlinear_conv(call: Call) -> Effect:
    """`conv_integer` with a bias, and the sums rounded to integers of a few bits again: 4 each."""
    effect = convolved(call, call.given(3), call.optional(8))
    more = REQUANTIZED * prod(effect.shape) + _shifted(call, (0, 2), (3, 5))
    return effect._replace(flops=effect.flops + more)


def _shifted(call: Call, *pairs: tuple[int, int]) -> int:
    """One operation an element of each input that has a zero point."""
    return sum(call.given(at).elements for at, zero_point in pairs if call.has(zero_point))


def conv_transpose(call: Call) -> Effect:
    """y[n,o,*(s·stride + k·dilation)] += w[c,o,*k] · x[n,c,*s], as `conv_transpose2d`."""
    x, weight = call.given(0), call.given(1)
    strides, dilations, _ = windows(call, weight.shape[2:])
    effect = transposed_convolution(len(weight.shape) - 2)(
        like(x), like(weight), None, strides, 0, 0, call.number("group", 1), dilations
    )
    # What is cut off at the edges was computed all the same; a bias is added to what is left.
    bias = call.out.elements if call.has(2) else 0
    return effect._replace(shape=call.out.shape, flops=bias)


def deform_conv(call: Call) -> Effect:
    """A convolution that reads between the grid's points: 4 taps a sample, one more for a mask.

    MACs as `conv`; a sample for each offset of the kernel, channel and output position.
    """
    effect = convolved(call, call.given(1), call.optional(3))
    batch, channels = call.given(0).shape[:2]
    samples = batch * channels * prod(call.given(1).shape[2:]) * prod(effect.shape[2:])
    require(len(effect.shape) == 4)
    taps = TAPS["bilinear"] ** 2 + call.has(4)
    return effect._replace(flops=effect.flops + samples * taps)


def gemm(call: Call) -> Effect:
    """y = α·A·B + β·C with either transposed, as `linear`: MACs = n·p·m, one add for C."""
    a, b = call.given(0).shape, call.given(1).shape
    require(len(a) == len(b) == 2)
    rows = a[::-1] if call.number("transA") else a
    weight = b if call.number("transB") else b[::-1]
    bias = call.optional(2)
    return linear(TensorSpec(rows), TensorSpec(weight), None if bias is None else like(bias))


def fused_gemm(call: Call) -> Effect:
    """`gemm` and an activation, one operation an output element."""
    effect = gemm(call)
    return effect._replace(flops=effect.flops + prod(effect.shape))


def product(call: Call) -> Effect:
    """y[…,n,p] = Σ a[…,n,m] · b[…,m,p], as `matmul`."""
    return matmul(like(call.given(0)), like(call.given(1)))


def product_of_integers(call: Call) -> Effect:
    """`product` of integers less their zero points, summed in int32."""
    effect = product(call)._replace(dtype="int32")
    return effect._replace(flops=_shifted(call, (0, 2), (1, 3)))


def qlinear_product(call: Call) -> Effect:
    """`product` of integers, rounded to integers of a few bits again: 4 an output element."""
    effect = matmul(like(call.given(0)), like(call.given(3)))
    more = REQUANTIZED * prod(effect.shape) + _shifted(call, (0, 2), (3, 5))
    return effect._replace(flops=effect.flops + more)


def fused_product(call: Call) -> Effect:
    """α · A · B with either transposed; one operation an element for an α that is not 1.

    Source: onnxruntime, ContribOperators: `com.microsoft.FusedMatMul`.
    """
    a, b = (
        _turned(
            call.given(slot).shape, call.number(f"trans{name}"), call.number(f"transBatch{name}")
        )
        for slot, name in enumerate("AB")
    )
    effect = matmul(TensorSpec(a), TensorSpec(b))
    scaled = call.number("alpha", 1.0) != 1
    return effect._replace(flops=scaled * prod(effect.shape))


def _turned(shape: Shape, transposed: int, batched: int) -> Shape:
    if batched:
        require(len(shape) > 2)
        shape = (*shape[1:-1], shape[0], shape[-1])
    if transposed and len(shape) > 1:
        shape = (*shape[:-2], shape[-1], shape[-2])
    return shape


def product_of_few_bits(call: Call) -> Effect:
    """y[…,n] = Σ a[…,k] · (w[n,k] − z)·s + b[n], as `linear`; 2 operations a weight to unpack it.

    Source: onnxruntime, ContribOperators: `com.microsoft.MatMulNBits`.
    """
    x = call.given(0)
    rows, columns = call.number("N"), call.number("K")
    bits, block = call.number("bits", 4), call.number("block_size")
    # Each block of a row begins with a byte of its own.
    packed = rows * ceil(columns / block) * ceil(block * bits / 8)
    require(call.given(1).bytes == packed)
    bias = TensorSpec((rows,)) if call.has(5) else None
    effect = linear(like(x), TensorSpec((rows, columns)), bias)
    return effect._replace(flops=effect.flops + DEQUANTIZED * rows * columns)


def einstein_sum(call: Call) -> Effect:
    """y[out] = Σ a[…] · b[…], as `einsum`; three operands and more hang on an order not told."""
    equation = call.text("equation")
    operands = [like(call.given(slot)) for slot in range(len(call.inputs))]
    if not equation:
        raise Declined
    return einsum(equation, *operands)


def affine_grid(call: Call) -> Effect:
    """y[n,*s,a] = Σ θ[n,a,b] · (*s, 1)[b]: a product with the positions of a grid."""
    theta, out = call.given(0).shape, call.out.shape
    return Effect(out, macs=prod(out) * theta[-1])


CONVOLUTIONS: dict[str, Rule] = {
    "Conv": conv,
    "ConvInteger": conv_integer,
    "ConvTranspose": conv_transpose,
    "DeformConv": deform_conv,
    "QLinearConv": qlinear_conv,
}
LINEAR: dict[str, Rule] = {"Gemm": gemm}
PRODUCTS: dict[str, Rule] = {
    "AffineGrid": affine_grid,
    "Einsum": einstein_sum,
    "MatMul": product,
    "MatMulInteger": product_of_integers,
    "QLinearMatMul": qlinear_product,
}
MICROSOFT_CONVOLUTIONS: dict[str, Rule] = {"FusedConv": fused_conv}
MICROSOFT_PRODUCTS: dict[str, Rule] = {
    "FusedMatMul": fused_product,
}
MICROSOFT_LINEAR: dict[str, Rule] = {
    "FusedGemm": fused_gemm,
    "MatMulNBits": product_of_few_bits,
}
