"""Element types: the kind of each, and the common type of several operands.

A type is torch's own object or its name; only the name is read. The default float type is torch's
setting, so where an operation uses it the answer here is the policy `FLOAT`, not a name.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from costlab.graph import ITEM_BITS
from costlab.ops.rule import FLOAT, require

if TYPE_CHECKING:
    from costlab.ops.rule import Shaped

BOOL, INTEGER, REAL, COMPLEX = "b", "i", "f", "c"
ORDER = "bifc"
"""The kinds of types, each of which gives way to those after it."""

KINDS: dict[str, str] = {
    "bool": BOOL,
    "uint8": INTEGER,
    "int8": INTEGER,
    "int16": INTEGER,
    "int32": INTEGER,
    "int64": INTEGER,
    "float16": REAL,
    "bfloat16": REAL,
    "float32": REAL,
    "float64": REAL,
    "complex32": COMPLEX,
    "complex64": COMPLEX,
    "complex128": COMPLEX,
}
"""The types that operations compute in; others (`float8_*`, `uint16`, …) are only stored."""

Number = (bool, int, float, complex)


@cache
def name_of(dtype: object) -> str:
    """The name of an element type: `float32` for both `torch.float32` and `"float32"`."""
    return str(dtype).removeprefix("torch.")


@cache
def kind_of(dtype: object) -> str:
    """The kind of an element type, one letter of `ORDER`; "?" for a type that is only stored."""
    return KINDS.get(name_of(dtype), "?")


def is_kind(operand: Shaped, kinds: str) -> bool:
    """Whether the elements of a tensor are of one of these kinds."""
    return kind_of(operand.dtype) in kinds


def real(*operands: Shaped) -> bool:
    """Whether all tensors have the same floating-point type."""
    first = operands[0].dtype
    return kind_of(first) == REAL and all(other.dtype == first for other in operands[1:])


@cache
def wider(left: str, right: str) -> str:
    """The common type of two tensors that both have dimensions, or both have none.

    Raises:
        Declined: one of them is a type that is only stored.

    >>> wider("float16", "bfloat16"), wider("uint8", "int8"), wider("int64", "float16")
    ('float32', 'int16', 'float16')
    """
    if left == right:
        return left
    low, high = sorted((left, right), key=lambda name: ORDER.index(_computed(name)))
    if KINDS[low] != KINDS[high]:
        if KINDS[low] == REAL and 2 * ITEM_BITS[low] > ITEM_BITS[high]:
            return "complex128" if low == "float64" else "complex64"
        return "complex64" if (low, high) == ("bfloat16", "complex32") else high
    if ITEM_BITS[left] == ITEM_BITS[right]:
        return "float32" if KINDS[left] == REAL else "int16"
    return max(left, right, key=lambda name: ITEM_BITS[name])


def _computed(name: str) -> str:
    require(name in KINDS)
    return KINDS[name]


def promoted(*operands: object) -> str:
    """The common element type of tensors and Python numbers: a name, or `FLOAT`.

    Among operands of one kind, tensors with dimensions decide before those without, and those
    before numbers; a later group matters only if its kind is higher.

    Source: torch, "Tensor Attributes", type promotion.
    """
    with_axes = without_axes = number = ""
    for operand in operands:
        if isinstance(operand, Number):
            kind = _kind_of_number(operand)
            number = kind if not number or ORDER.index(kind) > ORDER.index(number) else number
            continue
        name = name_of(operand.dtype)  # type: ignore[attr-defined]  # what is no number is a tensor
        if operand.shape:  # type: ignore[attr-defined]  # as above
            with_axes = name if not with_axes else wider(with_axes, name)
        else:
            without_axes = name if not without_axes else wider(without_axes, name)
    common = with_axes or without_axes
    if with_axes and without_axes:
        low, high = _computed(with_axes), _computed(without_axes)
        require(high != COMPLEX or low == COMPLEX)
        common = without_axes if ORDER.index(high) > ORDER.index(low) else with_axes
    if number and ORDER.index(number) > ORDER.index(_computed(common)):
        require(number != COMPLEX)
        return FLOAT if number == REAL else "int64"
    return common


def _kind_of_number(number: object) -> str:
    if isinstance(number, bool):
        return BOOL
    if isinstance(number, int):
        return INTEGER
    return REAL if isinstance(number, float) else COMPLEX


def floating(policy: str) -> str:
    """The type of a result that is never an integer: `FLOAT` where the operands are."""
    return policy if policy == FLOAT or KINDS.get(policy, "") in (REAL, COMPLEX) else FLOAT
