"""Scans along an axis, and its elements in order.

Does not know how a kernel sorts: n·⌈log₂ n⌉ comparisons stand for all of them, and one an element
for a selection.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from costlab.ops.dtypes import INTEGER, REAL, is_kind
from costlab.ops.reduction import selection, sum_type
from costlab.ops.rule import SAME, Effect, Rule, Shaped, axis_of, numbers, require

if TYPE_CHECKING:
    from types import EllipsisType


def scan(input: Shaped, dim: int, *, dtype: object = None) -> Effect:
    """y[i] = y[i−1] ∘ x[i] along an axis: cumulative sums and products."""
    shape = tuple(input.shape)
    require(isinstance(dim, int))
    axis_of(dim, len(shape))
    return Effect(shape, flops=prod(shape), dtype=sum_type(input, dtype))


def scan_with_indices(input: Shaped, dim: int) -> Effect:
    """y[i] = max(y[i−1], x[i]) along an axis (or min), and where it is."""
    shape = tuple(input.shape)
    require(type(dim) is int and is_kind(input, "bif"))
    axis_of(dim, len(shape))
    return Effect(shape, flops=prod(shape), dtype=(SAME, "int64"), shapes=(shape, shape))


def sort(input: Shaped, dim: int = -1, descending: bool = False, *, stable: bool = False) -> Effect:
    """The elements of an axis in order, and where they were: n·⌈log₂ n⌉ operations an axis."""
    shape = tuple(input.shape)
    del stable
    require(is_kind(input, "bif") and isinstance(descending, bool))
    axis = axis_of(dim, len(shape))
    flops = prod(shape) * (max(shape[axis] - 1, 0).bit_length() if shape else 0)
    return Effect(shape, flops=flops, dtype=(SAME, "int64"), shapes=(shape, shape))


def argsort(
    input: Shaped, dim: int = -1, descending: bool = False, *, stable: bool = False
) -> Effect:
    """Where the elements of an axis were before they were in order."""
    return sort(input, dim, descending, stable=stable)._replace(dtype="int64", shapes=None)


def topk(input: Shaped, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Effect:
    """The k largest elements of an axis, and where they are; one operation an input element."""
    del largest, sorted
    shape = tuple(input.shape)
    require(len(shape) > 0 and is_kind(input, REAL + INTEGER) and isinstance(k, int))
    axis = axis_of(dim, len(shape))
    require(0 <= k <= shape[axis])
    left = (*shape[:axis], k, *shape[axis + 1 :])
    return Effect(left, flops=prod(shape), dtype=(SAME, "int64"), shapes=(left, left))


def kthvalue(input: Shaped, k: int, dim: int = -1, keepdim: bool = False) -> Effect:
    """The k-th smallest element of an axis, and where it is."""
    require(is_kind(input, "if") and len(input.shape) > 0)
    require(1 <= k <= input.shape[axis_of(dim, len(input.shape))])
    return selection(input, dim, keepdim)


def median(input: Shaped, dim: int | EllipsisType = ..., keepdim: bool = False) -> Effect:
    """The middle element of all, or of an axis and where it is."""
    require(is_kind(input, "if"))
    if dim is ...:
        require(not keepdim and prod(input.shape) > 0)
        return Effect((), flops=prod(input.shape))
    return selection(input, dim, keepdim)


def histc(input: Shaped, bins: int = 100, min: float = 0, max: float = 0) -> Effect:
    """How many elements are in each of equal intervals; 3 operations an element, 5 without limits.

    One to shift, one to scale, one to count; and the least and the largest if they are not given.
    """
    numbers(min, max)
    require(is_kind(input, REAL) and type(bins) is int and bins > 0 and min <= max)
    require(max > min or prod(input.shape) > 0)
    each = 3 if min < max else 5
    return Effect((bins,), flops=each * prod(input.shape))


RULES: dict[str, Rule] = {
    "histc": histc,
    "cumsum": scan,
    "cumprod": scan,
    "cummax": scan_with_indices,
    "cummin": scan_with_indices,
    "sort": sort,
    "argsort": argsort,
    "topk": topk,
    "kthvalue": kthvalue,
    "median": median,
}
