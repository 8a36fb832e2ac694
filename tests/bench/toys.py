"""Small models of a user's, for studies of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

if TYPE_CHECKING:
    from torch import Tensor


class Body(nn.Module):
    """Two convolutions that run, and one that never does."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3)
        self.second = nn.Conv2d(4, 4, 3)
        self.spare = nn.Conv2d(4, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        """What the two make of an image."""
        result: Tensor = self.second(self.first(x))
        return result


class Wrapped(nn.Module):
    """A body, and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.body = Body()

    def forward(self, x: Tensor) -> Tensor:
        """What the body makes of an image."""
        result: Tensor = self.body(x)
        return result


def wrapped() -> nn.Module:
    """A body in a wrapper."""
    return Wrapped()
