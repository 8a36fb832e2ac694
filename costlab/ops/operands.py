"""Operands of element-wise operations: how they are broadcast, and the type that comes out.

Does not know the operations (`costlab.ops.elementwise`).
"""

from __future__ import annotations

from math import prod

from costlab.ops.dtypes import REAL, Number, floating, is_kind, kind_of, name_of, promoted
from costlab.ops.rule import FLOAT, SAME, Effect, Rule, Shape, Shaped, broadcast, require

Operand = Shaped | complex
"""A tensor or a Python number, which broadcasts like a scalar."""

BOOLEAN = "bool"


def shape_of(operand: Operand) -> Shape:
    """The shape of an operand; () for a number."""
    if isinstance(operand, Number):
        return ()
    return operand.shape


def each(shape: Shape, dtype: str) -> Effect:
    """One operation an element of the output."""
    return Effect(shape, flops=prod(shape), dtype=dtype)


def unary(kinds: str, dtype: str = SAME) -> Rule:
    """The rule of y[i] = f(x[i]) for tensors of these kinds.

    With `FLOAT`, integers give the default float type and other types stay as they are.
    """

    def rule(input: Shaped) -> Effect:
        kind = kind_of(input.dtype)
        require(kind in kinds)
        kept = dtype == FLOAT and kind not in "bi"
        return each(tuple(input.shape), SAME if kept else dtype)

    return rule


def binary(kinds: str, dtype: str = SAME, *, numbers: bool = True, either: str = "bifc") -> Rule:
    """The rule of y[i] = f(a[i], b[i]), where the common type is one of these kinds.

    With `SAME` the result has the common type, with `FLOAT` too unless that is an integer.
    `numbers` says whether b may be a Python number; each tensor must be of a kind in `either`.
    """

    def rule(input: Shaped, other: Operand) -> Effect:
        kind = kind_of(input.dtype)
        require(kind in either)
        if isinstance(other, Number):
            require(numbers)
            shape = tuple(input.shape)
            if kind == REAL and type(other) is not complex and REAL in kinds:
                return each(shape, dtype) if dtype == BOOLEAN else each(shape, SAME)
            common = promoted(input, other)
        else:
            left, right = input.shape, other.shape
            shape = tuple(left) if left == right else broadcast((left, right))
            if other.dtype == input.dtype:
                common = name_of(input.dtype)
            else:
                require(kind_of(other.dtype) in either)
                common = promoted(input, other)
        require((REAL if common == FLOAT else kind_of(common)) in kinds)
        if dtype == SAME:
            return each(shape, common)
        return each(shape, floating(common) if dtype == FLOAT else dtype)

    return rule


def reversed_binary(rule: Rule) -> Rule:
    """The rule of `number ∘ input`, which Python hands over as a method of the tensor."""

    def reversed_rule(input: Shaped, other: Operand) -> Effect:
        require(isinstance(other, Number))
        return rule(input, other)

    return reversed_rule


def takes(target: Shaped, number: complex) -> bool:
    """Whether a number can be written to a tensor without a change of kind."""
    kinds = {bool: "bifc", int: "ifc", float: "fc", complex: "c"}
    return is_kind(target, kinds.get(type(number), ""))
