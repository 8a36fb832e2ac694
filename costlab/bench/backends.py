"""The choice of a device.

It knows no study, and imports torch only when a device is chosen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from costlab.errors import UsageError

if TYPE_CHECKING:
    from costlab.bench.seams import Backend

DEVICES = ("auto", "cpu", "cuda")


def choose(device: str, threads: int | None = None) -> Backend:
    """The backend of a device: "cpu", "cuda", or "auto" for a GPU if there is one.

    `threads` are those of a CPU, for this process; as many as torch has if they are not given.

    Raises:
        UsageError: there is no such device here.
    """
    if device not in DEVICES:
        message = f"there is no device {device!r}; it is one of {', '.join(DEVICES)}"
        raise UsageError(message)
    if device == "cpu" or (device == "auto" and why_no_cuda()):
        from costlab.bench.cpu import Cpu

        return Cpu(threads)
    why = why_no_cuda()
    if why:
        message = f"--device cuda: {why}. Measure with --device cpu, or on a machine with one"
        raise UsageError(message)
    from costlab.bench.cuda import Cuda

    return Cuda()


def why_no_cuda() -> str:
    """Why torch finds no CUDA device; empty if it finds one."""
    import torch

    if torch.cuda.is_available():
        return "" if torch.version.hip is None else "this torch is for AMD's GPUs"
    if torch.version.cuda is None:
        return f"this torch ({torch.__version__}) is built without CUDA"
    return f"torch {torch.__version__} finds no CUDA device"
