"""Unpooling: values moved back to where a pooling found them; no operations.

Does not know the positions, so not whether they are within the output either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from costlab.ops.dtypes import name_of
from costlab.ops.pooling import split
from costlab.ops.rule import Declined, Effect, Rule, Shape, Shaped, once_or_each, require

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import EllipsisType

Sizes = int | tuple[int, ...] | list[int]


def max_unpool(rank: int) -> Rule:
    """The rule of y[…,index[…,*s]] = x[…,*s], zero elsewhere.

    Shapes: input and indices (n, c, *in) or (c, *in); the output's spatial sizes are
    (in − 1)·stride − 2·padding + kernel, or `output_size`, which is less than a stride away.

    The functional says its stride by name, be it None. Without, it is the compiled function of
    that name, which has a size where this has a kernel: left to `aten::max_unpool2d`.
    """

    def rule(
        input: Shaped,
        indices: Shaped,
        kernel_size: Sizes,
        *,
        stride: Sizes | EllipsisType | None = ...,
        padding: Sizes = 0,
        output_size: tuple[int, ...] | list[int] | None = None,
    ) -> Effect:
        lead, spatial = _placed(input, indices, rank)
        if stride is ...:
            raise Declined
        kernel = once_or_each(kernel_size, rank)
        strides = kernel if stride is None else once_or_each(stride, rank)
        pads = once_or_each(padding, rank)
        require(min(*kernel, *strides) > 0)
        sizes = tuple(
            [
                (size - 1) * step - 2 * pad + width
                for size, step, pad, width in zip(spatial, strides, pads, kernel, strict=True)
            ]
        )
        if output_size is not None:
            wanted = tuple(output_size)[-rank:]
            require(len(output_size) in {rank, rank + 2})
            for size, want, step in zip(sizes, wanted, strides, strict=True):
                require(size - step < want < size + step)
            sizes = wanted
        require(min(sizes) > 0)
        return Effect((*lead, *sizes), dtype=name_of(input.dtype))

    return rule


def max_unpool_to_size(rank: int) -> Rule:
    """The rule of the same as the dispatcher has it: to a size, whatever the windows were."""

    def rule(
        input: Shaped, indices: Shaped, output_size: Sequence[int], *_windows: object
    ) -> Effect:
        lead, _ = _placed(input, indices, rank)
        require(len(output_size) == rank and min(output_size) > 0)
        return Effect((*lead, *output_size), dtype=name_of(input.dtype))

    return rule


def _placed(input: Shaped, indices: Shaped, rank: int) -> tuple[Shape, Shape]:
    """Batch and channels, and the spatial sizes, of values that have a place each."""
    require(indices.shape == input.shape and name_of(indices.dtype) == "int64")
    return split(input, rank)


RULES: dict[str, Rule] = {
    **{f"max_unpool{rank}d": max_unpool(rank) for rank in (1, 2, 3)},
    **{f"aten::max_unpool{rank}d": max_unpool_to_size(rank) for rank in (2, 3)},
}
