"""Whether what an arm writes is right: against the same module in float64, on fresh inputs.

It knows no arm. The error is ‖out − ref‖ / ‖ref‖ over all outputs together.
"""

from __future__ import annotations

import copy
import gc
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch.utils import _pytree as pytree

from costlab.bench.inputs import tensors_of
from costlab.bench.precision import applied, flags_of
from costlab.bench.seams import ArmError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

    from costlab.bench.example import Example
    from costlab.bench.mixed import Mixed
    from costlab.bench.study import Precision

# The most that one rounding to nearest changes a number, by the bits of its significand.
UNIT_ROUNDOFF = {"tf32": 2.0**-11, "fp16": 2.0**-11, "bf16": 2.0**-8}
# A layer rounds its output (and tf32 its input) once; roundings are independent, so that the error
# of 256 layers in series is that of √256 roundings. A wrong result is off by about 1.
LAYERS_ROOT = 16
# float32 is not limited by its roundoff of 2⁻²⁴, but by sums of thousands of products and, where
# it is used, Winograd's transform (Lavin and Gray 2015, arXiv:1509.09308). tf32 loses more than
# this in a single convolution (some 2⁻¹¹ / √3), so that it does not pass in place of float32.
FP32_TOLERANCE = 1e-4
# A training step may be off by more, see `judge`: by so many times what eager's is.
ALLOWED = 4
# A tensor of which eager itself is off by more is decided by rounding, not by the arm.
CHAOTIC = 0.1
# Which then must still be of the right size, within this factor.
SIZE = 4


class Judged(NamedTuple):
    """A relative error, and how large it might have been."""

    error: float
    tolerance: float


def tolerance_of(precision: Precision) -> float:
    """The largest relative error that passes.

    >>> tolerance_of("bf16"), tolerance_of("tf32"), tolerance_of("fp32")
    (0.0625, 0.0078125, 0.0001)
    """
    return UNIT_ROUNDOFF[precision] * LAYERS_ROOT if precision != "fp32" else FP32_TOLERANCE


def poison(outputs: Sequence[Tensor]) -> bool:
    """Fills outputs with NaN, and as much free memory; whether there was any to fill.

    What an arm then gives must have been written: an output that it keeps still has the NaN, and
    one that it allocates anew gets, where memory is reused, a block that has.
    """
    filled = [tensor for tensor in outputs if tensor.is_floating_point()]
    with torch.no_grad():
        for tensor in filled:
            tensor.fill_(torch.nan)
        scribbled = [torch.full_like(tensor, torch.nan) for tensor in filled]
    del scribbled
    return bool(filled)


def oracle(module: nn.Module, example: Example, *, training: bool) -> list[Tensor]:
    """What a copy of the module in float64 gives: its outputs, and its gradients if trained.

    Where there is no room for it on the device, the CPU computes it.
    """
    exact = torch.float64
    # Without trying kernels out: in float64 that takes far longer than what it saves.
    with applied(flags_of("fp32", benchmark=False)):
        try:
            return result_of(module, example, training=training, dtype=exact)
        except torch.OutOfMemoryError:
            gc.collect()
            torch.cuda.empty_cache()
        cpu = torch.device("cpu")
        return result_of(module, example, training=training, dtype=exact, device=cpu)


def result_of(
    module: nn.Module,
    example: Example,
    *,
    training: bool,
    dtype: torch.dtype | None = None,
    device: torch.device | None = None,
    mixed: Mixed | None = None,
) -> list[Tensor]:
    """What a copy of the module gives, in another type or on another device if need be.

    `mixed` is how it is trained, if in mixed precision.
    """

    def moved(leaf: Any) -> Any:
        if not isinstance(leaf, torch.Tensor):
            return leaf
        wanted = dtype if leaf.is_floating_point() else None
        there = leaf.to(device=device or leaf.device, dtype=wanted or leaf.dtype)
        # A copy, since a module may write to its input; and cuDNN has no kernels in float64 for
        # channels last.
        return there.clone(
            memory_format=torch.contiguous_format if dtype else torch.preserve_format
        )

    twin = copy.deepcopy(module)
    twin.zero_grad(set_to_none=True)
    twin = twin.to(device=device, dtype=dtype)
    if dtype:
        for tensor in (*twin.parameters(), *twin.buffers()):
            tensor.data = tensor.data.contiguous()
    args, kwargs = pytree.tree_map(moved, example)
    if not training:
        with torch.no_grad():
            return [tensor.clone() for tensor in tensors_of(twin(*args, **kwargs))]
    with mixed.forward() if mixed else nullcontext():
        outputs = tensors_of(twin(*args, **kwargs))
        loss = mixed.scaled(loss_of(outputs)) if mixed else loss_of(outputs)
    loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    if mixed:
        mixed.unscale(gradients(twin))
    kept = [tensor.detach() for tensor in outputs]
    return [*kept, *gradients(twin)]


def loss_of(outputs: Sequence[Tensor]) -> Tensor:
    """A loss of all outputs: the mean of their squares, added up, in no less than float32."""
    wide = [
        tensor.float() if tensor.dtype.itemsize < torch.float32.itemsize else tensor
        for tensor in outputs
        if tensor.is_floating_point()
    ]
    return torch.stack([tensor.square().mean() for tensor in wide]).sum()


def gradients(module: nn.Module) -> list[Tensor]:
    """The gradients of the parameters that have one."""
    return [p.grad for p in module.parameters() if p.grad is not None]


def judge(
    outputs: Sequence[Tensor],
    reference: Sequence[Tensor],
    tolerance: float,
    plain: Sequence[Tensor] | None = None,
) -> Judged:
    """‖out − ref‖ / ‖ref‖ over all tensors together, which is within the tolerance.

    `plain` is what eager gives in the same precision, for a training step. Batch normalization by
    the batch's own statistics makes gradients grow with depth, and their errors with them (Yang et
    al. 2019, arXiv:1902.08129): then an error of four times eager's passes. Where eager itself is
    off by a tenth, rounding alone decides, and of such a tensor only the size is checked.

    Raises:
        ArmError: there are other tensors than in the reference, some element was not written, or
            the error is over the tolerance.
    """
    shapes = [tuple(tensor.shape) for tensor in outputs]
    expected = [tuple(tensor.shape) for tensor in reference]
    if shapes != expected:
        message = f"the outputs are {shapes}, and should be {expected}"
        raise ArmError(message)
    for tensor in outputs:
        _refuse_unwritten(tensor)
    firm = list(range(len(reference)))
    if plain is not None:
        firm = [index for index in firm if _error([plain[index]], [reference[index]]) <= CHAOTIC]
        for index in set(range(len(reference))).difference(firm):
            _check_size(outputs[index], reference[index])
        own = _error([plain[index] for index in firm], [reference[index] for index in firm])
        tolerance = max(tolerance, ALLOWED * own)
    error = _error([outputs[index] for index in firm], [reference[index] for index in firm])
    if not error <= tolerance:
        message = (
            f"the outputs are wrong: relative error {error:.2g} against float64, and at most "
            f"{tolerance:.2g} may be rounding"
        )
        raise ArmError(message)
    return Judged(error, tolerance)


def refuse_random(
    first: Sequence[Tensor], second: Sequence[Tensor], tolerance: float, wrong: ArmError
) -> None:
    """Refuses a model whose two runs in float64, on the same input, differ; else does nothing.

    `wrong` is what was to be said of the arm.

    Raises:
        ArmError: they differ by more than the tolerance, or are of other shapes.
    """
    if [tensor.shape for tensor in first] == [tensor.shape for tensor in second]:
        # What is no number in both is the same.
        finite = [[torch.nan_to_num(tensor) for tensor in one] for one in (first, second)]
        error = _error(finite[1], finite[0])
        if error <= tolerance:
            return
        by = f"by {error:.2g}, relative"
    else:
        by = "in their shapes"
    message = (
        f"two runs on the same input differ {by}: the model is not deterministic, so that no arm "
        "can be checked; leave out of its forward what it draws at random, such as torch.rand, or "
        "dropout that is not turned off in eval mode (F.dropout needs training=self.training)"
    )
    raise ArmError(message) from wrong


def _refuse_unwritten(tensor: Tensor) -> None:
    missing = int((~torch.isfinite(tensor)).sum())
    if missing:
        message = (
            f"{missing:,} of {tensor.numel():,} elements of an output were not written, or are no "
            "finite numbers"
        )
        raise ArmError(message)


def _check_size(out: Tensor, ref: Tensor) -> None:
    size, expected = float(out.double().norm()), float(ref.norm())
    if not expected / SIZE <= size <= expected * SIZE:
        message = f"a gradient is of size {size:.2g}, and should be of size {expected:.2g}"
        raise ArmError(message)


def _error(outputs: Sequence[Tensor], reference: Sequence[Tensor]) -> float:
    difference = total = 0.0
    for out, ref in zip(outputs, reference, strict=True):
        wide = out.detach().to(device=ref.device, dtype=torch.float64)
        difference += float((wide - ref).square().sum())
        total += float(ref.square().sum())
    return (difference / total) ** 0.5 if total else float(difference > 0)
