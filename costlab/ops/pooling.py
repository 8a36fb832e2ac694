"""Pooling: each output element looks at its whole window, one operation a window element.

Does not know that a window at the edge is smaller: what is padded counts as what is not.
"""

from __future__ import annotations

from math import prod
from operator import ge

from costlab.ops.dtypes import REAL, is_kind
from costlab.ops.rule import SAME, Effect, Rule, Shape, Shaped, once_or_each, per_axis, require

Sizes = int | tuple[int, ...] | list[int]
INDICES = (SAME, "int64")


def split(input: Shaped, rank: int) -> tuple[Shape, Shape]:
    """Batch and channels, and the spatial sizes, of a floating-point input (n, c, *) or (c, *)."""
    shape = tuple(input.shape)
    require(rank + 1 <= len(shape) <= rank + 2 and is_kind(input, REAL))
    require(min(shape[-rank - 1 :]) > 0)
    return shape[:-rank], shape[-rank:]


def windows(
    spatial: Shape,
    kernel: Shape,
    strides: Shape,
    pads: Shape,
    dilations: Shape,
    ceil_mode: bool,
) -> Shape:
    """The number of windows along each axis.

    With `ceil_mode` the last window may run over the end, but it starts within the input or its
    left padding.
    """
    sizes = []
    for size, width, step, pad, spread in zip(
        spatial, kernel, strides, pads, dilations, strict=True
    ):
        reach = spread * (width - 1) + 1
        require(width > 0 and step > 0 and spread > 0 and 0 <= pad <= width // 2)
        free = size + 2 * pad - reach
        count = (free + (step - 1 if ceil_mode else 0)) // step + 1
        if ceil_mode and (count - 1) * step >= size + pad:
            count -= 1
        require(count > 0)
        sizes.append(count)
    return tuple(sizes)


def strides_of(stride: Sizes | None, kernel: Shape, rank: int) -> Shape:
    """The stride along each axis: by default the kernel's size."""
    return kernel if stride is None or stride in ([], ()) else per_axis(stride, rank)


def describe(kernel: Shape, strides: Shape, padding: Shape) -> dict[str, object]:
    """What a reader of the graph may want to know of a pooling."""
    return {"kernel": kernel, "stride": strides, "padding": padding}


def max_pool(rank: int, *, indices: bool) -> Rule:
    """The rule of y[…,*s] = max_k x[…,*(s·stride + k·dilation)]: ∏k operations an output element.

    Shapes: input (n, c, *in) or (c, *in), output the same with other spatial sizes; twice if the
    positions of the maxima are returned too.
    """

    def rule(
        input: Shaped,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        dilation: Sizes = 1,
        ceil_mode: bool = False,
        return_indices: bool = indices,
    ) -> Effect:
        require(return_indices is indices)
        lead, spatial = split(input, rank)
        kernel = per_axis(kernel_size, rank)
        strides, pads = strides_of(stride, kernel, rank), per_axis(padding, rank)
        dilations = per_axis(dilation, rank)
        counts = windows(spatial, kernel, strides, pads, dilations, ceil_mode)
        effect = pooled((*lead, *counts), kernel, strides, pads, indices=indices)
        if max(dilations) > 1:
            effect = effect._replace(attributes={**effect.attributes, "dilation": dilations})
        return effect

    return rule


def pooled(
    shape: Shape, kernel: Shape, strides: Shape, pads: Shape, *, indices: bool = False
) -> Effect:
    """∏kernel operations an element of an output of this shape."""
    return Effect(
        shape,
        flops=prod(shape) * prod(kernel),
        dtype=INDICES if indices else SAME,
        attributes=describe(kernel, strides, pads),
        shapes=(shape, shape) if indices else None,
    )


def avg_pool(rank: int) -> Rule:
    """The rule of y[…,*s] = mean_k x[…,*(s·stride + k)]: ∏k operations an output element.

    Shapes: input (n, c, *in) or (c, *in), output the same with other spatial sizes.
    """

    def rule(
        input: Shaped,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> Effect:
        del count_include_pad
        require(divisor_override is None or (rank > 1 and divisor_override != 0))
        lead, spatial = split(input, rank)
        kernel = per_axis(kernel_size, rank)
        # The kernel of three axes wants its window to fit without the padding.
        require(rank < 3 or all(map(ge, spatial, kernel)))
        strides, pads = strides_of(stride, kernel, rank), per_axis(padding, rank)
        counts = windows(spatial, kernel, strides, pads, (1,) * rank, ceil_mode)
        return pooled((*lead, *counts), kernel, strides, pads)

    return rule


def lp_pool(rank: int) -> Rule:
    """The rule of y[…,*s] = (Σ_k x[…,*(s·stride + k)]^p)^(1/p).

    One power an input element, ∏k sums and one root an output element.
    """

    def rule(
        input: Shaped,
        norm_type: float,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        ceil_mode: bool = False,
    ) -> Effect:
        require(norm_type > 0)
        once_or_each(kernel_size, rank)
        require(rank > 1 or isinstance(kernel_size, int))
        effect = avg_pool(rank)(input, kernel_size, stride, 0, ceil_mode)
        return effect._replace(flops=effect.flops + prod(effect.shape) + prod(input.shape))

    return rule


RANKS = (1, 2, 3)

RULES: dict[str, Rule] = {
    **{f"max_pool{rank}d": max_pool(rank, indices=False) for rank in RANKS},
    **{f"max_pool{rank}d_with_indices": max_pool(rank, indices=True) for rank in RANKS},
    **{f"avg_pool{rank}d": avg_pool(rank) for rank in RANKS},
    **{f"lp_pool{rank}d": lp_pool(rank) for rank in RANKS},
}
