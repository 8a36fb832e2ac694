"""Convolutions of one, two and three dimensions, plain and transposed.

Does not know bias adds: they are not MACs, but one element-wise operation an output element.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod

from costlab.ops.dtypes import is_kind, name_of
from costlab.ops.rule import Effect, Rule, Shape, Shaped, per_axis, require

Sizes = int | tuple[int, ...] | list[int]


def convolution(rank: int) -> Rule:
    """The rule of a convolution over `rank` axes.

    Equation: y[n,o,*s] = Σ w[o,c,*k] · x[n,g·c,*(s·stride + k·dilation)]
    →  MACs = n · o · ∏s · (c/groups) · ∏k; products with padding are counted as they are made.

    Shapes: input (n, c, *in) or (c, *in), weight (o, c/groups, *k), output (n, o, *s).
    """

    def conv(
        input: Shaped,
        weight: Shaped,
        bias: Shaped | None = None,
        stride: Sizes = 1,
        padding: Sizes | str = 0,
        dilation: Sizes = 1,
        groups: int = 1,
    ) -> Effect:
        lead, channels, spatial = _split(tuple(input.shape), rank)
        out_channels, group_channels, *widths = weight.shape
        kernel = tuple(widths)
        require(len(kernel) == rank and weight.dtype == input.dtype)
        require(groups > 0 and channels == group_channels * groups and out_channels % groups == 0)
        if bias is not None:
            require(tuple(bias.shape) == (out_channels,) and bias.dtype == input.dtype)
        strides, dilations = per_axis(stride, rank), per_axis(dilation, rank)
        pads = padding if isinstance(padding, str) else per_axis(padding, rank)
        # Of integers, the kernel that spreads its window takes int64 alone.
        require(is_kind(input, "fc" if max(dilations) > 1 else "ifc") or _is_long(input))
        # Whole numbers alone have a whole sum: 1.0 must not be taken for the 1 that is known.
        require(type(sum((*strides, *dilations, *(() if isinstance(pads, str) else pads)))) is int)
        sizes = _sizes(spatial, kernel, strides, pads, dilations)
        shape = (*lead, out_channels, *sizes)
        elements = prod(shape)
        return Effect(
            shape,
            macs=elements * group_channels * prod(kernel),
            flops=elements if bias is not None else 0,
            attributes={
                "kernel": kernel,
                "stride": strides,
                "padding": padding,
                "dilation": dilations,
                "groups": groups,
                "channels": (channels, out_channels),
                "grid": spatial,
            },
        )

    return conv


def transposed_convolution(rank: int) -> Rule:
    """The rule of a transposed convolution over `rank` axes.

    Equation: y[n,o,*(s·stride + k·dilation)] += w[c,o,*k] · x[n,c,*s]
    →  MACs = n · c · ∏in · (o/groups) · ∏k: each *input* element meets the whole kernel, so a
    stride makes the output larger and the work no more.

    Shapes: input (n, c, *in) or (c, *in), weight (c, o/groups, *k), output (n, o, *s).
    """

    def conv_transpose(
        input: Shaped,
        weight: Shaped,
        bias: Shaped | None = None,
        stride: Sizes = 1,
        padding: Sizes = 0,
        output_padding: Sizes = 0,
        groups: int = 1,
        dilation: Sizes = 1,
    ) -> Effect:
        lead, channels, spatial = _split(tuple(input.shape), rank)
        in_channels, group_channels, *kernel = weight.shape
        require(len(kernel) == rank and channels == in_channels and groups > 0)
        require(channels % groups == 0)
        out_channels = group_channels * groups
        require(weight.dtype == input.dtype and (is_kind(input, "fc") or _is_long(input)))
        if bias is not None:
            require(tuple(bias.shape) == (out_channels,) and bias.dtype == input.dtype)
        strides, dilations = per_axis(stride, rank), per_axis(dilation, rank)
        extras = per_axis(output_padding, rank)
        require(all(e < s or e < d for e, s, d in zip(extras, strides, dilations, strict=True)))
        sizes = tuple(
            (size - 1) * step - 2 * pad + spread * (width - 1) + extra + 1
            for size, pad, width, step, spread, extra in zip(
                spatial, per_axis(padding, rank), kernel, strides, dilations, extras, strict=True
            )
        )
        require(all(size > 0 for size in (*sizes, *spatial)))
        shape = (*lead, out_channels, *sizes)
        return Effect(
            shape,
            macs=prod(input.shape) * group_channels * prod(kernel),
            flops=prod(shape) if bias is not None else 0,
            attributes={
                "kernel": tuple(kernel),
                "stride": strides,
                "padding": padding,
                "dilation": dilations,
                "groups": groups,
                "channels": (channels, out_channels),
                "grid": spatial,
                "transposed": True,
            },
        )

    return conv_transpose


def _is_long(input: Shaped) -> bool:
    return name_of(input.dtype) == "int64"


def _split(shape: Shape, rank: int) -> tuple[Shape, int, Shape]:
    """Batch (empty if unbatched), channels and spatial sizes."""
    require(rank + 1 <= len(shape) <= rank + 2)
    return shape[: -rank - 1], shape[-rank - 1], shape[-rank:]


@lru_cache(maxsize=4096)  # networks repeat their layers, and this rule runs for each of them
def _sizes(
    spatial: Shape, kernel: Shape, strides: Shape, padding: Shape | str, dilations: Shape
) -> Shape:
    """The spatial sizes of the output: ⌊(in + pads − dilation·(k − 1) − 1) / stride⌋ + 1."""
    require(min(spatial) > 0 and min(strides) > 0 and min(dilations) > 0)
    if padding == "valid":
        padding = (0,) * len(kernel)
    if isinstance(padding, str):
        require(padding == "same" and max(strides) == 1)
        pads = [d * (k - 1) for d, k in zip(dilations, kernel, strict=True)]
    else:
        require(min(padding) >= 0)
        pads = [2 * pad for pad in padding]
    sizes = tuple(
        (size + pad - spread * (width - 1) - 1) // step + 1
        for size, pad, width, step, spread in zip(
            spatial, pads, kernel, strides, dilations, strict=True
        )
    )
    require(min(sizes) > 0)
    return sizes


RULES: dict[str, Rule] = {
    **{f"conv{rank}d": convolution(rank) for rank in (1, 2, 3)},
    **{f"conv_transpose{rank}d": transposed_convolution(rank) for rank in (1, 2, 3)},
}
