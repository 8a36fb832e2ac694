"""Reductions and scans: one operation an input element, unless declared.

Does not know the order in which a kernel adds.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from costlab.ops.dtypes import BOOL, REAL, is_kind, kind_of, name_of
from costlab.ops.elementwise import EXTREMUM
from costlab.ops.rule import FLOAT, SAME, Effect, Rule, Shape, Shaped, axes_of, require

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import EllipsisType

Axes = int | tuple[int, ...] | list[int] | None

VARIANCE = 3  # sum, centre and square, as in a normalization's statistics
NORM = 2  # power and sum
LOGSUMEXP = 4  # maximum, subtraction, exponential, sum


def reduced(shape: Shape, dim: int | Sequence[int] | None, keepdim: bool) -> Shape:
    """The shape after the axes in `dim` are gone, or of size 1 with `keepdim`.

    >>> reduced((4, 5, 6), (0, -1), False), reduced((4, 5, 6), 1, True)
    ((5,), (4, 1, 6))
    """
    # A flag in an axis's place, and the reverse, is another overload or an error.
    require(not isinstance(dim, bool) and isinstance(keepdim, bool))
    axes = axes_of(dim, len(shape))
    if keepdim:
        return tuple([1 if axis in axes else size for axis, size in enumerate(shape)])
    return tuple([size for axis, size in enumerate(shape) if axis not in axes])


def total(
    input: Shaped, dim: Axes = None, keepdim: bool = False, *, dtype: object = None
) -> Effect:
    """y = Σ x over axes; integers are added as int64 unless `dtype` says otherwise."""
    shape = tuple(input.shape)
    return Effect(reduced(shape, dim, keepdim), flops=prod(shape), dtype=sum_type(input, dtype))


def nansum(
    input: Shaped, dim: Axes = None, keepdim: bool = False, *, dtype: object = None
) -> Effect:
    """y = Σ x over axes, without what is not a number."""
    require(is_kind(input, "bif") and (dtype is None or kind_of(dtype) in "if"))
    return total(input, dim, keepdim, dtype=dtype)


def sum_type(input: Shaped, dtype: object) -> str:
    """The element type of a sum."""
    if dtype is not None:
        require(kind_of(dtype) in "ifc")
        return name_of(dtype)
    kind = kind_of(input.dtype)
    require(kind in "bifc")
    return "int64" if kind in "bi" else SAME


def product(
    input: Shaped, dim: int | EllipsisType = ..., keepdim: bool = False, *, dtype: object = None
) -> Effect:
    """y = Π x over all axes or one."""
    if dim is ...:
        require(not keepdim)
        return total(input, dtype=dtype)
    require(isinstance(dim, int))
    return total(input, dim, keepdim, dtype=dtype)


def mean(input: Shaped, dim: Axes = None, keepdim: bool = False, *, dtype: object = None) -> Effect:
    """y = Σ x / n over axes, of floating-point numbers."""
    require(kind_of(input.dtype if dtype is None else dtype) in "fc")
    return total(input, dim, keepdim, dtype=dtype)


def extremum(
    input: Shaped, dim: int | Shaped | EllipsisType = ..., keepdim: bool = False
) -> Effect:
    """The largest (smallest) value; with an axis also where it is; of two tensors, element-wise."""
    if dim is ...:
        require(not keepdim and prod(input.shape) > 0 and is_kind(input, "bif"))
        return Effect((), flops=prod(input.shape))
    if not isinstance(dim, int):
        require(not keepdim)
        return EXTREMUM(input, dim)
    return selection(input, dim, keepdim)


def selection(input: Shaped, dim: int = -1, keepdim: bool = False) -> Effect:
    """The value of one element along an axis, and its position."""
    shape = tuple(input.shape)
    require(type(dim) is int and prod(shape) > 0 and is_kind(input, "bif"))
    left = reduced(shape, dim, keepdim)
    return Effect(left, flops=prod(shape), dtype=(SAME, "int64"), shapes=(left, left))


def amax(input: Shaped, dim: Axes = (), keepdim: bool = False) -> Effect:
    """y = max x (min x) over axes."""
    shape = tuple(input.shape)
    require(prod(shape) > 0 and is_kind(input, "bif") and dim is not None)
    return Effect(reduced(shape, dim, keepdim), flops=prod(shape))


def argmax(input: Shaped, dim: int | None = None, keepdim: bool = False) -> Effect:
    """The position of the largest (smallest) value along an axis, or among all elements."""
    shape = tuple(input.shape)
    require((dim is None or type(dim) is int) and prod(shape) > 0 and is_kind(input, "if"))
    return Effect(reduced(shape, dim, keepdim), flops=prod(shape), dtype="int64")


def predicate(input: Shaped, dim: Axes = None, keepdim: bool = False) -> Effect:
    """Whether all (any) elements are true; bool, or uint8 of uint8."""
    shape = tuple(input.shape)
    dtype = "uint8" if name_of(input.dtype) == "uint8" else "bool"
    require(is_kind(input, "bifc") and (dim is not None or not keepdim) and dim not in ((), []))
    return Effect(reduced(shape, dim, keepdim), flops=prod(shape), dtype=dtype)


def of_flags(input: Shaped) -> Effect:
    """Whether all (any) flags are true, as `torch._check_tensor_all` asks."""
    require(is_kind(input, BOOL))
    return predicate(input)


def variance(
    input: Shaped,
    dim: Axes = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> Effect:
    """y = Σ(x − μ)² / (n − correction), or its root; 3 operations an element."""
    require(is_kind(input, REAL) and isinstance(unbiased, bool | None))
    # The keyword names one overload, the flag others.
    require(unbiased is None or correction is None)
    require(dim is not None or not keepdim or correction is not None)
    shape = tuple(input.shape)
    return Effect(reduced(shape, dim, keepdim), flops=VARIANCE * prod(shape))


def variance_and_mean(
    input: Shaped,
    dim: Axes = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> Effect:
    """The variance (deviation) and the mean that it is taken from."""
    effect = variance(input, dim, unbiased, keepdim, correction=correction)
    return effect._replace(shapes=(effect.shape, effect.shape))


def vector_norm(
    x: Shaped, ord: float = 2, dim: Axes = None, keepdim: bool = False, *, dtype: object = None
) -> Effect:
    """y = (Σ |x|^p)^(1/p) over axes; 2 operations an element."""
    shape = tuple(x.shape)
    require(is_kind(x, REAL) and type(ord) in (int, float) and prod(shape) > 0)
    require(dtype is None or name_of(dtype) == name_of(x.dtype))
    return Effect(reduced(shape, dim, keepdim), flops=NORM * prod(shape))


def norm(
    input: Shaped,
    p: float | str | None = "fro",
    dim: Axes = None,
    keepdim: bool = False,
    out: object = None,
    dtype: object = None,
) -> Effect:
    """`torch.norm`: the vector norm over axes, whatever their number; Frobenius is p = 2."""
    require(out is None and (p == "fro" or type(p) in (int, float)))
    require(p != "fro" or isinstance(dim, int | None) or len(dim) <= 2)
    return vector_norm(
        input, 2 if isinstance(p, str) or p is None else p, dim, keepdim, dtype=dtype
    )


def linalg_norm(
    A: Shaped,  # noqa: N803 - torch's own name
    ord: float | None = None,
    dim: Axes = None,
    keepdim: bool = False,
    *,
    dtype: object = None,
) -> Effect:
    """`torch.linalg.norm` where it is a vector norm: no `ord`, or one axis."""
    require(isinstance(dim, int) or (ord is None and (dim is None or 1 <= len(dim) <= 2)))
    return vector_norm(A, 2 if ord is None else ord, dim, keepdim, dtype=dtype)


def logsumexp(input: Shaped, dim: Axes, keepdim: bool = False) -> Effect:
    """y = log Σ eˣ over axes; 4 operations an element."""
    shape = tuple(input.shape)
    require(dim is not None and dim not in ((), []) and is_kind(input, "bif"))
    dtype = SAME if is_kind(input, REAL) else FLOAT
    return Effect(reduced(shape, dim, keepdim), flops=LOGSUMEXP * prod(shape), dtype=dtype)


def count_nonzero(input: Shaped, dim: Axes = None) -> Effect:
    """How many elements are not zero."""
    shape = tuple(input.shape)
    return Effect(reduced(shape, dim, keepdim=False), flops=prod(shape), dtype="int64")


RULES: dict[str, Rule] = {
    "sum": total,
    "nansum": nansum,
    "mean": mean,
    "prod": product,
    "max": extremum,
    "min": extremum,
    "amax": amax,
    "amin": amax,
    "argmax": argmax,
    "argmin": argmax,
    "all": predicate,
    "any": predicate,
    "_is_all_true": of_flags,
    "_is_any_true": of_flags,
    "var": variance,
    "std": variance,
    "var_mean": variance_and_mean,
    "std_mean": variance_and_mean,
    "norm": norm,
    "linalg_vector_norm": vector_norm,
    "linalg_norm": linalg_norm,
    "logsumexp": logsumexp,
    "count_nonzero": count_nonzero,
}
