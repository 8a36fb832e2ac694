"""Convolutions of our own, in Triton: for what of a module they take, and cuDNN for the rest.

Importing this package imports neither torch nor triton; `build` does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import device, nn

    from costlab.bench.kernels.program import Program

OLDEST = (8, 0)
"""The first compute capability whose matrix units take bf16 and tf32 (Ampere)."""


def unavailable(where: device) -> str:
    """Why the kernels cannot run on a device; empty if they can."""
    from importlib.util import find_spec

    if find_spec("triton") is None:
        return "there are no kernels of our own without triton, which is not installed"
    if where.type != "cuda":
        from costlab.bench.kernels.interpreted import interpreting

        return (
            ""
            if interpreting()
            else "there are no kernels of our own for a CPU; they run on a CUDA device"
        )
    import torch

    capability = torch.cuda.get_device_capability(where)
    if capability < OLDEST:
        return (
            f"kernels of our own need compute capability {OLDEST[0]}.{OLDEST[1]}, and this device "
            f"has {capability[0]}.{capability[1]}"
        )
    return ""


def build(module: nn.Module, *args: Any, **kwargs: Any) -> Program:
    """What runs in a module's place, on arguments of these shapes, types and layouts.

    Raises:
        ArmError: the module is being trained, cannot be traced, or has no convolution that the
            kernels take.
    """
    from costlab.bench.kernels.program import compiled

    return compiled(module, args, kwargs)
