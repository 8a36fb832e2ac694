"""Losses: element-wise operations and a sum; none has MACs.

Does not know gradients. A mean costs what a sum does: the one division is not counted. The
functionals say by name how they reduce; the compiled functions of their names (`torch._C._nn`)
reduce nothing unless told, so that one that is not told is left to its kernel.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from costlab.ops.dtypes import name_of, real
from costlab.ops.rule import Effect, Rule, Shape, Shaped, require

if TYPE_CHECKING:
    from collections.abc import Callable

LOG_SOFTMAX = 5
"""Maximum, subtraction, exponential, sum, subtraction of the sum's logarithm."""


def _reduced(shape: Shape, reduction: object, flops: int, summed: int) -> Effect:
    """`flops` an element, and one more for the sum unless nothing is reduced."""
    require(reduction in ("none", "mean", "sum"))
    if reduction == "none":
        return Effect(shape, flops=flops)
    return Effect((), flops=flops + summed)


def between(flops: int) -> Rule:
    """The rule of a loss between two tensors of one shape: `flops` operations an element.

    Equation: l = Σ_i f(x[i], y[i]), or f of each element for `reduction="none"`.
    """

    def rule(
        input: Shaped,
        target: Shaped,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str | None = None,
        **options: object,
    ) -> Effect:
        # The deprecated flags, weights and options of single losses are the kernel's business.
        # For β = 0 a smooth loss calls that of magnitudes.
        require(options.get("beta") != 0)
        require(size_average is None and reduce is None)
        require(all(value is None or isinstance(value, int | float) for value in options.values()))
        shape = tuple(input.shape)
        require(shape == tuple(target.shape) and real(input, target))
        return _reduced(shape, reduction, flops * prod(shape), prod(shape))

    return rule


def cross_entropy(
    input: Shaped,
    target: Shaped,
    weight: Shaped | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Effect:
    """l = −Σ_n log softmax(x[n])[y[n]]: a log-softmax, one operation a target, and their sum.

    Shapes: input (n, c, *) or (c,), classes (n, *) or (), output () or the target's.
    """
    del ignore_index
    require(weight is None and size_average is None and reduce is None and label_smoothing == 0)
    shape, classes = tuple(input.shape), tuple(target.shape)
    require(len(shape) > 0 and real(input) and name_of(target.dtype) == "int64")
    require(classes == (shape[:1] + shape[2:] if len(shape) > 1 else ()))
    picked = prod(classes)
    return _reduced(classes, reduction, LOG_SOFTMAX * prod(shape) + picked, picked)


def nll_loss(
    input: Shaped,
    target: Shaped,
    weight: Shaped | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str | None = None,
) -> Effect:
    """l = −Σ_n x[n, y[n]]: one operation a target, and their sum.

    Shapes: input (n, c, *), classes (n, *), output () or the target's.
    """
    del ignore_index
    require(weight is None and size_average is None and reduce is None)
    shape, classes = tuple(input.shape), tuple(target.shape)
    require(len(shape) > 1 and real(input) and name_of(target.dtype) == "int64")
    require(classes == shape[:1] + shape[2:])
    picked = prod(classes)
    return _reduced(classes, reduction, picked, picked)


RULES: dict[str, Callable[..., Effect]] = {
    "cross_entropy": cross_entropy,
    "nll_loss": nll_loss,
    "mse_loss": between(2),  # difference, square
    "l1_loss": between(2),  # difference, magnitude
    "smooth_l1_loss": between(4),  # difference, magnitude, square, choice
    "huber_loss": between(4),  # as smooth_l1_loss
    "binary_cross_entropy": between(5),  # two logarithms, two products, their sum
    "binary_cross_entropy_with_logits": between(6),  # clamp, product, exponential, logarithm, sums
}
