"""What a kernel is given, from tensors, weights and a tiling; what does not fit is refused.

It launches nothing.
"""

from __future__ import annotations

from contextvars import ContextVar
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import torch

from costlab.bench.kernels.interpreted import interpreting
from costlab.bench.kernels.tilings import SMALLEST
from costlab.bench.kernels.weights import misfit, step_of
from costlab.bench.seams import ArmError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from torch import Tensor

    from costlab.bench.kernels.tilings import Tiling
    from costlab.bench.kernels.weights import Weights
    from costlab.bench.kernels.work import Shape

OUTPUTS = 4
"""Outputs that one launch writes to, at most."""
POISONED: ContextVar[bool] = ContextVar("poisoned", default=False)
"""Whether scratch is filled with NaN first: what an earlier launch left there may be the right
values, so that nobody would see who reads them too soon."""
GROUP = 8
"""Tiles of positions that share their filters before the next ones run."""


def checked(x: Tensor, weights: Weights, outputs: Sequence[Tensor]) -> Shape:
    """The convolution, if input and outputs are of its shape.

    What is out of bounds would be written to some other tensor.

    Raises:
        ArmError: they are not, or the kernels do not take them.
    """
    shape = accepted(x, weights)
    filters = sum(int(output.shape[1]) for output in outputs)
    if filters != weights.filters:
        raise ArmError(f"a convolution of {weights.filters} filters writes to {filters} channels")
    if not 1 <= len(outputs) <= OUTPUTS:
        raise ArmError(f"one launch writes to 1 to {OUTPUTS} outputs, not to {len(outputs)}")
    for output in outputs:
        if (output.shape[0], *output.shape[2:]) != (shape.images, *shape.out):
            raise ArmError(f"an output is {tuple(output.shape)}, on a grid of {shape.out}")
        refuse_alias(x, output)
    return shape


def accepted(x: Tensor, weights: Weights) -> Shape:
    """The convolution of an input, if it is one of these weights.

    Raises:
        ArmError: it is not.
    """
    if x.shape[1] != weights.channels:
        raise ArmError(f"a convolution of {weights.channels} channels is given {x.shape[1]}")
    why = misfit(x, weights)
    if why:
        raise ArmError(f"no kernel of our own takes a convolution: {why}")
    return weights.shape(x.shape)


def refuse_alias(x: Tensor, y: Tensor) -> None:
    """Refuses an output that lies where the input does; they may be slices of one tensor.

    Some programs would read what others have written already.

    Raises:
        ArmError: it does.
    """
    if x.is_meta or x.untyped_storage().data_ptr() != y.untyped_storage().data_ptr():
        return
    step, begin, other = position_step(x), x.storage_offset(), y.storage_offset()
    if begin + _extent(x) <= other or other + _extent(y) <= begin:
        return
    # Of positions that follow one another alike, channels of the one may lie beside the other's.
    beside = x.shape[1] <= (other - begin) % step <= step - y.shape[1]
    if step != position_step(y) or not beside:
        raise ArmError("a convolution would write over what it reads")


def _extent(x: Tensor) -> int:
    """Elements from the first to behind the last."""
    positions = int(x.shape[0] * x.shape[2] * x.shape[3])
    return (positions - 1) * position_step(x) + int(x.shape[1])


def refuse_misfit(y: Tensor, shape: Shape) -> None:
    """Refuses an output of another shape than a convolution writes.

    Raises:
        ArmError: it is.
    """
    expected = (shape.images, shape.filters, *shape.out)
    if tuple(y.shape) != expected:
        raise ArmError(f"an output is {tuple(y.shape)}, and should be {expected}")


def position_step(x: Tensor) -> int:
    """Elements from one position to the next.

    Raises:
        ArmError: the layout is another than channels last.
    """
    step = step_of(x)
    if step is None:
        raise ArmError("the kernels read and write channels last (NHWC) only")
    return step


def bias_of(weights: Weights) -> Tensor:
    """The bias; where there is none, a tensor that is not read."""
    return weights.packed if weights.bias is None else weights.bias


def layer_of(weights: Weights) -> tuple[int, ...]:
    """Sizes of a layer, as the kernels have them (`LAYER` of `device.tiles`)."""
    return (
        weights.channels,
        weights.filters,
        *weights.kernel,
        *weights.stride,
        *weights.padding[:2],
    )


def finish_of(weights: Weights) -> tuple[bool, bool]:
    """Whether a bias is added, and ReLU applied (`FINISH`)."""
    return weights.bias is not None, weights.relu


def blocks_of(tiling: Tiling) -> tuple[int, int, int]:
    """The sides of a tile (`BLOCKS`)."""
    return tiling.block_m, tiling.block_f, tiling.block_k


def dealt(outputs: Sequence[Tensor]) -> tuple[list[Any], tuple[int, ...]]:
    """Outputs and the steps of their positions, filled up to `OUTPUTS`; and where filters end.

    An output that is not there has no filters: all end where those of the last one do.
    """
    missing = OUTPUTS - len(outputs)
    ends = list(accumulate(int(output.shape[1]) for output in outputs))
    ends += [ends[-1]] * missing
    steps = [position_step(output) for output in outputs]
    positional = [*outputs, *[outputs[0]] * missing, *steps, *[steps[0]] * missing]
    return positional, tuple(ends)


def current(x: Tensor) -> AbstractContextManager[None]:
    """Within it a tensor's device is the current one, on which Triton launches; a CPU is none."""
    found: AbstractContextManager[None] = torch.cuda.device_of(x)  # type: ignore[no-untyped-call]  # torch leaves it untyped
    return found


def scratch(size: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Memory that kernels write before they read it, as it was left, or full of NaN."""
    made = torch.empty(size, dtype=dtype, device=device)
    return made.fill_(torch.nan) if POISONED.get() else made


def arithmetic(*, packed: bool = False) -> tuple[bool, str, bool]:
    """How products are formed (`ARITHMETIC`): float32 as TF32, but in the interpreter."""
    return packed, "tf32", interpreting()


def packs(weights: Weights) -> bool:
    """Whether taps and channels are one axis of the sum: a step would be mostly zeros else."""
    return weights.channels < SMALLEST


def options_of(tiling: Tiling, *, pdl: bool = False) -> dict[str, Any]:
    """What the compiler and the launch are told."""
    options: dict[str, Any] = {"num_warps": tiling.warps, "num_stages": tiling.stages}
    if pdl and not interpreting():
        options["launch_pdl"] = True
    return options


def tiles_of(size: int, block: int) -> int:
    """Tiles of this side that cover a size."""
    return -(-size // block)
