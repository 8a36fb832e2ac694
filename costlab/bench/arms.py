"""The arms: ways to run the same module, each with what it takes to be ready.

It knows neither inputs, nor how anything is timed.
"""

from __future__ import annotations

import contextlib
import gc
import os
import re
import shutil
import sys
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeVar

import torch

from costlab.bench.blame import line_of, no_room
from costlab.bench.fused import fuse
from costlab.bench.seams import ArmError, Compiled
from costlab.errors import CostlabError, words_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

    from costlab.bench.example import Example
    from costlab.bench.study import Arm

Made = TypeVar("Made")

KERNELS = "costlab.bench.kernels"
COMPILERS = ("g++", "clang++", "c++")
# A forward is compiled anew for each module that shares its code; torch would run the ninth in
# eager and say so in a log only.
RECOMPILED = 1 << 16
# Loops that are written for a CPU tell the profiler their names; else it does not see them.
NAMED: dict[str, str | int | bool | Callable[..., Any]] = {"cpp.enable_kernel_profile": True}
TOLD = 300
_NUMBERED = re.compile(r"^\d+/\d+: ")


@dataclass(frozen=True, slots=True)
class Way:
    """How an arm makes something to call of a module, and why it cannot on a device, "" if it can.

    `copied` is whether what it makes has weights of its own, and is copied with them.
    """

    make: Callable[[nn.Module, Example], Callable[..., Any]]
    lacks: Callable[[torch.device], str]
    copied: bool = False


def unavailable(arm: Arm, device: torch.device) -> str:
    """Why an arm cannot run on a device; empty if it can."""
    return WAYS[arm].lacks(device)


def function_of(arm: Arm, module: nn.Module, example: Example) -> Callable[..., Any]:
    """What runs the module in an arm; a graph captures what eager runs.

    What compiles, does so when it is first called.

    Raises:
        ArmError: the arm cannot express the module.
    """
    return WAYS[arm].make(module, example)


def elsewhere(function: Callable[..., Any]) -> tuple[str, ...]:
    """The layers that an arm left to others, each with why; what it made tells by `declined`.

    >>> def whole(x): ...
    >>> whole.declined = ("conv3: 5 groups", "fc: no kernel for it")
    >>> elsewhere(whole), elsewhere(print)
    (('conv3: 5 groups', 'fc: no kernel for it'), ())
    """
    return tuple(map(str, getattr(function, "declined", ())))


def tuned(function: Callable[..., Any]) -> str:
    """What an arm's own tuning tried of each launch and took; "" if it does none, or none here."""
    return str(getattr(function, "tuned", ""))


def _as_it_is(module: nn.Module, example: Example) -> Callable[..., Any]:
    del example
    return module


def _fused(module: nn.Module, example: Example) -> Callable[..., Any]:
    del example
    return fuse(module)


def _compiled(mode: str | None) -> Callable[[nn.Module, Example], Callable[..., Any]]:
    def make(module: nn.Module, example: Example) -> Callable[..., Any]:
        del example
        import torch._dynamo.config as dynamo  # takes a second

        # A limit of the process, and every module here is compiled on purpose.
        dynamo.recompile_limit = dynamo.accumulated_recompile_limit = RECOMPILED
        compiled: Callable[..., Any] = torch.compile(
            module, dynamic=False, mode=mode, options=None if mode else NAMED
        )
        return compiled

    return make


def _of_ours(module: nn.Module, example: Example) -> Callable[..., Any]:
    # A function of a module and its arguments, which gives one to call in the module's place.
    build: Callable[..., Callable[..., Any]] = import_module(KERNELS).build
    args, kwargs = example
    return build(module, *args, **kwargs)


def _of_blocks(module: nn.Module, example: Example) -> Callable[..., Any]:
    build: Callable[..., Callable[..., Any]] = import_module(f"{KERNELS}.inception").recordable
    args, kwargs = example
    return build(module, *args, **kwargs)


def _nothing(device: torch.device) -> str:
    del device
    return ""


def _cuda(arm: Arm) -> Callable[[torch.device], str]:
    return lambda device: "" if device.type == "cuda" else f"{arm} runs on a CUDA device only"


def _compiler(device: torch.device) -> str:
    if device.type == "cuda":
        return "" if find_spec("triton") else "compile needs triton, which is not installed"
    compilers = (os.environ.get("CXX") or "", *COMPILERS)
    if not any(name and shutil.which(name) for name in compilers):
        return "compile needs a C++ compiler (g++), and none is on the path"
    return ""


def _choices(device: torch.device) -> str:
    if device.type != "cuda":
        return "on a CPU, compile has no kernels to choose among"
    return _compiler(device)


def _graph_of_choices(device: torch.device) -> str:
    return _cuda("autotune-graph")(device) or _choices(device)


def _kernels(device: torch.device) -> str:
    why: str = import_module(KERNELS).unavailable(device)
    return why


WAYS: dict[Arm, Way] = {
    "eager": Way(_as_it_is, _nothing),
    "graph": Way(_as_it_is, _cuda("graph")),
    "compile": Way(_compiled(None), _compiler),
    # Not `max-autotune`: its own graphs first copy every input to one place, which then is warm.
    "compile-autotune": Way(_compiled("max-autotune-no-cudagraphs"), _choices),
    # What its own graphs would give, on inputs that rotate: the bench records it.
    "autotune-graph": Way(_compiled("max-autotune-no-cudagraphs"), _graph_of_choices),
    "cudnn-fused": Way(_fused, _cuda("cudnn-fused"), copied=True),
    "ours": Way(_of_ours, _kernels),
    "best-blocks": Way(_of_blocks, _kernels),
}
"""Every arm. What one makes may tell in `declined` which layers it leaves to others."""
COMPILING = frozenset({"compile", "compile-autotune", "autotune-graph"})
COPIED = frozenset(arm for arm, way in WAYS.items() if way.copied)
"""Arms whose function is a module that holds all of its weights, so that copies of it do as well
as what is made of copies of the model, and in less time."""


def graphs_compiled() -> Compiled:
    """How many graphs torch's compiler has made of Python code in this process, why the latest."""
    dynamo = sys.modules.get("torch._dynamo.utils")
    if dynamo is None:  # nothing was compiled: the compiler is not even loaded
        return Compiled()
    times = int(dynamo.counters["stats"]["unique_graphs"])  # its own tests count by it
    reasons = (found.recompile_reason for found in reversed(dynamo.get_compilation_metrics()))
    lines = next(filter(None, reasons), "").strip().splitlines()
    return Compiled(times, guard_of(lines[0]) if lines else "")


def guard_of(reason: str) -> str:
    """What a recompilation was for, without its number and the code that stands behind it.

    >>> guard_of("0/6: self.n == 7         # self.n += 1  # net.py:31 in forward (HINT: ...)")
    'self.n == 7'
    """
    return _NUMBERED.sub("", reason.partition("#")[0].strip())[:TOLD]


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

    >>> told("eager", MemoryError())
    'eager: it does not fit in memory; a smaller --batch takes less'
    """
    if room := no_room(error):
        return f"{what}: {room}"
    lines = words_of(error).strip().splitlines() or [""]
    first = lines[0].strip()[:TOLD]
    return f"{what} failed{line_of(error)}: {type(error).__name__}: {first}"


def free() -> None:
    """Gives back memory that nothing holds any more."""
    gc.collect()
    if torch.cuda.is_available() and torch.cuda.is_initialized():  # type: ignore[no-untyped-call]  # torch leaves it untyped
        with contextlib.suppress(RuntimeError):  # of a device that an error has made unusable
            torch.cuda.empty_cache()
