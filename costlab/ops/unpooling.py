"""Unpooling: values moved back to where a pooling found them; no operations.

Does not know the positions, so not whether they are within the output either.
"""

from __future__ import annotations

from costlab.ops.dtypes import name_of
from costlab.ops.pooling import split
from costlab.ops.rule import Effect, Rule, Shaped, once_or_each, require

Sizes = int | tuple[int, ...] | list[int]


def max_unpool(rank: int) -> Rule:
    """The rule of y[…,index[…,*s]] = x[…,*s], zero elsewhere.

    Shapes: input and indices (n, c, *in) or (c, *in); the output's spatial sizes are
    (in − 1)·stride − 2·padding + kernel, or `output_size`, which is less than a stride away.
    """

    def rule(
        input: Shaped,
        indices: Shaped,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        output_size: tuple[int, ...] | list[int] | None = None,
    ) -> Effect:
        lead, spatial = split(input, rank)
        require(indices.shape == input.shape and name_of(indices.dtype) == "int64")
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


RULES: dict[str, Rule] = {f"max_unpool{rank}d": max_unpool(rank) for rank in (1, 2, 3)}
