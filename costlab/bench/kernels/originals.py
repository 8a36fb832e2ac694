"""Whether torch's own layers and functions are still torch's, or what was put in their place.

It knows no kernel. What was put there before costlab was imported is found as well: a function is
torch's if it was written in the module of the class that holds it, whatever it is called now.
"""

from __future__ import annotations

import sys
from types import BuiltinFunctionType, FunctionType
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.modules import module as hooks

METHODS = ("forward", "_conv_forward", "__call__", "_wrapped_call_impl", "_call_impl")
"""What a layer's call goes through, and so may be replaced."""
CALLED = ("conv2d", "batch_norm", "relu", "max_pool2d")
"""The functions that the layers call for which a launch stands."""


def replaced(kind: type[nn.Module]) -> str:
    """The first method of a class of layers that torch did not write; empty if there is none.

    >>> replaced(nn.Conv2d)
    ''
    """
    for name in METHODS:
        holder = next((base for base in kind.__mro__ if name in vars(base)), None)
        if holder is not None and not _written_in(holder, vars(holder)[name]):
            return f"{holder.__name__}.{name}"
    return ""


def changed_for_all() -> str:
    """What is called in the place of every layer's call, or besides; empty if nothing is."""
    method = replaced(nn.Module)
    if method:
        return f"{method} was replaced"
    if hooks._has_any_global_hook():  # type: ignore[no-untyped-call]  # noqa: SLF001 - torch leaves it untyped and has no public name
        return "there are hooks for all modules"
    for name in CALLED:
        if not _function_of_torch(getattr(F, name)):
            return f"torch.nn.functional.{name} was replaced"
    return ""


def _written_in(holder: type, function: Any) -> bool:
    """Whether a function was written in a class; a wrapper may have its name, but not its globals.

    `Module.__call__` is another name of a method of the same class, and the forward of a module
    that has none is a function beside it.
    """
    within = vars(sys.modules[holder.__module__])
    return (
        isinstance(function, FunctionType)
        and function.__globals__ is within
        and function.__qualname__.rpartition(".")[0] in {"", holder.__qualname__}
    )


def _function_of_torch(function: Any) -> bool:
    """Whether a function is compiled, or written in `torch.nn.functional` or what it is made by."""
    if isinstance(function, BuiltinFunctionType):
        return True
    written = getattr(function, "__globals__", None)
    return written is vars(F) or written is vars(torch._jit_internal)  # noqa: SLF001 - what deals calls to one of two functions
