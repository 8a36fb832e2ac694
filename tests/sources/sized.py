"""Models whose cost follows from the sizes of their inputs: what tests of programs' sizes share."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

DIM = torch.export.Dim
BATCH = DIM("batch", min=3, max=64)


class Loops(nn.Module):
    """A layer for each row, so that an export holds as many as it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The last state."""
        state = torch.zeros(1, 4)
        for row in range(x.shape[0]):
            state = self.layer(state + x[row])
        return state


class Layer(Loops):
    """A layer on all rows at once."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The rows."""
        return torch.as_tensor(self.layer(x))


class Pair(nn.Module):
    """Rows, and those of another input that has at least as many."""

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Their sum."""
        return x + y[: x.shape[0]]


class Quarters(nn.Module):
    """Rows in four parts."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """A part each."""
        return x.reshape(4, x.shape[0] // 4, 4).sum(0)


class Parity(nn.Module):
    """Another way for an odd number of rows, of which an export notes a condition."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Squares where the number is even."""
        return x.square() if x.shape[0] % 2 == 0 else x.sum()[None]


class Nested(nn.Module):
    """Inputs without names of their own, and in a dict."""

    def forward(self, *rows: torch.Tensor, told: dict[str, Any]) -> torch.Tensor:
        """Another way by the sizes of both."""
        if told["by"][0].shape[0] % 2 == 0 and rows[1].shape[0] % 3 == 0:
            return rows[0].square()
        return rows[0]


class Scaled(nn.Module):
    """Values that an export makes part of the program."""

    def forward(self, x: torch.Tensor, times: int = 3, by: float = 2.0) -> torch.Tensor:
        """Added as often as told."""
        for _ in range(times):
            x = x + by
        return x


def rows(*sizes: int) -> tuple[torch.Tensor, ...]:
    """An input of so many rows each."""
    return tuple(torch.zeros(size, 4) for size in sizes)


def outcome(call: Any, kinds: tuple[type[Exception], ...]) -> bool:
    """Whether a call comes to its end."""
    try:
        call()
    except kinds:
        return False
    return True
