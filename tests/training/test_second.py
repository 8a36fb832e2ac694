"""Forwards that differentiate themselves: gradients of gradients are what torch's own are."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.training.layers import hold_against_torch
from tests.training.real import kept_bytes, traced_for_real

if TYPE_CHECKING:
    from collections.abc import Callable


class Weights(nn.Module):
    """Two matrices, and a forward that is a function of them."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.v, self.w = (nn.Parameter(torch.randn(6, 6)) for _ in "vw")
        self.function = function

    def forward(self, x: torch.Tensor) -> Any:
        """The function's result."""
        return self.function(self, x)


def penalized(m: Weights, x: torch.Tensor) -> torch.Tensor:
    """The gradient of a critic's result by its input, squared, beside the result."""
    x = x.clone().requires_grad_()
    y = ((x @ m.w).tanh() @ m.v).sum()
    (gradient,) = torch.autograd.grad(y, x, create_graph=True)
    return (gradient**2).sum() + y


def penalized_in_rows(m: Weights, x: torch.Tensor) -> torch.Tensor:
    """The same of a softmax, of which nothing but its gradient is returned."""
    x = x.clone().requires_grad_()
    y = ((x @ m.w).softmax(-1) @ m.v).sum()
    (gradient,) = torch.autograd.grad(y, x, create_graph=True)
    return (gradient**2).sum()


def adapted(m: Weights, x: torch.Tensor) -> torch.Tensor:
    """A step of descent within the forward, through which the weights are trained."""
    loss = ((x @ m.w).tanh() @ m.v).pow(2).sum()
    (gradient,) = torch.autograd.grad(loss, m.w, create_graph=True)
    return ((x @ (m.w - 0.1 * gradient)).tanh() @ m.v).sum()


def adapted_once(m: Weights, x: torch.Tensor) -> torch.Tensor:
    """The same, where the step is taken as it is."""
    loss = ((x @ m.w).tanh() @ m.v).pow(2).sum()
    (gradient,) = torch.autograd.grad(loss, m.w)
    return ((x @ (m.w - 0.1 * gradient)).tanh() @ m.v).sum()


FORWARDS = {
    "penalized": penalized,
    "penalized in rows": penalized_in_rows,
    "adapted": adapted,
    "adapted once": adapted_once,
}


@pytest.mark.parametrize("name", FORWARDS)
def test_a_forward_with_gradients_costs_what_it_costs_torch(name: str) -> None:
    """Products and bytes, though what an operation kept of its own result is a tensor anew."""
    model = Weights(FORWARDS[name])
    hold_against_torch(traced_for_real(model, torch.randn(2, 6)), model)


ACTIVATIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    **{
        name: getattr(F, name)
        for name in (
            "tanh", "sigmoid", "gelu", "silu", "mish", "softplus", "logsigmoid", "relu",
            "leaky_relu", "hardtanh", "hardswish", "hardsigmoid", "elu", "selu", "glu",
        )
    },
    "exp": torch.exp,
    "softmax": lambda x: x.softmax(-1),
    "log_softmax": lambda x: x.log_softmax(-1),
}  # fmt: skip


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_second_backward_finds_what_the_first_one_kept(name: str) -> None:
    """The gradient of an activation is an operation that keeps something in turn."""

    def forward(m: Weights, x: torch.Tensor) -> torch.Tensor:
        y = ACTIVATIONS[name](x @ m.w)
        (gradient,) = torch.autograd.grad(y, m.w, torch.ones_like(y), create_graph=True)
        return gradient.clone()

    model, x = Weights(forward), torch.randn(2, 6)
    found = traced_for_real(model, x)
    assert found.total.saved_bytes == kept_bytes(copy.deepcopy(model), x)
    assert found.assumed == ()
    assert found.trainable == 6 * 6
