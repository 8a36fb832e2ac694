"""Element-wise operations: operands are broadcast, one operation a call and output element.

Does not know activations (`costlab.ops.activation`), nor which kernel fuses what.
"""

from __future__ import annotations

from costlab.ops.dtypes import (
    BOOL,
    INTEGER,
    REAL,
    Number,
    is_kind,
    kind_of,
    name_of,
    promoted,
    real,
)
from costlab.ops.joining import of_parts
from costlab.ops.operands import (
    BOOLEAN,
    Operand,
    binary,
    each,
    reversed_binary,
    shape_of,
    takes,
    unary,
)
from costlab.ops.rule import FLOAT, SAME, Effect, Rule, Shaped, broadcast, numbers, require

ADD = binary("bifc")
SUB = binary("ifc", either="ifc")
QUOTIENT = binary("bifc", FLOAT)
ROUNDED = binary("if")
POWER = binary("ifc", either="ifc")


def scaled(rule: Rule) -> Rule:
    """The rule of a ± α·b."""

    def rule_with_scale(input: Shaped, other: Operand, *, alpha: complex = 1) -> Effect:
        effect = rule(input, other)
        if alpha != 1 or isinstance(alpha, bool):
            require(is_kind(input, REAL) and type(alpha) in (int, float))
        return effect

    return rule_with_scale


def sub(input: Shaped, other: Operand, *, alpha: complex = 1) -> Effect:
    """y = a − α·b; bools are refused."""
    require(not isinstance(other, bool))
    return scaled(SUB)(input, other, alpha=alpha)


def div(input: Shaped, other: Operand, *, rounding_mode: str | None = None) -> Effect:
    """y = a / b; of integers a float, unless it is rounded (`floor`, `trunc`)."""
    if rounding_mode is None:
        return QUOTIENT(input, other)
    require(rounding_mode in {"floor", "trunc"})
    return ROUNDED(input, other)


def power(input: Operand, exponent: Operand) -> Effect:
    """y = aᵇ; one of the two may be a number."""
    if isinstance(input, Number):
        base, exponent = exponent, input
        return POWER(base, exponent)._replace(attributes={"constant": "base"})
    # An integer to a negative power is refused.
    negative = isinstance(exponent, int | float) and exponent < 0
    require(not negative or not is_kind(input, INTEGER) or isinstance(exponent, float))
    return POWER(input, exponent)


def clamp(input: Shaped, min: Operand | None = None, max: Operand | None = None) -> Effect:
    """y = min(max(x, min), max), each bound a number, a tensor or absent, not both absent."""
    bounds = [bound for bound in (min, max) if bound is not None]
    require(len(bounds) > 0 and is_kind(input, "if"))
    require(all(isinstance(bound, Number) for bound in bounds) or _are_tensors(bounds))
    common = promoted(input, *bounds)
    require(common == FLOAT or kind_of(common) in "if")
    return each(broadcast([tuple(input.shape), *map(shape_of, bounds)]), common)


def clamp_min(input: Shaped, min: Operand) -> Effect:
    """y = max(x, min)."""
    return clamp(input, min)


def clamp_max(input: Shaped, max: Operand) -> Effect:
    """y = min(x, max)."""
    return clamp(input, None, max)


def _are_tensors(operands: list[Operand]) -> bool:
    return not any(isinstance(operand, Number) for operand in operands)


def where(condition: Shaped, input: Operand, other: Operand) -> Effect:
    """y = a where the condition holds, else b."""
    require(is_kind(condition, BOOL))
    chosen = [input, other]
    require(not all(isinstance(operand, Number) for operand in chosen))
    shape = broadcast([tuple(condition.shape), shape_of(input), shape_of(other)])
    return each(shape, promoted(input, other))


def where_method(input: Shaped, condition: Shaped, other: Operand) -> Effect:
    """`a.where(condition, b)`: y = a where the condition holds, else b."""
    return where(condition, input, other)


def polar(abs: Shaped, angle: Shaped) -> Effect:
    """y = r · e^(iθ)."""
    require(name_of(abs.dtype) in {"float32", "float64"})
    effect = of_parts(abs, angle)
    return each(effect.shape, str(effect.dtype))


def lerp(input: Shaped, end: Shaped, weight: Operand) -> Effect:
    """y = a + w · (b − a)."""
    tensors = [input, end] if isinstance(weight, Number) else [input, end, weight]
    require(real(*tensors))
    require(type(weight) is not complex)
    return each(broadcast([tuple(t.shape) for t in tensors]), SAME)


def addcmul(input: Shaped, tensor1: Shaped, tensor2: Shaped, *, value: float = 1) -> Effect:
    """y = x + v · a · b, or x + v · a / b (`addcdiv`)."""
    require(real(input, tensor1, tensor2) and type(value) is not complex)
    shapes = [tuple(tensor.shape) for tensor in (input, tensor1, tensor2)]
    return each(broadcast(shapes), SAME)


def masked_fill(input: Shaped, mask: Shaped, value: Operand) -> Effect:
    """y = value where the mask holds, else x."""
    require(is_kind(mask, BOOL) and shape_of(value) == ())
    if isinstance(value, Number):
        require(takes(input, value))
    else:
        require(value.dtype == input.dtype)
    return each(broadcast([tuple(input.shape), tuple(mask.shape)]), name_of(input.dtype))


def masked_scatter(input: Shaped, mask: Shaped, source: Shaped) -> Effect:
    """y = the next element of the source where the mask holds, else x."""
    require(is_kind(mask, BOOL) and source.dtype == input.dtype)
    return each(broadcast([tuple(input.shape), tuple(mask.shape)]), name_of(input.dtype))


def rounded(input: Shaped, *, decimals: int = 0) -> Effect:
    """y = the nearest integer, or the nearest multiple of 10^(−decimals)."""
    require(is_kind(input, "if") and (decimals == 0 or is_kind(input, REAL)))
    return each(tuple(input.shape), SAME)


def nan_to_num(
    input: Shaped,
    nan: float | None = None,
    posinf: float | None = None,
    neginf: float | None = None,
) -> Effect:
    """y = x, or a finite number where it is not one."""
    numbers(*(number for number in (nan, posinf, neginf) if number is not None))
    require(is_kind(input, "bif"))
    return each(tuple(input.shape), SAME)


COMPARISON = binary("bif", BOOLEAN)
EQUALITY = binary("bifc", BOOLEAN)
LOGICAL = binary("bifc", BOOLEAN, numbers=False)
BITWISE = binary("bi")
SHIFT = binary("i")
EXTREMUM = binary("bif", numbers=False)
ANGLE = binary("bif", FLOAT, numbers=False)
FUNCTION = unary("bif", FLOAT)
ANALYTIC = unary("bifc", FLOAT)
PREDICATE = unary("bifc", BOOLEAN)
ORDERED_PREDICATE = unary("bif", BOOLEAN)
INTEGRAL = unary("if")

RULES: dict[str, Rule] = {
    "add": scaled(ADD),
    "sub": sub,
    "rsub": sub,
    "mul": binary("bifc"),
    "div": div,
    "reversed_div": reversed_binary(QUOTIENT),
    "floor_divide": ROUNDED,
    "reversed_floor_divide": reversed_binary(ROUNDED),
    "remainder": ROUNDED,
    "reversed_remainder": reversed_binary(ROUNDED),
    "fmod": ROUNDED,
    "pow": power,
    "reversed_pow": reversed_binary(POWER),
    "atan2": ANGLE,
    "hypot": binary("f", numbers=False),
    "copysign": binary("bif", FLOAT),
    "xlogy": binary("bif", FLOAT),
    "logaddexp": binary("f", numbers=False),
    "logaddexp2": binary("f", numbers=False),
    "maximum": EXTREMUM,
    "minimum": EXTREMUM,
    "fmax": EXTREMUM,
    "fmin": EXTREMUM,
    "eq": EQUALITY,
    "ne": EQUALITY,
    **dict.fromkeys(("lt", "le", "gt", "ge"), COMPARISON),
    **dict.fromkeys(("logical_and", "logical_or", "logical_xor"), LOGICAL),
    **dict.fromkeys(("bitwise_and", "bitwise_or", "bitwise_xor"), BITWISE),
    **dict.fromkeys(("bitwise_left_shift", "bitwise_right_shift"), SHIFT),
    "bitwise_not": unary("bi"),
    "logical_not": PREDICATE,
    "clamp": clamp,
    "clamp_min": clamp_min,
    "clamp_max": clamp_max,
    "where": where,
    "Tensor.where": where_method,
    "polar": polar,
    "lerp": lerp,
    "addcmul": addcmul,
    "addcdiv": addcmul,
    "masked_fill": masked_fill,
    "masked_scatter": masked_scatter,
    "neg": unary("ifc"),
    "abs": unary("if"),
    "sign": unary("bif"),
    "square": unary("ifc"),
    "round": rounded,
    **dict.fromkeys(("ceil", "floor", "trunc"), INTEGRAL),
    "frac": unary("f"),
    "nan_to_num": nan_to_num,
    **dict.fromkeys(("isnan", "isinf", "isfinite"), PREDICATE),
    **dict.fromkeys(("isposinf", "isneginf", "signbit"), ORDERED_PREDICATE),
    **dict.fromkeys(
        ("exp", "log", "log2", "log10", "log1p", "expm1", "exp2", "sqrt", "rsqrt", "reciprocal"),
        ANALYTIC,
    ),
    **dict.fromkeys(
        ("sin", "cos", "tan", "sinh", "cosh", "asin", "acos", "atan", "asinh", "acosh", "atanh"),
        ANALYTIC,
    ),
    **dict.fromkeys(
        ("erf", "erfc", "erfinv", "lgamma", "digamma", "sinc", "i0", "deg2rad", "rad2deg"),
        FUNCTION,
    ),
}
