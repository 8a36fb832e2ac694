"""What an operation returns, made from its rule's effect: tensors on meta.

Does not know which operation was called, but for the names of tuples that torch returns.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from costlab.ops import SAME
from costlab.tracing.tensors import dtype_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from costlab.ops import Effect


META = torch.device("meta")
EMPTY: dict[torch.dtype, Callable[..., torch.Tensor]] = {}
"""For each element type, what makes a tensor on meta from its sizes."""


def empty(shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    """A tensor on meta: `torch.empty`, called in the way that takes torch the least time."""
    if not shape:
        return torch.empty(shape, dtype=dtype, device=META)
    make = EMPTY.get(dtype)
    if make is None:
        make = EMPTY[dtype] = partial(torch.empty, dtype=dtype, device=META)
    return make(*shape)


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
        return empty(effect.shape, dtype)
    each = (kinds,) * len(shapes) if isinstance(kinds, str) else kinds
    made = [empty(shape, dtype_of(kind, tensors)) for shape, kind in zip(shapes, each, strict=True)]
    named = getattr(torch.return_types, name, tuple)
    return named(made)
