"""Pooling: each output element looks at its whole window, one operation a window element.

Does not know that a window at the edge is smaller: what is padded counts as what is not.
"""

from __future__ import annotations

from math import prod
from operator import ge
from typing import TYPE_CHECKING

from costlab.ops.dtypes import REAL, is_kind
from costlab.ops.rule import SAME, Effect, Shape, Shaped, once_or_each, per_axis, require

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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


def max_pool(rank: int, *, indices: bool) -> Callable[..., Effect]:
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
        counts = windows(
            spatial, kernel, strides, pads, per_axis(dilation, rank), ceil_mode
        )
        return pooled((*lead, *counts), kernel, strides, pads, indices=indices)

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


def avg_pool(rank: int) -> Callable[..., Effect]:
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


def lp_pool(rank: int) -> Callable[..., Effect]:
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


def adaptive_pool(rank: int, *, indices: bool | None = None) -> Callable[..., Effect]:
    """The rule of a pooling to a given size: one operation an element of each window.

    Window i of an axis covers [⌊i·in/out⌋, ⌈(i+1)·in/out⌉): together the input, once, where the
    sizes divide; neighbours overlap where they do not. Maxima have `indices` or not, means None.

    Shapes: input (n, c, *in) or (c, *in), output the same with `output_size`, where None keeps.
    """

    def rule(
        input: Shaped,
        output_size: int | Sequence[int | None],
        return_indices: bool | None = None,
    ) -> Effect:
        # Without the option it may be the kernel of the same name, which returns both always.
        require(return_indices is indices)
        lead, spatial = split(input, rank)
        asked = (output_size,) * rank if isinstance(output_size, int) else tuple(output_size)
        require(len(asked) == rank and (rank > 1 or asked != (None,)))
        sizes = tuple([
            size if wanted is None else wanted
            for size, wanted in zip(spatial, asked, strict=True)
        ])
        require(all(isinstance(size, int) and size > 0 for size in sizes))
        shape = (*lead, *sizes)
        covered = prod(map(covered_by_windows, spatial, sizes))
        return Effect(
            shape,
            flops=prod(lead) * covered,
            dtype=INDICES if indices else SAME,
            attributes={"output_size": sizes},
            shapes=(shape, shape) if indices else None,
        )

    return rule


def covered_by_windows(size: int, count: int) -> int:
    """The sizes of all `count` adaptive windows of an axis, added.

    >>> covered_by_windows(8, 1), covered_by_windows(7, 2)
    (8, 8)
    """
    if size % count == 0:
        return size
    return sum(-(-(i + 1) * size // count) - i * size // count for i in range(count))


def fractional_max_pool(rank: int, *, indices: bool) -> Callable[..., Effect]:
    """The rule of a maximum over windows at random places: ∏k operations an output element.

    Source: Graham 2014, §2.
    """

    def rule(
        input: Shaped,
        kernel_size: Sizes,
        output_size: Sizes | None = None,
        output_ratio: tuple[float, ...] | list[float] | None = None,
        return_indices: bool = indices,
        _random_samples: Shaped | None = None,
    ) -> Effect:
        require(return_indices is indices and _random_samples is None)
        require((output_size is None) != (output_ratio is None))
        lead, spatial = split(input, rank)
        require(prod(lead) > 0)
        kernel = once_or_each(kernel_size, rank)
        if output_ratio is None:
            sizes = once_or_each(output_size or 0, rank)
        else:
            ratios = tuple(output_ratio)
            require(len(ratios) == rank and all(0 < ratio < 1 for ratio in ratios))
            sizes = tuple([int(size * ratio) for size, ratio in zip(spatial, ratios, strict=True)])
        for size, count, width in zip(spatial, sizes, kernel, strict=True):
            # The kernel of three axes wants one element more than it needs.
            require(min(count, width) > 0 and count + width - 1 + (rank == 3) <= size)
        return pooled((*lead, *sizes), kernel, (), (), indices=indices)

    return rule


RANKS = (1, 2, 3)

RULES = {
    **{f"max_pool{rank}d": max_pool(rank, indices=False) for rank in RANKS},
    **{f"max_pool{rank}d_with_indices": max_pool(rank, indices=True) for rank in RANKS},
    **{f"avg_pool{rank}d": avg_pool(rank) for rank in RANKS},
    **{f"lp_pool{rank}d": lp_pool(rank) for rank in RANKS},
    **{f"adaptive_avg_pool{rank}d": adaptive_pool(rank) for rank in RANKS},
    **{f"adaptive_max_pool{rank}d": adaptive_pool(rank, indices=False) for rank in RANKS},
    **{
        f"adaptive_max_pool{rank}d_with_indices": adaptive_pool(rank, indices=True)
        for rank in RANKS
    },
    **{f"fractional_max_pool{rank}d": fractional_max_pool(rank, indices=False) for rank in (2, 3)},
    **{
        f"fractional_max_pool{rank}d_with_indices": fractional_max_pool(rank, indices=True)
        for rank in (2, 3)
    },
}
