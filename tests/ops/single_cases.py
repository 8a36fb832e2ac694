"""What a single operation is as a case: a module, its inputs, and its multiply-adds by hand.

Knows neither costlab nor which operations there are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Callable

    Built = tuple[nn.Module, tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Case:
    """An operation: how to build a module of it with its inputs, and its multiply-adds."""

    name: str
    build: Callable[[], Built]
    macs: Callable[[], int]

    def __str__(self) -> str:
        """The name, as the test's identifier."""
        return self.name


class Operation(nn.Module):
    """A module whose forward is one function of its inputs."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: torch.Tensor) -> Any:
        """What the function gives."""
        return self.function(*inputs)


class Weighted(Operation):
    """A module whose forward is a function of its one weight and its inputs."""

    def __init__(self, function: Callable[..., Any], *sizes: int) -> None:
        super().__init__(function)
        self.weight = nn.Parameter(torch.ones(sizes))

    def forward(self, *inputs: torch.Tensor) -> Any:
        """What the function gives."""
        return self.function(self.weight, *inputs)


Sizes = tuple[int, ...]


def layer(
    name: str, kind: Callable[[], nn.Module], *shapes: Sizes, macs: Callable[[], int]
) -> Case:
    """A module of torch's own on inputs of these shapes."""
    return Case(name, lambda: (kind(), tuple(torch.ones(shape) for shape in shapes)), macs)


def function(
    name: str, called: Callable[..., Any], *shapes: Sizes, macs: Callable[[], int]
) -> Case:
    """A function of inputs of these shapes."""
    return layer(name, lambda: Operation(called), *shapes, macs=macs)


def weighted(
    name: str, called: Callable[..., Any], weight: Sizes, *shapes: Sizes, macs: Callable[[], int]
) -> Case:
    """A function of a weight of this shape and of inputs of these."""
    return layer(name, lambda: Weighted(called, *weight), *shapes, macs=macs)
