"""What a kernel is given, from tensors, weights and a tiling; what does not fit is refused.

It launches nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from costlab.bench.kernels.interpreted import interpreting
from costlab.bench.kernels.weights import step_of
from costlab.bench.seams import ArmError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from costlab.bench.kernels.tilings import Tiling
    from costlab.bench.kernels.weights import Weights
    from costlab.bench.kernels.work import Shape

OUTPUTS = 4
"""Outputs that one launch writes to, at most."""


def checked(x: Tensor, weights: Weights, outputs: Sequence[Tensor]) -> Shape:
    """The convolution, if input and outputs are of its shape.

    What is out of bounds would be written to some other tensor.

    Raises:
        ArmError: they are not.
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


def layer_of(weights: Weights) -> dict[str, int]:
    """Sizes of a layer, as the kernels call them."""
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


def side_of(weights: Weights, name: str) -> dict[str, int]:
    """The same of one of two layers, by its name."""
    found = layer_of(weights)
    return {f"{key}_{name}": found[key] for key in ("F", "KH", "KW", "TOP", "LEFT")}


def blocks_of(tiling: Tiling) -> dict[str, int]:
    """The sides of a tile."""
    return {
        "BLOCK_M": tiling.block_m,
        "BLOCK_F": tiling.block_f,
        "BLOCK_K": tiling.block_k,
    }


def arithmetic() -> dict[str, Any]:
    """How products are formed: float32 as TF32, but in the interpreter."""
    return {"PRECISION": "tf32", "WIDE": interpreting()}


def options_of(tiling: Tiling, *, pdl: bool = False) -> dict[str, Any]:
    """What the compiler and the launch are told."""
    options: dict[str, Any] = {"num_warps": tiling.warps, "num_stages": tiling.stages}
    if pdl and not interpreting():
        options["launch_pdl"] = True
    return options


def tiles_of(size: int, block: int) -> int:
    """Tiles of this side that cover a size."""
    return -(-size // block)
