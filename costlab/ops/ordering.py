"""Scans along an axis, and its elements in order.

Does not know how a kernel sorts: n·⌈log₂ n⌉ comparisons stand for all of them, and one an element
for a selection.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from costlab.ops.dtypes import INTEGER, REAL, Number, is_kind, name_of
from costlab.ops.operands import BOOLEAN, Operand, shape_of
from costlab.ops.reduction import LOGSUMEXP, selection, sum_type
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


def logcumsumexp(input: Shaped, dim: int) -> Effect:
    """y[i] = log(e^y[i−1] + e^x[i]) along an axis; 4 operations an element, as `logsumexp`."""
    shape = tuple(input.shape)
    require(type(dim) is int and is_kind(input, "fc"))
    axis_of(dim, len(shape))
    return Effect(shape, flops=LOGSUMEXP * prod(shape))


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


def searchsorted(
    sorted_sequence: Shaped,
    input: Operand,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Shaped | None = None,
) -> Effect:
    """Where each value belongs in an ordered axis: ⌈log₂(n + 1)⌉ comparisons for n places.

    Shapes: one ordered axis (n,) and values (…), or one for each row: (*rows, n) and (*rows, m).
    """
    *rows, places = sorted_sequence.shape
    values, given = shape_of(input), _tensors(sorted_sequence, input)
    require(not rows or (len(given) > 1 and len(values) > 0 and values[:-1] == (*rows,)))
    require(side in ({None, "right"} if right else {None, "left", "right"}))
    ordered = tuple(sorted_sequence.shape)
    require(sorter is None or (tuple(sorter.shape), name_of(sorter.dtype)) == (ordered, "int64"))
    flops = prod(values) * places.bit_length()
    return Effect(values, flops=flops, dtype="int32" if out_int32 else "int64")


def bucketize(
    input: Operand, boundaries: Shaped, *, out_int32: bool = False, right: bool = False
) -> Effect:
    """Between which of ordered boundaries each value is, by `searchsorted`."""
    require(len(boundaries.shape) == 1)
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


def isin(
    elements: Operand,
    test_elements: Operand,
    *,
    assume_unique: bool = False,
    invert: bool = False,
) -> Effect:
    """Whether each element is among others: these are sorted, and each is looked for."""
    del assume_unique, invert
    require(len(_tensors(elements, test_elements)) > 0)
    shape, others = shape_of(elements), prod(shape_of(test_elements))
    comparisons = others * max(others - 1, 0).bit_length() + prod(shape) * others.bit_length()
    return Effect(shape, flops=comparisons, dtype=BOOLEAN)


def _tensors(*operands: Operand) -> list[Shaped]:
    """Those of the operands that are no real numbers; flags and complex ones have no order."""
    require(not any(isinstance(operand, bool | complex) for operand in operands))
    tensors = [operand for operand in operands if not isinstance(operand, Number)]
    require(all(is_kind(tensor, "if") for tensor in tensors))
    return tensors


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
    "nanmedian": median,
    "logcumsumexp": logcumsumexp,
    "searchsorted": searchsorted,
    "bucketize": bucketize,
    "isin": isin,
}
