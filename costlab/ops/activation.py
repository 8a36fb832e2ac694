"""Activations and dropout: one element-wise operation a call and element, unless declared.

Does not know how many machine operations a function takes: an exponential counts as a maximum.
"""

from __future__ import annotations

from math import prod

from costlab.ops.dtypes import INTEGER, REAL, is_kind, name_of, real
from costlab.ops.rule import FLOAT, SAME, Effect, Rule, Shaped, axis_of, numbers, require

SOFTMAX = 5  # maximum, subtraction, exponential, sum, division; attention's scores take the same
LOG_SOFTMAX = 5  # maximum, subtraction, exponential, sum, subtraction of the sum's logarithm
DROPOUT = 2  # mask and scale
ALPHA_DROPOUT = 3  # mask, scale and shift


def _each(input: Shaped, kinds: str = REAL) -> Effect:
    """y[i] = f(x[i]): one operation an element, for tensors of these kinds."""
    require(is_kind(input, kinds))
    shape = tuple(input.shape)
    return Effect(shape, flops=prod(shape))


def relu(input: Shaped, inplace: bool = False) -> Effect:
    """y = max(x, 0), also for integers."""
    numbers(inplace)
    return _each(input, REAL + INTEGER)


def activation(input: Shaped, inplace: bool = False) -> Effect:
    """y = f(x) for an f without options: silu, mish, selu and their like."""
    numbers(inplace)
    return _each(input)


def plain(input: Shaped) -> Effect:
    """y = f(x) for an f that has neither options nor an in-place form in `torch.nn.functional`."""
    return _each(input)


def gelu(input: Shaped, *, approximate: str = "none") -> Effect:
    """y = x · Φ(x), or its approximation by tanh; one operation an element either way."""
    require(approximate in {"none", "tanh"})
    return _each(input)


def elu(input: Shaped, alpha: float = 1.0, inplace: bool = False) -> Effect:
    """y = x if x > 0 else α(eˣ − 1); celu is the same with x/α in the exponent."""
    numbers(alpha, inplace)
    return _each(input)


def celu(input: Shaped, alpha: float = 1.0, inplace: bool = False) -> Effect:
    """y = x if x > 0 else α(eˣᐟᵅ − 1)."""
    numbers(alpha, inplace)
    require(alpha != 0)
    return _each(input)


def leaky_relu(input: Shaped, negative_slope: float = 0.01, inplace: bool = False) -> Effect:
    """y = x if x > 0 else slope · x."""
    numbers(negative_slope, inplace)
    return _each(input)


def hardtanh(
    input: Shaped, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Effect:
    """y = min(max(x, min_val), max_val)."""
    numbers(min_val, max_val, inplace)
    require(min_val <= max_val)
    return _each(input)


def threshold(input: Shaped, threshold: float, value: float, inplace: bool = False) -> Effect:
    """y = x if x > threshold else value."""
    numbers(threshold, value, inplace)
    return _each(input)


def softplus(input: Shaped, beta: float = 1.0, threshold: float = 20.0) -> Effect:
    """y = log(1 + e^(βx)) / β."""
    numbers(beta, threshold)
    return _each(input)


def hardshrink(input: Shaped, lambd: float = 0.5) -> Effect:
    """y = x if |x| > λ else 0."""
    numbers(lambd)
    return _each(input)


def softshrink(input: Shaped, lambd: float = 0.5) -> Effect:
    """y = sign(x) · max(|x| − λ, 0), λ ≥ 0."""
    numbers(lambd)
    require(lambd >= 0)
    return _each(input)


def prelu(input: Shaped, weight: Shaped) -> Effect:
    """y = x if x > 0 else w_c · x, with one w or one a channel.

    Shapes: input (n, c, *), weight (), (1,) or (c,), output as the input.
    """
    require(real(input, weight))
    slopes = tuple(weight.shape)
    require(len(slopes) < 2 and (prod(slopes) == 1 or slopes == tuple(input.shape)[1:2]))
    return _each(input)


def rrelu(
    input: Shaped,
    lower: float = 1 / 8,
    upper: float = 1 / 3,
    training: bool = False,
    inplace: bool = False,
) -> Effect:
    """y = x if x > 0 else a · x with a random a in [lower, upper]; its mean if not training."""
    numbers(lower, upper, training, inplace)
    require(lower <= upper)
    return _each(input)


def glu(input: Shaped, dim: int = -1) -> Effect:
    """y = a · σ(b), where a and b are the halves of an axis; 2 operations an output element.

    Shapes: input (…, 2c, …), output (…, c, …).
    """
    require(is_kind(input, REAL) and len(input.shape) > 0)
    shape = list(input.shape)
    axis = axis_of(dim, len(shape))
    require(shape[axis] % 2 == 0)
    shape[axis] //= 2
    return Effect(tuple(shape), flops=2 * prod(shape))


def normalized_exponential(flops: int) -> Rule:
    """The rule of a softmax that takes `flops` operations an element.

    Equation: y[i] = e^(x[i] − max x) / Σ e^(x[j] − max x) along an axis; or its logarithm.
    """

    def rule(input: Shaped, dim: int, _stacklevel: object = 3, dtype: object = None) -> Effect:
        shape = tuple(input.shape)
        require(isinstance(dim, int))
        axis_of(dim, len(shape))
        # torch.softmax has the element type where the functional has the stack level.
        given = dtype if isinstance(_stacklevel, int | None) else _stacklevel
        require(is_kind(input, REAL) or (given is not None and is_kind(input, INTEGER)))
        require(given is None or name_of(given) in {"float16", "bfloat16", "float32", "float64"})
        return Effect(
            shape, flops=flops * prod(shape), dtype=SAME if given is None else name_of(given)
        )

    return rule


def dropout(input: Shaped, p: float = 0.5, training: bool = True, inplace: bool = False) -> Effect:
    """y = x · mask / (1 − p): 2 operations an element in training, the input itself in eval.

    If nothing is dropped (p = 0) so it is too; if all is (p = 1), a zero is the mask: `drops_all`.
    """
    numbers(p, inplace)
    require(isinstance(training, bool))
    return _dropped(input, p, DROPOUT if training else 0)


def alpha_dropout(
    input: Shaped, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Effect:
    """y = a · (x · mask + α' · (1 − mask)) + b: 3 operations an element in training.

    Source: Klambauer et al. 2017, §2.
    """
    numbers(p, inplace)
    require(isinstance(training, bool))
    return _dropped(input, p, ALPHA_DROPOUT if training else 0)


def _dropped(input: Shaped, p: float, flops: int) -> Effect:
    require(0 <= p <= 1)
    if not flops or not p:
        return Effect(tuple(input.shape), unchanged=True)
    require(is_kind(input, REAL))
    told = {"drops_all": True} if p == 1 else {}
    return Effect(tuple(input.shape), flops=flops * prod(input.shape), attributes=told)


def feature_alpha_dropout(
    input: Shaped, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Effect:
    """`alpha_dropout` of whole channels."""
    require(len(input.shape) > 1)
    return alpha_dropout(input, p, training, inplace)


def channel_dropout(axes: tuple[int, ...]) -> Rule:
    """The rule of a dropout of whole channels, for inputs with these numbers of axes."""

    def rule(input: Shaped, p: float = 0.5, training: bool = True, inplace: bool = False) -> Effect:
        require(len(input.shape) in axes)
        return dropout(input, p, training, inplace)

    return rule


def sigmoid(input: Shaped) -> Effect:
    """y = 1 / (1 + e^(−x)), also of integers; tanh and others that have a float result alike."""
    require(is_kind(input, "bif"))
    shape = tuple(input.shape)
    return Effect(shape, flops=prod(shape), dtype=SAME if is_kind(input, REAL) else FLOAT)


RULES: dict[str, Rule] = {
    "relu": relu,
    "relu6": activation,
    "elu": elu,
    "selu": activation,
    "celu": celu,
    "silu": activation,
    "mish": activation,
    "hardswish": activation,
    "hardsigmoid": activation,
    "gelu": gelu,
    "leaky_relu": leaky_relu,
    "prelu": prelu,
    "rrelu": rrelu,
    "hardtanh": hardtanh,
    "threshold": threshold,
    "softplus": softplus,
    "softsign": plain,
    "softshrink": softshrink,
    "hardshrink": hardshrink,
    "tanhshrink": plain,
    "logsigmoid": plain,
    "sigmoid": sigmoid,
    "tanh": sigmoid,
    "glu": glu,
    "softmax": normalized_exponential(SOFTMAX),
    "softmin": normalized_exponential(SOFTMAX + 1),  # and the sign
    "log_softmax": normalized_exponential(LOG_SOFTMAX),
    "dropout": dropout,
    "dropout1d": channel_dropout((2, 3)),
    "dropout2d": channel_dropout((3, 4)),
    "dropout3d": channel_dropout((4, 5)),
    "alpha_dropout": alpha_dropout,
    "feature_alpha_dropout": feature_alpha_dropout,
}
