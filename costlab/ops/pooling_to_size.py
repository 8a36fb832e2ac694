"""Pooling to an output of a given size: adaptive windows, and windows at random places.

Does not know where random windows lie; they are of one size.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from costlab.ops.dtypes import name_of
from costlab.ops.pooling import INDICES, RANKS, pooled, split
from costlab.ops.rule import SAME, Effect, Rule, Shaped, numbers, once_or_each, require

if TYPE_CHECKING:
    from collections.abc import Sequence

TAPS = 4
"""Pixels around a point."""
Sizes = int | tuple[int, ...] | list[int]


def adaptive_pool(rank: int, *, indices: bool | None = None) -> Rule:
    """The rule of a pooling to a given size: one operation an element of each window.

    Window i of an axis covers [⌊i·in/out⌋, ⌈(i+1)·in/out⌉): together the input, once, where the
    sizes divide; neighbours overlap where they do not. Maxima come with their places (`indices`)
    or without; means, for which it is None, have none.

    Shapes: input (n, c, *in) or (c, *in), output the same with `output_size`, where None keeps.
    """

    def rule(
        input: Shaped,
        output_size: int | Sequence[int | None],
        return_indices: bool | None = None,
    ) -> Effect:
        # The functional always passes the option; its kernel has none and always returns both.
        both = indices is not None if return_indices is None else return_indices
        require(return_indices is None or return_indices is indices)
        lead, spatial = split(input, rank)
        asked = (output_size,) * rank if isinstance(output_size, int) else tuple(output_size)
        require(len(asked) == rank and (rank > 1 or asked != (None,)))
        sizes = tuple(
            [
                size if wanted is None else wanted
                for size, wanted in zip(spatial, asked, strict=True)
            ]
        )
        require(all(type(size) is int and size > 0 for size in sizes))
        shape = (*lead, *sizes)
        covered = prod(map(covered_by_windows, spatial, sizes))
        return Effect(
            shape,
            flops=prod(lead) * covered,
            dtype=INDICES if both else SAME,
            attributes={"output_size": sizes},
            shapes=(shape, shape) if both else None,
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


def fractional_max_pool(rank: int, *, indices: bool) -> Rule:
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


def roi_align(
    input: Shaped,
    rois: Shaped,
    spatial_scale: float,
    pooled_height: int,
    pooled_width: int,
    sampling_ratio: int,
    aligned: bool,
) -> Effect:
    """A region of an image, averaged over points between its own: 4 taps and a sum a point.

    Where the number of points hangs on the region's size, no count is true.

    Shapes: input (n, c, h, w), rois (r, 5), output (r, c, pooled height, pooled width).
    Source: He et al. 2017, §3.
    """
    del aligned
    numbers(spatial_scale)
    require(len(input.shape) == 4 and tuple(rois.shape[1:]) == (5,))
    require(name_of(input.dtype) == name_of(rois.dtype) and sampling_ratio > 0)
    shape = (rois.shape[0], input.shape[1], pooled_height, pooled_width)
    return Effect(shape, flops=(TAPS + 1) * sampling_ratio**2 * prod(shape))


RULES: dict[str, Rule] = {
    "torchvision::roi_align": roi_align,
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
