"""Small networks that the tests of the tracer share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

import costlab

if TYPE_CHECKING:
    from collections.abc import Callable


class Calls(nn.Module):
    """A module whose forward is a function of it and its inputs; it has one 8×8 weight."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function
        self.weight = nn.Parameter(torch.randn(8, 8))

    def forward(self, *inputs: Any, **named: Any) -> Any:
        """What the function gives."""
        return self.function(self, *inputs, **named)


class Tied(nn.Module):
    """An embedding whose weight is also that of the output layer: 50 × 8 parameters, once."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(50, 8)
        self.output = nn.Linear(8, 50, bias=False)
        self.output.weight = self.embedding.weight

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Logits for each token."""
        logits: torch.Tensor = self.output(self.embedding(tokens))
        return logits


class Shared(nn.Module):
    """One linear layer, called once by `first` and twice by `second`."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.Linear(8, 8)
        self.first = nn.Sequential(layer)
        self.second = nn.Sequential(layer, layer)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The layer, three times over."""
        return self.second(self.first(x))  # type: ignore[no-any-return]  # a module's call is untyped


def macs(model: nn.Module, inputs: Any, **options: Any) -> int:
    """The MACs of a model of which nothing is unknown."""
    report = costlab.analyze(model, inputs, **options)
    assert report.coverage.unknown == ()
    return report.total.macs
