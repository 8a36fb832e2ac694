"""The arms: ways to run the same module, each with what it takes to be ready.

It knows neither inputs, nor how anything is timed.
"""

from __future__ import annotations

import gc
import os
import shutil
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeVar

import torch

from costlab.bench.fused import fuse
from costlab.bench.seams import ArmError
from costlab.errors import CostlabError

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

    from costlab.bench.study import Arm
    from costlab.bench.subjects import Example

Made = TypeVar("Made")

KERNELS = "costlab.bench.kernels"
COMPILERS = ("g++", "clang++", "c++")
# A forward is compiled anew for each module that shares its code; torch would run the ninth in
# eager and say so in a log only.
RECOMPILED = 1 << 16
NO_ROOM = ("can't allocate memory", "not enough memory", "out of memory")
TOLD = 300


def unavailable(arm: Arm, device: torch.device) -> str:
    """Why an arm cannot run on a device; empty if it can."""
    cuda = device.type == "cuda"
    if arm in {"graph", "cudnn-fused"}:
        return "" if cuda else f"{arm} runs on a CUDA device only"
    if arm == "compile-autotune" and not cuda:
        return "on a CPU, compile has no kernels to choose among"
    if arm == "ours":
        return "" if cuda and find_spec(KERNELS) else "there are no kernels of our own here"
    if arm.startswith("compile"):
        if cuda:
            return "" if find_spec("triton") else "compile needs triton, which is not installed"
        compilers = (os.environ.get("CXX") or "", *COMPILERS)
        if not any(name and shutil.which(name) for name in compilers):
            return "compile needs a C++ compiler (g++), and none is on the path"
    return ""


def function_of(arm: Arm, module: nn.Module, example: Example) -> Callable[..., Any]:
    """What runs the module in an arm; a graph captures what eager runs.

    What compiles, does so when it is first called.

    Raises:
        ArmError: the arm cannot express the module.
    """
    if arm in {"eager", "graph"}:
        return module
    if arm == "cudnn-fused":
        return fuse(module)
    if arm == "ours":
        # A function of a module and its arguments, which gives one to call in the module's place.
        build: Callable[..., Callable[..., Any]] = import_module(KERNELS).build
        args, kwargs = example
        return build(module, *args, **kwargs)
    import torch._dynamo.config as dynamo  # takes a second

    # A limit of the process, and every module here is compiled on purpose.
    dynamo.recompile_limit = dynamo.accumulated_recompile_limit = RECOMPILED
    mode = "max-autotune" if arm == "compile-autotune" else None
    compiled: Callable[..., Any] = torch.compile(module, dynamic=False, mode=mode)
    return compiled


def begin_of(arm: Arm) -> Callable[[], None] | None:
    """What must run before each call of an arm; None for nothing."""
    if arm == "compile-autotune":  # its CUDA graphs write over the result of the call before
        return torch.compiler.cudagraph_mark_step_begin
    return None


def attempted(what: str, make: Callable[[], Made]) -> Made:
    """What a function makes; whatever it raises is told as an ArmError, and holds no memory.

    Raises:
        ArmError: it failed; the message says how, and whether there was no room.
    """
    try:
        return make()
    except CostlabError:
        raise
    except Exception as error:  # noqa: BLE001 - a compiler, a kernel or a user's model raises anything
        message = told(what, error)
    # Here the error is gone, and with it the frames that held tensors.
    free()
    raise ArmError(message)


def told(what: str, error: Exception) -> str:
    """An error in one line.

    >>> told("eager", RuntimeError("CUDA out of memory. Tried to allocate 2 TiB."))
    'eager does not fit in memory: CUDA out of memory. Tried to allocate 2 TiB.'
    """
    lines = str(error).strip().splitlines() or [""]
    first = lines[0].strip()[:TOLD]
    if isinstance(error, torch.OutOfMemoryError | MemoryError) or any(
        sign in str(error).lower() for sign in NO_ROOM
    ):
        return f"{what} does not fit in memory: {first}"
    return f"{what} failed: {type(error).__name__}: {first}"


def free() -> None:
    """Gives back memory that nothing holds any more."""
    gc.collect()
    if torch.cuda.is_available() and torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.empty_cache()
