"""Writes where tensors of positions or a mask say: 0 operations, except where values are added.

Does not know the positions, nor how many elements a mask holds for.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from costlab.ops.dtypes import BOOL, is_kind, name_of
from costlab.ops.indexing import SHORT_POSITIONS, are_positions
from costlab.ops.rule import Effect, Rule, Shaped, broadcast, require

if TYPE_CHECKING:
    from collections.abc import Sequence


def index_put(
    input: Shaped,
    indices: Sequence[Shaped | None],
    values: Shaped,
    accumulate: bool = False,
    unsafe: bool = False,
) -> Effect:
    """`input[indices] = values` for tensors of positions; `+=`, an add a position, to accumulate.

    A mask chooses, as `masked_fill` does: one operation an element of the input. Where the values
    say how many elements it holds for, these are moved, as at positions.

    Shapes: the indices are broadcast with one another; values to them and the axes without one.
    """
    del unsafe
    shape = tuple(input.shape)
    require(0 < len(indices) <= len(shape) and values.dtype == input.dtype)
    given = {axis: index for axis, index in enumerate(indices) if index is not None}
    require(bool(given))
    if any(is_kind(index, BOOL) for index in given.values()):
        require(len(given) == 1 and not accumulate)
        ((axis, mask),) = given.items()
        return _masked(input, axis, mask, values)
    for index in given.values():
        are_positions(index, SHORT_POSITIONS)
    places = broadcast([tuple(index.shape) for index in given.values()])
    first, last = min(given), max(given)
    if last - first + 1 == len(given):
        written = (*shape[:first], *places, *shape[last + 1 :])
    else:  # axes that stand apart are moved to the front
        written = (*places, *(size for axis, size in enumerate(shape) if axis not in given))
    require(broadcast([tuple(values.shape), written]) == written)
    return Effect(shape, flops=prod(written) if accumulate else 0, dtype=name_of(input.dtype))


def _masked(input: Shaped, axis: int, mask: Shaped, values: Shaped) -> Effect:
    """`input[..., mask, ...] = values`, the mask over as many axes as it has, from this one on."""
    shape, masked, source = tuple(input.shape), tuple(mask.shape), tuple(values.shape)
    rest = shape[axis + len(masked) :]
    require(len(masked) > 0 and shape[axis : axis + len(masked)] == masked)
    given = source[-1 - len(rest)] if len(source) > len(rest) else 1
    require(given <= prod(masked))
    picked = (*shape[:axis], given, *rest)
    require(broadcast([source, picked]) == picked)
    return Effect(shape, flops=prod(shape) if given == 1 else 0, dtype=name_of(input.dtype))


def put(input: Shaped, index: Shaped, source: Shaped, accumulate: bool = False) -> Effect:
    """x[index[…]] = source[…] of the flattened tensor; `+=`, an add a position, to accumulate."""
    are_positions(index)
    require(prod(input.shape) > 0 and source.dtype == input.dtype)
    require(prod(source.shape) == prod(index.shape) and isinstance(accumulate, bool))
    return Effect(
        tuple(input.shape), flops=accumulate * prod(index.shape), dtype=name_of(input.dtype)
    )


RULES: dict[str, Rule] = {"index_put": index_put, "put": put}
