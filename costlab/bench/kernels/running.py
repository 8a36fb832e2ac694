"""The kernels of one convolution, and of two things in one launch, launched on tensors.

It knows no module, and does not choose tilings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from costlab.bench.kernels.arguments import (
    GROUP,
    arithmetic,
    bias_of,
    blocks_of,
    checked,
    dealt,
    finish_of,
    layer_of,
    options_of,
    packs,
    position_step,
    refuse_alias,
    tiles_of,
)
from costlab.bench.kernels.device.conv_and_pool import conv_and_pool
from costlab.bench.kernels.device.convolutions import conv_bn_relu, side_by_side
from costlab.bench.kernels.in_parts import convolve_in_parts
from costlab.bench.kernels.interpreted import interpreting
from costlab.bench.seams import ArmError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from costlab.bench.kernels.tilings import Tiling
    from costlab.bench.kernels.weights import Weights


class Pooling(NamedTuple):
    """A max pooling with a square patch."""

    patch: int
    stride: int
    padding: int


def convolve(
    x: Tensor, weights: Weights, outputs: Sequence[Tensor], tiling: Tiling, *, pdl: bool = False
) -> None:
    """A convolution with bias and ReLU, its filters dealt to the outputs in order.

    An output is channels last, or a slice of the channels of one.
    """
    if tiling.parts > 1:
        convolve_in_parts(x, weights, outputs, tiling, pdl=pdl)
        return
    shape = checked(x, weights, outputs)
    written, ends = dealt(outputs)
    tiles = tiles_of(shape.positions, tiling.block_m) * tiles_of(shape.filters, tiling.block_f)
    conv_bn_relu[(tiles,)](
        x,
        weights.packed,
        bias_of(weights),
        *written,
        shape.positions,
        *shape.grid,
        position_step(x),
        *shape.out,
        LAYER=layer_of(weights),
        FINISH=finish_of(weights),
        ENDS=ends,
        BLOCKS=blocks_of(tiling),
        ARITHMETIC=arithmetic(packed=packs(weights)),
        GROUP=GROUP,
        PDL=pdl and not interpreting(),
        **options_of(tiling, pdl=pdl),
    )


def convolve_both(
    x: Tensor, first: Weights, second: Weights, outputs: tuple[Tensor, Tensor], tiling: Tiling
) -> None:
    """Two convolutions of one input that keep its grid, in one launch; in parts, one after another.

    Raises:
        ArmError: their grids, biases or ReLUs differ.
    """
    a, b = (checked(x, one, (y,)) for one, y in zip((first, second), outputs, strict=True))
    if not a.out == b.out == a.grid or first.relu != second.relu:
        raise ArmError("two convolutions side by side keep the grid, and both end in ReLU or none")
    if (first.bias is None) != (second.bias is None):
        raise ArmError("of two convolutions side by side both have a bias or none")
    if tiling.parts > 1:
        convolve_in_parts(x, first, (outputs[0],), tiling)
        convolve_in_parts(x, second, (outputs[1],), tiling)
        return
    across = tiles_of(a.filters, tiling.block_f) + tiles_of(b.filters, tiling.block_f)
    side_by_side[(tiles_of(a.positions, tiling.block_m) * across,)](
        x,
        first.packed,
        bias_of(first),
        outputs[0],
        position_step(outputs[0]),
        second.packed,
        bias_of(second),
        outputs[1],
        position_step(outputs[1]),
        a.positions,
        *a.grid,
        position_step(x),
        LAYER_A=layer_of(first),
        LAYER_B=layer_of(second),
        FINISH=finish_of(first),
        BLOCKS=blocks_of(tiling),
        ARITHMETIC=arithmetic(packed=packs(first)),
        GROUP=GROUP,
        **options_of(tiling),
    )


def convolve_and_pool(
    x: Tensor,
    weights: Weights,
    y: Tensor,
    pooled: Tensor,
    pooling: Pooling,
    pool_y: Tensor,
    tiling: Tiling,
) -> None:
    """A convolution of one tensor and a max pooling of the same or another, in one launch."""
    shape = checked(x, weights, (y,))
    if pool_y.shape[2:] != y.shape[2:] or pool_y.shape[:2] != pooled.shape[:2]:
        raise ArmError("a convolution and a pooling in one launch write the same grid")
    if pooled.shape[0] != shape.images:
        raise ArmError(f"{shape.images} images are convolved, and {pooled.shape[0]} pooled")
    for read, written in ((pooled, pool_y), (pooled, y), (x, pool_y)):
        refuse_alias(read, written)
    channels = int(pooled.shape[1])
    tiles = tiles_of(shape.filters, tiling.block_f) + tiles_of(channels, tiling.block_f)
    conv_and_pool[(tiles_of(shape.positions, tiling.block_m) * tiles,)](
        x,
        weights.packed,
        bias_of(weights),
        y,
        position_step(y),
        shape.positions,
        *shape.grid,
        position_step(x),
        *shape.out,
        pooled,
        pool_y,
        position_step(pool_y),
        int(pooled.shape[2]),
        int(pooled.shape[3]),
        position_step(pooled),
        LAYER=layer_of(weights),
        POOL_C=channels,
        PATCH=pooling.patch,
        POOL_STRIDE=pooling.stride,
        POOL_PAD=pooling.padding,
        FINISH=finish_of(weights),
        BLOCKS=blocks_of(tiling),
        ARITHMETIC=arithmetic(packed=packs(weights)),
        GROUP=GROUP,
        **options_of(tiling),
    )
