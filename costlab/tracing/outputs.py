"""What an operation returns, made from its rule's effect: tensors on meta.

Does not know which operation was called, but for the names of tuples that torch returns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from costlab.ops import SAME
from costlab.tracing.tensors import dtype_of

if TYPE_CHECKING:
    from costlab.ops import Effect


META = torch.device("meta")


def fits(effect: Effect, tensors: list[torch.Tensor]) -> bool:
    """Whether the result of an operation can be written into its first operand."""
    target = tensors[0]
    if effect.shape != target.shape or effect.shapes is not None:
        return False
    return torch.can_cast(dtype_of(str(effect.dtype), tensors), target.dtype)


def allocate(name: str, effect: Effect, tensors: list[torch.Tensor]) -> Any:
    """The outputs of an effect, on meta; several in the tuple that the operation returns."""
    shapes, kinds = effect.shapes, effect.dtype
    if shapes is None:
        dtype = tensors[0].dtype if kinds == SAME and tensors else dtype_of(str(kinds), tensors)
        return torch.empty(effect.shape, dtype=dtype, device=META)
    each = (kinds,) * len(shapes) if isinstance(kinds, str) else kinds
    made = [
        torch.empty(shape, dtype=dtype_of(kind, tensors), device=META)
        for shape, kind in zip(shapes, each, strict=True)
    ]
    named = getattr(torch.return_types, name, tuple)
    return named(made)
