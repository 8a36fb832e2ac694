"""The most memory that a real step of training has alive at once, tensor by tensor.

An oracle: each memory is counted from the kernel that makes it until torch frees it. Does not see
what a kernel needs within itself.
"""

from __future__ import annotations

import weakref
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from tests.training.real import tensors_in


class Live(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch leaves it untyped
    """Watches every memory that a kernel returns."""

    def __init__(self, held: list[torch.Tensor]) -> None:
        """A watch; what the model holds already is not counted."""
        super().__init__()  # type: ignore[no-untyped-call]  # as above
        self.live = self.peak = 0
        self.seen = {_key(tensor) for tensor in held}

    def watch(self, tensor: torch.Tensor) -> None:
        """Counts a memory until it is freed."""
        storage, key = tensor.untyped_storage(), _key(tensor)
        if key in self.seen:
            return
        self.seen.add(key)
        size = storage.nbytes()
        self.live += size
        self.peak = max(self.peak, self.live)
        weakref.finalize(storage, self._freed, key, size)

    def _freed(self, key: int, size: int) -> None:
        self.live -= size
        self.seen.discard(key)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """The kernel's result, watched."""
        made = func(*args, **(kwargs or {}))
        for tensor in tensors_in(made):
            self.watch(tensor)
        return made


def _key(tensor: torch.Tensor) -> int:
    key: int = tensor.untyped_storage()._cdata
    return key


def real_peak(model: torch.nn.Module, x: torch.Tensor) -> int:
    """The most bytes alive in a forward and a backward, weights and buffers not counted.

    torch holds the gradient that a backward starts from until it returns: that is taken off.
    """
    model.train()
    live = Live([*model.parameters(), *model.buffers()])
    with live:
        live.watch(x)
        made = model(x)
        made.backward(torch.ones_like(made))
    handed: int = made.untyped_storage().nbytes()
    return live.peak - handed
