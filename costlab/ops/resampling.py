"""Resampling: images resized, shuffled, cut into patches and sampled at points.

Interpolation costs one operation a tap and axis, moving elements nothing. Does not know how a
kernel splits the axes.
"""

from __future__ import annotations

from math import ceil, floor, prod
from typing import TYPE_CHECKING

from costlab.ops.dtypes import REAL, is_kind, real
from costlab.ops.pooling_to_size import covered_by_windows
from costlab.ops.rule import Effect, Rule, Shape, Shaped, once_or_each, per_axis, require

if TYPE_CHECKING:
    from collections.abc import Sequence

Sizes = int | tuple[int, ...] | list[int]

TAPS = {
    "nearest": 0,
    "nearest-exact": 0,
    "linear": 2,
    "bilinear": 2,
    "trilinear": 2,
    "bicubic": 4,
    "area": 0,
}
"""Input elements along an axis that meet in an output element; 0 where one is only moved."""

RANKS = {
    "nearest": (1, 2, 3),
    "nearest-exact": (1, 2, 3),
    "linear": (1,),
    "bilinear": (2,),
    "trilinear": (3,),
    "bicubic": (2,),
    "area": (1, 2, 3),
}
"""The numbers of spatial axes that a mode is for."""


def interpolate(
    input: Shaped,
    size: Sizes | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Effect:
    """y[…,*s] = Σ_k weight(k) · x[…,*(s·in/out + k)]: taps · axes operations an output element.

    `nearest` moves elements; `area` is the adaptive average pooling. With `antialias`, an axis
    that shrinks has as many more taps as it shrinks.

    Shapes: input (n, c, *in), output (n, c, *out).
    """
    shape = tuple(input.shape)
    spatial = shape[2:]
    require(mode in RANKS and len(spatial) in RANKS[mode] and is_kind(input, REAL))
    require(min(shape) > 0)
    if mode in {"nearest", "nearest-exact", "area"}:
        require(align_corners is None)
    require(not antialias or mode in {"bilinear", "bicubic"})
    sizes = _sizes(spatial, size, scale_factor)
    require(recompute_scale_factor is not True or scale_factor is not None)
    if mode == "area":
        flops = prod(shape[:2]) * prod(map(covered_by_windows, spatial, sizes))
    else:
        taps = TAPS[mode] * len(sizes)
        if antialias:
            taps = sum(
                ceil(TAPS[mode] * max(old / new, 1))
                for old, new in zip(spatial, sizes, strict=True)
            )
        flops = taps * prod(shape[:2]) * prod(sizes)
    return Effect((*shape[:2], *sizes), flops=flops, attributes={"mode": mode})


def _sizes(
    spatial: Shape, size: Sizes | None, scale_factor: float | Sequence[float] | None
) -> Shape:
    require((size is None) != (scale_factor is None))
    if size is not None:
        require(isinstance(size, int) or len(size) == len(spatial))
        sizes = per_axis(size, len(spatial))
    else:
        factors = (
            (scale_factor,) * len(spatial)
            if isinstance(scale_factor, int | float)
            else tuple(scale_factor or ())
        )
        require(len(factors) == len(spatial))
        sizes = tuple([floor(old * by) for old, by in zip(spatial, factors, strict=True)])
    require(all(type(new) is int and new > 0 for new in sizes))
    return sizes


def grid_sample(
    input: Shaped,
    grid: Shaped,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Effect:
    """y[n,c,*s] = x at the point grid[n,*s]: one operation a tap, 2 or 4 taps an axis.

    Shapes: input (n, c, *in), grid (n, *out, axes), output (n, c, *out).
    """
    del align_corners
    shape, points = tuple(input.shape), tuple(grid.shape)
    axes = len(shape) - 2
    require(axes in {2, 3} and len(points) == len(shape) and real(input, grid))
    require(points[0] == shape[0] and points[-1] == axes and min(shape[1:]) > 0)
    require(mode in {"nearest", "bilinear", "bicubic"} and (mode != "bicubic" or axes == 2))
    require(padding_mode in {"zeros", "border", "reflection"})
    out = (*shape[:2], *points[1:-1])
    taps = {"nearest": 0, "bilinear": 2**axes, "bicubic": 4**axes}[mode]
    return Effect(out, flops=taps * prod(out), attributes={"mode": mode})


def pixel_shuffle(input: Shaped, upscale_factor: int) -> Effect:
    """y[…,c,h·r+i,w·r+j] = x[…,c·r²+i·r+j,h,w]: channels to pixels."""
    *lead, channels, height, width = input.shape
    r = upscale_factor
    require(r > 0 and channels % (r * r) == 0)
    return Effect((*lead, channels // (r * r), height * r, width * r))


def pixel_unshuffle(input: Shaped, downscale_factor: int) -> Effect:
    """The inverse of `pixel_shuffle`: pixels to channels."""
    *lead, channels, height, width = input.shape
    r = downscale_factor
    require(r > 0 and prod(input.shape) > 0 and height % r == 0 and width % r == 0)
    return Effect((*lead, channels * r * r, height // r, width // r))


def channel_shuffle(input: Shaped, groups: int) -> Effect:
    """Channels of all groups interleaved. Source: Zhang et al. 2018, §3.1."""
    require(len(input.shape) > 2 and groups > 0 and input.shape[1] % groups == 0)
    return Effect(tuple(input.shape))


def patches(spatial: Shape, kernel: Shape, dilations: Shape, pads: Shape, strides: Shape) -> Shape:
    """The number of patches along each of two axes."""
    sizes = []
    for size, width, spread, pad, step in zip(
        spatial, kernel, dilations, pads, strides, strict=True
    ):
        require(min(width, spread, step) > 0 and pad >= 0)
        sizes.append((size + 2 * pad - spread * (width - 1) - 1) // step + 1)
    require(min(sizes) > 0)
    return tuple(sizes)


def unfold(
    input: Shaped,
    kernel_size: Sizes,
    dilation: Sizes = 1,
    padding: Sizes = 0,
    stride: Sizes = 1,
) -> Effect:
    """Each patch as a column (im2col).

    Shapes: input (n, c, h, w) or (c, h, w), output (n, c·∏k, patches) or without n.
    """
    *lead, channels, height, width = input.shape
    require(len(lead) < 2 and min(channels, height, width) > 0 and is_kind(input, REAL))
    kernel = once_or_each(kernel_size, 2)
    counts = patches(
        (height, width),
        kernel,
        once_or_each(dilation, 2),
        once_or_each(padding, 2),
        once_or_each(stride, 2),
    )
    return Effect((*lead, channels * prod(kernel), prod(counts)))


def fold(
    input: Shaped,
    output_size: Sizes,
    kernel_size: Sizes,
    dilation: Sizes = 1,
    padding: Sizes = 0,
    stride: Sizes = 1,
) -> Effect:
    """Columns added up where their patches overlap (col2im): one add an input element.

    Shapes: input (n, c·∏k, patches) or without n, output (n, c, *output_size) or without n.
    """
    *lead, rows, columns = input.shape
    sizes, kernel = once_or_each(output_size, 2), once_or_each(kernel_size, 2)
    counts = patches(
        sizes, kernel, once_or_each(dilation, 2), once_or_each(padding, 2), once_or_each(stride, 2)
    )
    require(len(lead) < 2 and is_kind(input, REAL) and prod(input.shape) > 0)
    require(rows % prod(kernel) == 0 and columns == prod(counts))
    return Effect((*lead, rows // prod(kernel), *sizes), flops=prod(input.shape))


RULES: dict[str, Rule] = {
    "interpolate": interpolate,
    "grid_sample": grid_sample,
    "pixel_shuffle": pixel_shuffle,
    "pixel_unshuffle": pixel_unshuffle,
    "channel_shuffle": channel_shuffle,
    "unfold": unfold,
    "fold": fold,
}
