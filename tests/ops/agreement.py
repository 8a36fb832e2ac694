"""Whether a rule says what the real kernel does: the same shapes and types, or nothing at all.

Does not know costs; those are tested against counting loops.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import torch

from costlab.ops import FLOAT, SAME, Declined, Effect, price

if TYPE_CHECKING:
    from collections.abc import Callable

DECLINES = (Declined, TypeError, ValueError, IndexError, AttributeError)
"""What a rule raises on arguments that it leaves to the kernel."""


ERRORS = (RuntimeError, TypeError, ValueError, IndexError, ArithmeticError, AssertionError)
"""What torch raises on arguments that it refuses."""


UNEVEN = ("Half", "BFloat16")
"""Types that some operations lack on the CPU alone, so that its refusal says nothing of a rule."""


def effect_of(name: str, *args: Any, **kwargs: Any) -> Effect | None:
    """What the rule says, None if it declines."""
    try:
        return price(name, *args, **kwargs)
    except DECLINES:
        return None


def agrees(name: str, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> bool:
    """Whether the rule answered, having checked that its answer is the kernel's.

    The rule is asked first, since the kernel may write to its arguments.
    """
    effect = effect_of(name, *args, **kwargs)
    refusal = ""
    made: Any = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns of odd but valid arguments
            made = function(*args, **kwargs)
    except ERRORS as error:
        refusal = f"{type(error).__name__}: {error}"
    if effect is None or any(f"not implemented for '{kind}'" in refusal for kind in UNEVEN):
        return False
    assert not refusal, f"{name}{_told(args, kwargs)}: {effect} where torch has {refusal}"
    real = [made] if isinstance(made, torch.Tensor) else list(made)
    shapes = [effect.shape] if effect.shapes is None else list(effect.shapes)
    kinds = effect.dtype if isinstance(effect.dtype, tuple) else (effect.dtype,) * len(shapes)
    said = [
        (shape, dtype_of(kind, args, kwargs)) for shape, kind in zip(shapes, kinds, strict=True)
    ]
    truth = [(tuple(tensor.shape), tensor.dtype) for tensor in real]
    assert said == truth, f"{name}{_told(args, kwargs)}: {said} where torch has {truth}"
    return True


def dtype_of(policy: str, args: Any, kwargs: Any) -> torch.dtype:
    """The element type that a rule's policy means for these arguments."""
    if policy == SAME:
        return tensors_in([*args, *kwargs.values()])[0].dtype
    if policy == FLOAT:
        return torch.get_default_dtype()
    found: torch.dtype = getattr(torch, policy)
    return found


def tensors_in(values: Any) -> list[torch.Tensor]:
    """The tensors among values and in their lists and tuples, in order."""
    found: list[torch.Tensor] = []
    for value in values:
        if isinstance(value, torch.Tensor):
            found.append(value)
        elif isinstance(value, list | tuple):
            found += tensors_in(value)
    return found


def _told(args: Any, kwargs: Any) -> str:
    def tell(value: Any) -> str:
        if isinstance(value, torch.Tensor):
            return f"{str(value.dtype).removeprefix('torch.')}{list(value.shape)}"
        if isinstance(value, list | tuple):
            return f"[{', '.join(map(tell, value))}]"
        return repr(value)

    named = [f"{key}={tell(value)}" for key, value in kwargs.items()]
    return f"({', '.join([*map(tell, args), *named])})"
