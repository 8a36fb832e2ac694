"""Reads and writes where a tensor says: 0 operations, except where values are added or chosen.

Does not know the positions themselves, so not whether they are within bounds either.
"""

from __future__ import annotations

from math import prod
from typing import Any

from costlab.ops.dtypes import Number, is_kind, name_of
from costlab.ops.operands import takes
from costlab.ops.rule import Effect, Rule, Shape, Shaped, axis_of, broadcast, require

BASIC = (int, slice, type(...))
"""What an index of a view is made of, besides None."""
POSITIONS = ("int64",)
SHORT_POSITIONS = ("int32", "int64")


def are_positions(index: Shaped, types: tuple[str, ...] = POSITIONS) -> None:
    """Declines unless the elements of an index can be positions."""
    require(name_of(index.dtype) in types)


def _within(index: Shape, other: Shape, axis: int | None = None) -> bool:
    """Whether an index is no longer than a tensor in any axis but one."""
    return len(index) == len(other) and all(
        at == axis or size <= limit
        for at, (size, limit) in enumerate(zip(index, other, strict=True))
    )


def gather(input: Shaped, dim: int, index: Shaped, *, sparse_grad: bool = False) -> Effect:
    """y[i,j] = x[index[i,j], j] for an axis 0: as many elements as the index has."""
    del sparse_grad
    shape, positions = tuple(input.shape), tuple(index.shape)
    are_positions(index, SHORT_POSITIONS)
    require(len(shape) > 0 and prod(positions) > 0)
    require(prod(shape) > 0 and _within(positions, shape, axis_of(dim, len(shape))))
    return Effect(positions, dtype=name_of(input.dtype))


def take_along_dim(input: Shaped, indices: Shaped, dim: int | None = None) -> Effect:
    """`gather` with the other axes broadcast; from the flattened tensor for no axis."""
    are_positions(indices)
    if dim is None:
        require(prod(input.shape) > 0)
        return Effect((prod(indices.shape),), dtype=name_of(input.dtype))
    shape, positions = tuple(input.shape), tuple(indices.shape)
    require(len(shape) == len(positions) > 0 and prod(shape) > 0)
    axis = axis_of(dim, len(shape))
    around = broadcast(
        [
            (*shape[:axis], 1, *shape[axis + 1 :]),
            (*positions[:axis], 1, *positions[axis + 1 :]),
        ]
    )
    return Effect(
        (*around[:axis], positions[axis], *around[axis + 1 :]), dtype=name_of(input.dtype)
    )


def index_select(input: Shaped, dim: int, index: Shaped) -> Effect:
    """The elements of an axis at these positions."""
    shape = tuple(input.shape)
    are_positions(index, SHORT_POSITIONS)
    require(len(index.shape) < 2 and len(shape) > 0)
    axis = axis_of(dim, len(shape))
    require(shape[axis] > 0)
    return Effect(
        (*shape[:axis], prod(index.shape), *shape[axis + 1 :]), dtype=name_of(input.dtype)
    )


def take(input: Shaped, index: Shaped) -> Effect:
    """y[…] = x[index[…]] of the flattened tensor."""
    are_positions(index)
    require(prod(input.shape) > 0)
    return Effect(tuple(index.shape), dtype=name_of(input.dtype))


def scatter(input: Shaped, dim: int, index: Shaped, src: Shaped | complex) -> Effect:
    """x with x[index[i,j], j] = src[i,j] for an axis 0; `src` may be a number."""
    return _scattered(input, dim, index, src, 0)


def scatter_add(input: Shaped, dim: int, index: Shaped, src: Shaped) -> Effect:
    """x with x[index[i,j], j] += src[i,j] for an axis 0: one add an element of the index."""
    require(not isinstance(src, Number))
    return _scattered(input, dim, index, src, 1)


def scatter_reduce(
    input: Shaped,
    dim: int,
    index: Shaped,
    src: Shaped,
    reduce: str,
    *,
    include_self: bool = True,
) -> Effect:
    """x with src[i,j] reduced into x[index[i,j], j]: one operation an element of the index."""
    del include_self
    require(reduce in {"sum", "prod", "mean", "amax", "amin"} and is_kind(input, "if"))
    return scatter_add(input, dim, index, src)


def _scattered(input: Shaped, dim: int, index: Shaped, src: Shaped | complex, flops: int) -> Effect:
    shape, positions = tuple(input.shape), tuple(index.shape)
    are_positions(index, SHORT_POSITIONS)
    require(len(shape) > 0 and prod(positions) > 0 and prod(shape) > 0)
    require(_within(positions, shape, axis_of(dim, len(shape))))
    if isinstance(src, Number):
        require(takes(input, src))
    else:
        require(src.dtype == input.dtype and _within(positions, tuple(src.shape)))
    return Effect(shape, flops=flops * prod(positions), dtype=name_of(input.dtype))


def index_add(
    input: Shaped, dim: int, index: Shaped, source: Shaped, *, alpha: float = 1
) -> Effect:
    """x with the slices of a source added at these positions: one add a source element."""
    require(alpha == 1 or is_kind(input, "f"))
    are_positions(index, SHORT_POSITIONS)
    return _indexed(input, dim, index, source, prod(source.shape))


def index_copy(input: Shaped, dim: int, index: Shaped, source: Shaped) -> Effect:
    """x with the slices of a source at these positions."""
    are_positions(index)
    return _indexed(input, dim, index, source, 0)


def _indexed(input: Shaped, dim: int, index: Shaped, source: Shaped, flops: int) -> Effect:
    shape = tuple(input.shape)
    require(len(index.shape) == 1 and source.dtype == input.dtype and prod(shape) > 0)
    require(len(shape) > 0)
    axis = axis_of(dim, len(shape))
    require(tuple(source.shape) == (*shape[:axis], *index.shape, *shape[axis + 1 :]))
    return Effect(shape, flops=flops, dtype=name_of(input.dtype))


def index_fill(input: Shaped, dim: int, index: Shaped, value: complex) -> Effect:
    """x with a number in the slices at these positions."""
    are_positions(index)
    require(len(index.shape) < 2 and takes(input, value))
    require(prod(input.shape) > 0)
    axis_of(dim, len(input.shape))
    return Effect(tuple(input.shape), dtype=name_of(input.dtype))


def indexed(shape: Shape, index: object) -> Shape:
    """The shape of x[index] for integers, slices, None and an ellipsis.

    Raises:
        Declined: there are tensors or lists in the index, or it does not fit.

    >>> indexed((4, 5, 6), (0, ..., slice(1, None, 2), None))
    (5, 3, 1)
    """
    items: list[Any] = list(index) if isinstance(index, tuple) else [index]
    require(all(item is None or type(item) in BASIC for item in items))
    require(sum(item is ... for item in items) < 2)
    used = sum(item is not None and item is not ... for item in items)
    require(used <= len(shape))
    if ... in items:
        at = items.index(...)
        items[at : at + 1] = [slice(None)] * (len(shape) - used)
    left = iter(shape)
    out: list[int] = []
    for item in items:
        if item is None:
            out.append(1)
        elif isinstance(item, slice):
            require(item.step is None or item.step > 0)
            out.append(len(range(*item.indices(next(left)))))
        else:
            size = next(left)
            require(-size <= item < size)
    return (*out, *left)


def setitem(input: Shaped, index: object, value: object) -> Effect:
    """`x[index] = value`: a number, or a tensor that is broadcast to what the index names."""
    shape = tuple(input.shape)
    target = indexed(shape, index)
    if not isinstance(value, Number):
        source = tuple(value.shape)  # type: ignore[attr-defined]  # what is no number is a tensor
        while len(source) > len(target):
            require(source[0] == 1)
            source = source[1:]
        require(broadcast([target, source]) == target)
    return Effect(shape, dtype=name_of(input.dtype))


RULES: dict[str, Rule] = {
    "gather": gather,
    "take_along_dim": take_along_dim,
    "index_select": index_select,
    "take": take,
    "scatter": scatter,
    "scatter_add": scatter_add,
    "scatter_reduce": scatter_reduce,
    "index_add": index_add,
    "index_copy": index_copy,
    "index_fill": index_fill,
    "__setitem__": setitem,
}
