"""What a forward asks of a tensor's history is answered on shapes as torch would answer it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

import costlab
from tests.tracing.networks import Calls


class Asks(nn.Module):
    """A second layer, if what the first one made is as asked for."""

    def __init__(self, question: Any) -> None:
        super().__init__()
        self.first, self.second, self.question = nn.Linear(6, 6), nn.Linear(6, 6), question

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The second layer's result, or the first one's."""
        y: torch.Tensor = self.first(x)
        return self.second(y) if self.question(x, y) else y


def _within_no_grad(_: torch.Tensor, y: torch.Tensor) -> bool:
    with torch.no_grad():
        return (y * 2).requires_grad


def _hooked(_: torch.Tensor, y: torch.Tensor) -> bool:
    if not y.requires_grad:
        return False
    y.register_hook(lambda gradient: gradient).remove()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    y.retain_grad()
    return y.requires_grad


QUESTIONS = {
    "requires_grad": lambda _, y: y.requires_grad,
    "is_leaf": lambda _, y: not y.is_leaf,
    "grad_fn": lambda _, y: y.grad_fn is not None,
    "of an input": lambda x, _: x.requires_grad,
    "of a leaf": lambda x, _: x.is_leaf,
    "detached": lambda _, y: y.detach().requires_grad,
    "of integers": lambda _, y: y.argmax(1).requires_grad,
    "of a view": lambda _, y: y.view(-1)[:3].requires_grad,
    "in no_grad": _within_no_grad,
    "hooks": _hooked,
}


@pytest.mark.parametrize("mode", ["eval", "train"])
@pytest.mark.parametrize("name", QUESTIONS)
def test_the_forward_takes_the_branch_that_torch_takes(name: str, mode: str) -> None:
    """On shapes as on real tensors, where gradients are on in training alone."""
    model = Asks(QUESTIONS[name])
    with torch.set_grad_enabled(mode == "train"):
        taken = bool(QUESTIONS[name](torch.zeros(2, 6), model.first(torch.zeros(2, 6))))
    report = costlab.analyze(model, "f32[2,6]", mode=mode)
    assert report.total.macs == (1 + taken) * 2 * 6 * 6


def test_a_region_that_is_computed_anew_only_where_gradients_are() -> None:
    """A checkpoint that a forward makes if an activation wants a gradient is kept account of."""

    def forward(m: Any, x: torch.Tensor) -> Any:
        y = x @ m.weight
        if y.requires_grad:
            return checkpoint(lambda z: (z @ m.weight).exp() @ m.weight, y, use_reentrant=False)
        return y

    told = costlab.analyze(Calls(forward), "f32[2,8]", mode="train", on="meta").training
    real = costlab.analyze(Calls(forward), "f32[2,8]", mode="train", on="real").training
    assert told is not None
    assert told == real
