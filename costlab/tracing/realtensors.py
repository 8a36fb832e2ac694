"""The inputs of a forward that runs on real tensors: copies of the caller's, or made from specs.

Does not know what the forward does with them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from costlab.tracing.tensors import map_tensors

FILLED = (
    "inputs given as specs were filled: floating-point ones with normal random numbers of a fixed "
    "seed, all others with zeros"
)
SEED = 0


class Filling:
    """Real arguments for arguments on meta, of the same structure."""

    def __init__(self, device: torch.device) -> None:
        """For a forward whose tensors are on that device."""
        self.device = device
        self.filled = False
        self._random = torch.Generator().manual_seed(SEED)

    def call(
        self, inputs: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments, given what the caller said and the same on meta."""
        if isinstance(inputs, Mapping):
            return (), {key: self.real(inputs[key], value) for key, value in kwargs.items()}
        said = list(inputs) if isinstance(inputs, tuple | list) else [inputs]
        # Positional inputs come first, and named ones in the order in which they are given.
        positional = [self.real(value, made) for value, made in zip(said, args, strict=False)]
        named = zip(said[len(args) :], kwargs.items(), strict=True)
        return tuple(positional), {key: self.real(value, made) for value, (key, made) in named}

    def real(self, said: Any, made: Any) -> Any:
        """What a value is on real tensors: a copy of what the caller gave, or made anew."""
        if isinstance(said, str):
            return map_tensors(self.fill, made)
        if isinstance(said, tuple | list):
            items = [self.real(one, other) for one, other in zip(said, made, strict=True)]
            return type(said)(*items) if hasattr(said, "_fields") else type(said)(items)
        if isinstance(said, Mapping):
            return {key: self.real(value, made[key]) for key, value in said.items()}
        return map_tensors(self.copy, said)

    def copy(self, tensor: torch.Tensor) -> torch.Tensor:
        """A copy of the caller's tensor; one on meta has nothing to copy and is filled."""
        return self.fill(tensor) if tensor.is_meta else tensor.detach().clone()

    def fill(self, tensor: torch.Tensor) -> torch.Tensor:
        """A tensor of this shape and type with values."""
        self.filled = True
        if not tensor.is_floating_point():
            return torch.zeros(tensor.shape, dtype=tensor.dtype, device=self.device)
        values = torch.randn(tensor.shape, generator=self._random)
        return values.to(self.device, tensor.dtype)
