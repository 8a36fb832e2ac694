"""Layers whose forward is a function of them, and what costlab and torch say of a step of them.

Does not know what is expected.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from costlab.tracing import trace
from costlab.training import Training, training_of
from tests.training.real import counted_macs, kept_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from costlab.tracing.fallbacks import Carrier

CARRIERS: tuple[Carrier, ...] = ("meta", "fake", "real")
LAYER = 6 * 6 + 6
"""The parameters of a layer."""


class Layers(nn.Module):
    """Three layers, and a forward that is a function of them."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.a, self.b, self.c = (nn.Linear(6, 6) for _ in "abc")
        self.function = function

    def forward(self, x: torch.Tensor) -> Any:
        """The function's result."""
        return self.function(self, x)

    def inner(self, x: torch.Tensor) -> torch.Tensor:
        """Two layers."""
        made: torch.Tensor = self.b(self.a(x).relu())
        return made


def on(carrier: Carrier, model: nn.Module) -> Training:
    """What costlab says of a step on two rows, run on tensors of one kind."""
    return training_of(trace(model, torch.ones(2, 6), mode="train", on=carrier))


def hold_against_torch(found: Training, model: nn.Module) -> None:
    """The products of FlopCounterMode in a real step, the bytes and the gradients of autograd."""
    x, real = torch.randn(2, 6), copy.deepcopy(model)
    assert found.total.macs == counted_macs(real, x)
    assert found.total.saved_bytes == kept_bytes(copy.deepcopy(model), x)
    assert not found.is_estimate
    assert not found.is_lower_bound
    wanted = [each for each in real.parameters() if each.grad is not None]
    assert found.trainable == sum(each.numel() for each in wanted)
