"""Element-wise operators, activations, normalizations, reductions: operations an element.

The numbers are those of the same operations in `costlab.ops`.
"""

from __future__ import annotations

from costlab.onnx.operators.call import Call, Rule, each_input, each_output
from costlab.ops.activation import DROPOUT, LOG_SOFTMAX, SOFTMAX
from costlab.ops.normalization import FROM_DATA, FROM_STATISTICS, batch_norm
from costlab.ops.quantized import ROUNDED
from costlab.ops.reduction import LOGSUMEXP, NORM
from costlab.ops.rule import Effect

ONE = each_output(1)
OF_ALL = each_input(1)

DEQUANTIZED = 2  # less the zero point, times the scale
QUANTIZED = ROUNDED - DEQUANTIZED  # divided, rounded, shifted, clamped


def joined(last: int = 0) -> Rule:
    """The rule of an operation that takes its inputs one after the other, and `last` at the end."""
    return lambda call: Effect(
        call.out.shape, flops=(len(call.inputs) - 1 + last) * call.out.elements
    )


def batch_normalization(call: Call) -> Effect:
    """y = (x − μ_c) / √(σ²_c + ε) · γ_c + β_c, as `batch_norm`."""
    training = bool(call.number("training_mode"))
    # Statistics may be of another type than the image, which torch does not have.
    flops = FROM_DATA if training else FROM_STATISTICS
    if training:
        return batch_norm(call.given(0), training=True)
    return Effect(call.out.shape, flops=flops * call.out.elements)


def local_response_normalization(call: Call) -> Effect:
    """y = x / (k + α/size · Σ x²)^β over `size` channels, as `local_response_norm`."""
    return Effect(call.out.shape, flops=(call.number("size") + 4) * call.out.elements)


def skipped(flops: int) -> Rule:
    """The rule of onnxruntime's normalization of a sum: one operation for each further term.

    Shapes: input and skip (n, l, c), γ (c,), and β (c,) where there is one; a bias (c,).
    """

    def rule(call: Call) -> Effect:
        shape = call.given(0).shape
        bias = call.has(4 if flops == FROM_DATA else 3)
        statistic = (*shape[:-1], 1)
        return Effect(
            shape,
            flops=(flops + 1 + bias) * call.given(0).elements,
            shapes=(shape, statistic, statistic, shape),
        )

    return rule


def with_bias(flops: int) -> Rule:
    """The rule of onnxruntime's activation of x + b, where b may be left out."""

    def rule(call: Call) -> Effect:
        return Effect(call.given(0).shape, flops=(flops + call.has(1)) * call.given(0).elements)

    return rule


def reduced_to_log(call: Call) -> Effect:
    """y = log Σ x: one operation an input element, one an output element."""
    return Effect(call.out.shape, flops=call.given(0).elements + call.out.elements)


def dropout(call: Call) -> Effect:
    """y = x · mask / (1 − p) in training; otherwise the input itself."""
    trained = call.value(2)
    if call.has(2) and trained != [False]:
        return Effect(call.out.shape, flops=DROPOUT * call.out.elements)
    return Effect(call.out.shape, unchanged=True)


def cast(call: Call) -> Effect:
    """The elements in another type; the tensor itself if that is the type it has."""
    same = call.given(0).dtype == call.out.dtype
    return Effect(call.out.shape, unchanged=same)


def top_k(call: Call) -> Effect:
    """The k largest elements of an axis: one operation an input element, as `topk`."""
    return Effect(call.out.shape, flops=call.given(0).elements)


def log_normalized_loss(call: Call) -> Effect:
    """−log of a softmax at the labels: 5 operations an element of the scores, 2 a label."""
    labels = call.given(1).elements
    return Effect(call.out.shape, flops=LOG_SOFTMAX * call.given(0).elements + 2 * labels)


def loss(call: Call) -> Effect:
    """−x at the labels, added up: 2 operations a label."""
    return Effect(call.out.shape, flops=2 * call.given(1).elements)


UNARY = (
    "Abs",
    "Acos",
    "Acosh",
    "Asin",
    "Asinh",
    "Atan",
    "Atanh",
    "BitwiseNot",
    "Ceil",
    "Cos",
    "Cosh",
    "Erf",
    "Exp",
    "Floor",
    "IsInf",
    "IsNaN",
    "Log",
    "Neg",
    "Not",
    "Reciprocal",
    "Round",
    "Sign",
    "Sin",
    "Sinh",
    "Sqrt",
    "Tan",
)
BINARY = (
    "Add",
    "And",
    "BitShift",
    "BitwiseAnd",
    "BitwiseOr",
    "BitwiseXor",
    "Div",
    "Equal",
    "Greater",
    "GreaterOrEqual",
    "Less",
    "LessOrEqual",
    "Mod",
    "Mul",
    "Or",
    "Pow",
    "Sub",
    "Where",
    "Xor",
    "Clip",
)
ACTIVATIONS = (
    "Celu",
    "Elu",
    "Gelu",
    "HardSigmoid",
    "HardSwish",
    "LeakyRelu",
    "Mish",
    "PRelu",
    "Relu",
    "Selu",
    "Shrink",
    "Sigmoid",
    "Softplus",
    "Softsign",
    "Swish",
    "Tanh",
    "ThresholdedRelu",
)

ELEMENTWISE: dict[str, Rule] = {
    **dict.fromkeys((*UNARY, *BINARY), ONE),
    **dict.fromkeys(("Max", "Min", "Sum"), joined()),
    "Mean": joined(last=1),
    "DequantizeLinear": each_output(DEQUANTIZED),
    "QuantizeLinear": each_output(QUANTIZED),
}
ACTIVATION: dict[str, Rule] = {
    **dict.fromkeys(ACTIVATIONS, ONE),
    "Dropout": dropout,
    "Hardmax": each_output(2),  # where the largest is, and whether an element is that
    "LogSoftmax": each_output(LOG_SOFTMAX),
    "Softmax": each_output(SOFTMAX),
    "SwiGLU": each_output(2),
}
NORMALIZATIONS: dict[str, Rule] = {
    "BatchNormalization": batch_normalization,
    "GroupNormalization": each_output(FROM_DATA),
    "InstanceNormalization": each_output(FROM_DATA),
    "LRN": local_response_normalization,
    "LayerNormalization": each_output(FROM_DATA),
    "LpNormalization": each_output(3),  # a power, a sum, a division, as `normalize`
    "MeanVarianceNormalization": each_output(FROM_DATA),
    "RMSNormalization": each_output(FROM_DATA - 1),  # nothing is centred
}
REDUCTIONS: dict[str, Rule] = {
    **dict.fromkeys(("ArgMax", "ArgMin", "CumProd", "CumSum"), OF_ALL),
    **dict.fromkeys(("ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum"), OF_ALL),
    **dict.fromkeys(("ReduceL1", "ReduceL2", "ReduceSumSquare"), each_input(NORM)),
    "ReduceLogSum": reduced_to_log,
    "ReduceLogSumExp": each_input(LOGSUMEXP),
    "TopK": top_k,
}
LOSSES: dict[str, Rule] = {
    "NegativeLogLikelihoodLoss": loss,
    "SoftmaxCrossEntropyLoss": log_normalized_loss,
}
CONVERSIONS: dict[str, Rule] = {"Cast": cast, "CastLike": cast}

MICROSOFT_ACTIVATIONS: dict[str, Rule] = {
    "BiasGelu": with_bias(1),
    "FastGelu": with_bias(1),
    "Gelu": with_bias(1),
    "QuickGelu": with_bias(1),
}
MICROSOFT_NORMALIZATIONS: dict[str, Rule] = {
    "SkipLayerNormalization": skipped(FROM_DATA),
    "SkipSimplifiedLayerNormalization": skipped(FROM_DATA - 1),
}


def simplified(call: Call) -> Effect:
    """onnxruntime's name for RMS normalization: 4 operations an element."""
    return Effect(call.given(0).shape, flops=(FROM_DATA - 1) * call.given(0).elements)


UNREGISTERED: dict[str, Rule] = {"SimplifiedLayerNormalization": simplified}
"""What onnxruntime writes into the standard domain, though ONNX does not have it."""
