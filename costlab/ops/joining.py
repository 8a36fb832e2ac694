"""Tensors joined along an axis: no operations, only bytes.

Does not know an input without elements and axes of its own, torch's old notion of "nothing".
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

from costlab.ops.dtypes import name_of, promoted, wider
from costlab.ops.rule import SAME, Effect, Rule, Shape, Shaped, axis_of, broadcast, require

if TYPE_CHECKING:
    from collections.abc import Sequence


COMPLEX_OF = {"float16": "complex32", "float32": "complex64", "float64": "complex128"}
"""The type of complex numbers whose parts have this one."""


def joined(tensors: Sequence[Shaped], shapes: Sequence[Shape], axis: int) -> Effect:
    """Tensors taken to have these shapes, joined along an axis."""
    first = shapes[0]
    length = 0
    for shape in shapes:
        length += shape[axis]
        require(shape[:axis] == first[:axis] and shape[axis + 1 :] == first[axis + 1 :])
        require(len(shape) == len(first))
    return Effect((*first[:axis], length, *first[axis + 1 :]), dtype=common_type(tensors))


def common_type(tensors: Sequence[Shaped]) -> str:
    """The element type of tensors that are joined."""
    first = tensors[0].dtype
    if all(tensor.dtype == first for tensor in tensors):
        return SAME
    return reduce(wider, [name_of(tensor.dtype) for tensor in tensors])


def cat(tensors: Sequence[Shaped], dim: int = 0) -> Effect:
    """Tensors joined along an axis that they have; they agree in all other axes."""
    require(isinstance(tensors, list | tuple) and len(tensors) > 0)
    shapes = [tuple(tensor.shape) for tensor in tensors]
    # A vector of no elements joins anything, of whatever rank: torch's old notion of "nothing".
    filled = [shape for shape in shapes if shape != (0,)] if (0,) in shapes else shapes
    require(len(filled) > 0 and all(filled))
    return joined(tensors, filled, axis_of(dim, len(filled[0])))


def stack(tensors: Sequence[Shaped], dim: int = 0) -> Effect:
    """Tensors of one shape joined along a new axis."""
    require(isinstance(tensors, list | tuple) and len(tensors) > 0)
    shape = tuple(tensors[0].shape)
    require(all(tensor.shape == shape for tensor in tensors))
    axis = axis_of(dim, len(shape) + 1)
    return Effect((*shape[:axis], len(tensors), *shape[axis:]), dtype=common_type(tensors))


def stacked(rank: int, axis: int) -> Rule:
    """The rule of a join along a fixed axis of tensors brought to a rank first (`vstack`, …)."""

    def rule(tensors: Sequence[Shaped]) -> Effect:
        require(isinstance(tensors, list | tuple) and len(tensors) > 0)
        shapes = [_at_least(tuple(tensor.shape), rank) for tensor in tensors]
        require((0,) not in shapes)
        at = 0 if rank == 1 and len(shapes[0]) == 1 else axis
        return joined(tensors, shapes, at)

    return rule


def _at_least(shape: Shape, rank: int) -> Shape:
    """As `torch.atleast_1d`, `atleast_2d` and `atleast_3d` have it."""
    if len(shape) >= rank:
        return shape
    if rank == 3:
        return (*_at_least(shape, 2), 1)
    return (*(1,) * (rank - len(shape)), *shape)


def column_stack(tensors: Sequence[Shaped]) -> Effect:
    """Vectors, taken as columns, and matrices joined along the second axis."""
    require(isinstance(tensors, list | tuple) and len(tensors) > 0)
    shapes = [
        shape if len(shape) > 1 else (*(shape or (1,)), 1)
        for shape in (tuple(tensor.shape) for tensor in tensors)
    ]
    return joined(tensors, shapes, 1)


def block_diag(*tensors: Shaped) -> Effect:
    """Matrices along a diagonal, zeros beside them; a vector is a row, a number a matrix of one."""
    require(len(tensors) > 0)
    shapes = [_at_least(tuple(tensor.shape), 2) for tensor in tensors]
    require(all(len(shape) == 2 for shape in shapes))
    rows, columns = map(sum, zip(*shapes, strict=True))
    return Effect((rows, columns), dtype=promoted(*tensors))


def block_diag_of(tensors: Sequence[Shaped]) -> Effect:
    """`block_diag`, as the dispatcher calls it."""
    return block_diag(*tensors)


def of_parts(real: Shaped, imag: Shaped) -> Effect:
    """y = a + ib: complex numbers of their parts, which are moved."""
    name = name_of(real.dtype)
    require(real.dtype == imag.dtype and name in COMPLEX_OF)
    shape = broadcast([tuple(real.shape), tuple(imag.shape)])
    return Effect(shape, dtype=COMPLEX_OF[name])


RULES: dict[str, Rule] = {
    "cat": cat,
    "stack": stack,
    "hstack": stacked(1, 1),
    "vstack": stacked(2, 0),
    "dstack": stacked(3, 2),
    "column_stack": column_stack,
    "block_diag": block_diag,
    "aten::block_diag": block_diag_of,
    "complex": of_parts,
}
