"""The kernels of two convolutions in series, launched on tensors.

It knows no module, and does not choose tilings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from costlab.bench.kernels.arguments import (
    accepted,
    arithmetic,
    bias_of,
    blocks_of,
    finish_of,
    layer_of,
    options_of,
    position_step,
    refuse_alias,
    refuse_misfit,
    scratch,
    tiles_of,
)
from costlab.bench.kernels.device.between_in_cache import between_in_cache
from costlab.bench.kernels.device.between_in_shared import between_in_shared
from costlab.bench.kernels.tilings import PER_PROCESSOR, power_of_two
from costlab.bench.kernels.work import Lines
from costlab.bench.seams import ArmError

if TYPE_CHECKING:
    from torch import Tensor

    from costlab.bench.kernels.tilings import Tiling
    from costlab.bench.kernels.weights import Weights
    from costlab.bench.kernels.work import Shape

INTERPRETED_PROGRAMS = 2
"""In the interpreter, two programs take turns: each has several tiles, and a scratch of its own."""


def convolve_in_series(
    x: Tensor, first: Weights, second: Weights, y: Tensor, tiling: Tiling
) -> None:
    """Two convolutions, what is between them kept on chip: in the cache, or in shared memory.

    Raises:
        ArmError: see `refusal_in_series`; or input and output are not the convolutions'.
    """
    a = accepted(x, first)
    if second.channels != first.filters:
        raise ArmError(f"{second.channels} channels are read of {first.filters} that are written")
    between = (x.shape[0], first.filters, *a.out)
    b = second.shape(between)
    why = refusal_in_series(a, b)
    if why:
        raise ArmError(why)
    refuse_misfit(y, b)
    refuse_alias(x, y)
    pair = Lines(a, b, tiling.lines)
    layers: dict[str, Any] = {
        "LAYER1": layer_of(first),
        "LAYER2": layer_of(second),
        "FINISH1": finish_of(first),
        "FINISH2": finish_of(second),
        "ROWWISE": pair.rowwise,
        "LINES": tiling.lines,
        "BLOCKS": blocks_of(tiling),
        "ARITHMETIC": arithmetic(),
    }
    operands = (
        x,
        first.packed,
        bias_of(first),
        second.packed,
        bias_of(second),
        y,
        position_step(y),
    )
    sizes = (*a.grid, position_step(x), *b.out)
    if tiling.shared:
        if pair.halo or tiling.block_m < pair.held:
            raise ArmError("in shared memory, a tile holds whole lines and has no halo")
        between_in_shared[(pair.tiles,)](
            *operands,
            b.images,
            *sizes,
            **layers,
            TAPS=b.taps,
            BEFORE=second.padding[pair.rowwise],
            BLOCK_MID=power_of_two(first.filters),
            **options_of(tiling),
        )
        return
    programs = min(pair.tiles, _programs(x.device))
    between_all = scratch(programs * pair.held * first.filters, x.dtype, x.device)
    between_in_cache[(programs,)](
        *operands,
        between_all,
        b.images,
        programs,
        *sizes,
        TURNS=tiles_of(pair.tiles, programs),
        **layers,
        **options_of(tiling),
    )


def refusal_in_series(first: Shape, second: Shape) -> str:
    """Why two convolutions are not one kernel; empty if they are."""
    if first.stride != (1, 1) or second.stride != (1, 1):
        return "a convolution in series is strided"
    if second.out != second.grid:
        return "the second convolution does not keep its grid"
    return ""


def _programs(device: torch.device) -> int:
    """Programs that take turns at the tiles of two convolutions in series."""
    if device.type != "cuda":
        return INTERPRETED_PROGRAMS
    processors: int = torch.cuda.get_device_properties(device).multi_processor_count
    return PER_PROCESSOR * processors
