"""A convolution whose sum is cut into parts, launched on tensors: partial sums, and what adds them.

It knows no module, and does not choose tilings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

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
    scratch,
    tiles_of,
)
from costlab.bench.kernels.device.in_parts import added_bn_relu, partial_sums
from costlab.bench.kernels.interpreted import interpreting
from costlab.bench.kernels.tilings import SMALLEST, Tiling, power_of_two
from costlab.bench.kernels.weights import MOST
from costlab.bench.seams import ArmError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from costlab.bench.kernels.weights import Weights

ADDING = 8, 64
"""Positions and filters that a program of the second pass adds and finishes: four of them a thread,
which is 16 bytes of each part."""


def convolve_in_parts(
    x: Tensor, weights: Weights, outputs: Sequence[Tensor], tiling: Tiling, *, pdl: bool = False
) -> None:
    """The same as `convolve` in two launches: partial sums in float32, and what adds and finishes.

    Under `pdl`, the tiling's or the caller's, each starts early and waits within.

    Raises:
        ArmError: input and outputs are not the convolution's, or there are too many partial sums.
    """
    shape = checked(x, weights, outputs)
    if shape.positions * tiling.parts >= MOST:
        raise ArmError(f"{tiling.parts} parts of {shape.positions} positions are not counted")
    written, ends = dealt(outputs)
    early = pdl or tiling.pdl
    waits = early and not interpreting()
    size = tiling.parts * shape.positions * shape.filters
    sums = scratch(size, torch.float32, x.device)
    tiles = tiles_of(shape.positions, tiling.block_m) * tiles_of(shape.filters, tiling.block_f)
    partial_sums[(tiles * tiling.parts,)](
        x,
        weights.packed,
        sums,
        shape.positions,
        *shape.grid,
        position_step(x),
        *shape.out,
        LAYER=layer_of(weights),
        PARTS=tiling.parts,
        BLOCKS=blocks_of(tiling),
        ARITHMETIC=arithmetic(packed=packs(weights)),
        GROUP=GROUP,
        PDL=waits,
        **options_of(tiling, pdl=early),
    )
    wide = min(ADDING[1], power_of_two(shape.filters))
    adding = Tiling(ADDING[0], wide, SMALLEST, stages=1)
    added_bn_relu[(tiles_of(shape.positions, ADDING[0]) * tiles_of(shape.filters, wide),)](
        sums,
        bias_of(weights),
        *written,
        shape.positions,
        F=shape.filters,
        FINISH=finish_of(weights),
        ENDS=ends,
        PARTS=tiling.parts,
        BLOCKS=blocks_of(adding),
        PDL=waits,
        **options_of(adding, pdl=early),
    )
