"""The kernels, launched on tensors: what each is given, and how many programs run.

It knows no module, and does not choose tilings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from costlab.bench.kernels.device.convolutions import conv_and_pool, conv_bn_relu, side_by_side
from costlab.bench.kernels.device.pairs import between_in_cache, between_in_shared
from costlab.bench.kernels.interpreted import interpreting
from costlab.bench.kernels.tuning import SMALLEST, power_of_two
from costlab.bench.kernels.weights import step_of
from costlab.bench.kernels.work import Lines
from costlab.bench.seams import ArmError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from costlab.bench.kernels.tuning import Tiling
    from costlab.bench.kernels.weights import Weights
    from costlab.bench.kernels.work import Shape

OUTPUTS = 4
"""Outputs that one launch writes to, at most."""
GROUP = 8
"""Tiles of positions that share their filters before the next ones run."""
PER_PROCESSOR = 2
"""Programs that are meant to be on a processor at once, so that one computes while one waits."""
INTERPRETED_PROGRAMS = 2
"""In the interpreter, two programs take turns: each has several tiles, and a scratch of its own."""


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
    shape = _checked(x, weights, outputs)
    ends: list[int] = []
    for output in outputs:
        ends.append((ends[-1] if ends else 0) + int(output.shape[1]))
    steps = [_step(output) for output in outputs]
    missing = OUTPUTS - len(outputs)
    ends += [shape.filters] * missing
    tiles = _tiles(shape.positions, tiling.block_m) * _tiles(shape.filters, tiling.block_f)
    conv_bn_relu[(tiles,)](
        x,
        weights.packed,
        _bias(weights),
        *outputs,
        *[outputs[0]] * missing,
        *steps,
        *[steps[0]] * missing,
        shape.positions,
        *shape.grid,
        _step(x),
        *shape.out,
        **_layer(weights),
        BIAS=weights.bias is not None,
        RELU=weights.relu,
        E0=ends[0],
        E1=ends[1],
        E2=ends[2],
        **_blocks(tiling),
        **_arithmetic(),
        PACKED=weights.channels < SMALLEST,
        GROUP=GROUP,
        PDL=pdl and not interpreting(),
        **_launch(tiling, pdl=pdl),
    )


def convolve_both(
    x: Tensor, first: Weights, second: Weights, outputs: tuple[Tensor, Tensor], tiling: Tiling
) -> None:
    """Two convolutions of one input that keep its grid, in one launch."""
    a, b = (_checked(x, one, (y,)) for one, y in zip((first, second), outputs, strict=True))
    if not a.out == b.out == a.grid or first.relu != second.relu:
        raise ArmError("two convolutions side by side keep the grid, and both end in ReLU or none")
    if (first.bias is None) != (second.bias is None):
        raise ArmError("of two convolutions side by side both have a bias or none")
    across = _tiles(a.filters, tiling.block_f) + _tiles(b.filters, tiling.block_f)
    side_by_side[(_tiles(a.positions, tiling.block_m) * across,)](
        x,
        first.packed,
        _bias(first),
        outputs[0],
        _step(outputs[0]),
        second.packed,
        _bias(second),
        outputs[1],
        _step(outputs[1]),
        a.positions,
        *a.grid,
        _step(x),
        C=first.channels,
        **_side(first, "A"),
        **_side(second, "B"),
        BIAS=first.bias is not None,
        RELU=first.relu,
        **_blocks(tiling),
        **_arithmetic(),
        PACKED=first.channels < SMALLEST,
        GROUP=GROUP,
        **_launch(tiling),
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
    shape = _checked(x, weights, (y,))
    if pool_y.shape[2:] != y.shape[2:] or pool_y.shape[:2] != pooled.shape[:2]:
        raise ArmError("a convolution and a pooling in one launch write the same grid")
    channels = int(pooled.shape[1])
    tiles = _tiles(shape.filters, tiling.block_f) + _tiles(channels, tiling.block_f)
    conv_and_pool[(_tiles(shape.positions, tiling.block_m) * tiles,)](
        x,
        weights.packed,
        _bias(weights),
        y,
        _step(y),
        shape.positions,
        *shape.grid,
        _step(x),
        *shape.out,
        pooled,
        pool_y,
        _step(pool_y),
        int(pooled.shape[2]),
        int(pooled.shape[3]),
        _step(pooled),
        **_layer(weights),
        POOL_C=channels,
        PATCH=pooling.patch,
        POOL_STRIDE=pooling.stride,
        POOL_PAD=pooling.padding,
        BIAS=weights.bias is not None,
        RELU=weights.relu,
        **_blocks(tiling),
        **_arithmetic(),
        PACKED=weights.channels < SMALLEST,
        GROUP=GROUP,
        **_launch(tiling),
    )


def convolve_in_series(
    x: Tensor, first: Weights, second: Weights, y: Tensor, tiling: Tiling
) -> None:
    """Two convolutions, what is between them kept on chip: in the cache, or in shared memory.

    Raises:
        ArmError: see `refusal_in_series`.
    """
    a = first.shape(x.shape)
    between = (x.shape[0], first.filters, *a.out)
    b = second.shape(between)
    why = refusal_in_series(a, b)
    if why:
        raise ArmError(why)
    _fits(y, b)
    pair = Lines(a, b, tiling.lines)
    layers: dict[str, Any] = {
        "C": first.channels,
        "MID": first.filters,
        "F": second.filters,
        "KH1": first.kernel[0],
        "KW1": first.kernel[1],
        "TOP1": first.padding[0],
        "LEFT1": first.padding[1],
        "ROWWISE": pair.rowwise,
        "LINES": tiling.lines,
        "BIAS": True,
        "RELU1": first.relu,
        "RELU2": second.relu,
    }
    operands = (x, first.packed, _some_bias(first), second.packed, _some_bias(second), y, _step(y))
    sizes = (*a.grid, _step(x), *b.out)
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
            **_blocks(tiling),
            **_arithmetic(),
            **_launch(tiling),
        )
        return
    programs = min(pair.tiles, _programs(x.device))
    scratch = torch.empty(programs * pair.held * first.filters, dtype=x.dtype, device=x.device)
    between_in_cache[(programs,)](
        *operands,
        scratch,
        b.images,
        programs,
        *sizes,
        TURNS=_tiles(pair.tiles, programs),
        **layers,
        KH2=second.kernel[0],
        KW2=second.kernel[1],
        TOP2=second.padding[0],
        LEFT2=second.padding[1],
        **_blocks(tiling),
        **_arithmetic(),
        **_launch(tiling),
    )


def refusal_in_series(first: Shape, second: Shape) -> str:
    """Why two convolutions are not one kernel; empty if they are."""
    if first.stride != (1, 1) or second.stride != (1, 1):
        return "a convolution in series is strided"
    if second.out != second.grid:
        return "the second convolution does not keep its grid"
    return ""


def _checked(x: Tensor, weights: Weights, outputs: Sequence[Tensor]) -> Shape:
    """The convolution, if input and outputs are of its shape.

    What is out of bounds would be written to some other tensor.
    """
    shape = weights.shape(x.shape)
    filters = sum(int(output.shape[1]) for output in outputs)
    if x.shape[1] != weights.channels or filters != weights.filters:
        message = (
            f"a convolution of {weights.channels} channels to {weights.filters} is given "
            f"{x.shape[1]} and {filters}"
        )
        raise ArmError(message)
    if not 1 <= len(outputs) <= OUTPUTS:
        raise ArmError(f"one launch writes to 1 to {OUTPUTS} outputs, not to {len(outputs)}")
    for output in outputs:
        if (output.shape[0], *output.shape[2:]) != (shape.images, *shape.out):
            raise ArmError(f"an output is {tuple(output.shape)}, on a grid of {shape.out}")
    return shape


def _fits(y: Tensor, shape: Shape) -> None:
    expected = (shape.images, shape.filters, *shape.out)
    if tuple(y.shape) != expected:
        raise ArmError(f"an output is {tuple(y.shape)}, and should be {expected}")


def _step(x: Tensor) -> int:
    step = step_of(x)
    if step is None:
        raise ArmError("the kernels read and write channels last (NHWC) only")
    return step


def _bias(weights: Weights) -> Tensor:
    """The bias; where there is none, a tensor that is not read."""
    return weights.packed if weights.bias is None else weights.bias


def _some_bias(weights: Weights) -> Tensor:
    """The bias, zeros where there is none."""
    if weights.bias is not None:
        return weights.bias
    return torch.zeros(weights.filters, device=weights.packed.device)


def _layer(weights: Weights) -> dict[str, int]:
    return {
        "C": weights.channels,
        "F": weights.filters,
        "KH": weights.kernel[0],
        "KW": weights.kernel[1],
        "SH": weights.stride[0],
        "SW": weights.stride[1],
        "TOP": weights.padding[0],
        "LEFT": weights.padding[1],
    }


def _side(weights: Weights, name: str) -> dict[str, int]:
    layer = _layer(weights)
    return {f"{key}_{name}": layer[key] for key in ("F", "KH", "KW", "TOP", "LEFT")}


def _blocks(tiling: Tiling) -> dict[str, int]:
    return {
        "BLOCK_M": tiling.block_m,
        "BLOCK_F": tiling.block_f,
        "BLOCK_K": tiling.block_k,
    }


def _arithmetic() -> dict[str, Any]:
    return {"PRECISION": "tf32", "WIDE": interpreting()}


def _launch(tiling: Tiling, *, pdl: bool = False) -> dict[str, Any]:
    options: dict[str, Any] = {"num_warps": tiling.warps, "num_stages": tiling.stages}
    if pdl and not interpreting():
        options["launch_pdl"] = True
    return options


def _tiles(size: int, block: int) -> int:
    return -(-size // block)


def _programs(device: torch.device) -> int:
    """Programs that take turns at the tiles of two convolutions in series."""
    if device.type != "cuda":
        return INTERPRETED_PROGRAMS
    processors: int = torch.cuda.get_device_properties(device).multi_processor_count
    return PER_PROCESSOR * processors
