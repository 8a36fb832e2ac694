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


def _written_quietly(x: torch.Tensor, y: torch.Tensor) -> bool:
    with torch.no_grad():
        y.mul_(2)
        y[0].zero_()
        plain = torch.zeros(2, 6)
        plain.add_(y)
        y.copy_(x)
    return y.requires_grad and not y.is_leaf and plain.is_leaf and not plain.requires_grad


def _written_within(x: torch.Tensor, y: torch.Tensor) -> bool:
    made = torch.zeros(2, 6)
    part, apart = made[0], made.detach()
    made[1] = y[1]
    return (
        part.requires_grad and not part.is_leaf and not apart.requires_grad and not x.requires_grad
    )


def _made_a_leaf(_: torch.Tensor, y: torch.Tensor) -> bool:
    leaf = y.detach().requires_grad_()
    made = torch.zeros(2, 6, requires_grad=True)
    before = leaf.is_leaf and leaf.requires_grad and made.is_leaf and (leaf + 1).requires_grad
    turned = (made * 1).requires_grad
    leaf.requires_grad_(False)
    return before and turned and not leaf.requires_grad and not (leaf + 1).requires_grad


def _retained(_: torch.Tensor, y: torch.Tensor) -> bool:
    if not y.requires_grad:
        return False
    before = y.retains_grad
    y.retain_grad()
    return y.retains_grad and not before


QUESTIONS = {
    "written to in no_grad": _written_quietly,
    "written to": _written_within,
    "made a leaf": _made_a_leaf,
    "retained": _retained,
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


class Toggled(nn.Module):
    """A frozen layer before another one, which asks after each step what wants a gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(6, 6), nn.Linear(6, 6)
        self.answers: list[list[bool]] = []

    def ask(self, y: torch.Tensor) -> None:
        """Notes what the weights and a tensor answer."""
        asked = (*self.parameters(), y)
        self.answers.append([one.requires_grad for one in asked] + [one.is_leaf for one in asked])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The layers in order, the first one frozen while it is used."""
        self.answers = []
        self.first.requires_grad_(requires_grad=False)
        y = self.first(x)
        self.ask(y)
        self.first.requires_grad_(requires_grad=True)
        self.ask(y)
        made: torch.Tensor = self.second(y)
        self.ask(made)
        self.second.bias.requires_grad = False
        self.ask(made)
        return made


@pytest.mark.parametrize("carrier", ["meta", "fake", "real"])
def test_weights_say_what_the_forward_had_them_want(carrier: Any) -> None:
    """As torch says while it runs, though the caller's weights are never touched."""
    model, real, told = Toggled(), Toggled(), []

    def ask(y: torch.Tensor) -> None:
        Toggled.ask(model, y)
        told.append(model.answers[-1])

    model.ask = ask  # type: ignore[method-assign]  # what the model notes itself is put back
    real(torch.zeros(2, 6))
    costlab.analyze(model, "f32[2,6]", mode="train", on=carrier)
    assert told == real.answers
    assert all(weight.requires_grad for weight in model.parameters())


@pytest.mark.parametrize("carrier", ["meta", "fake", "real"])
def test_a_hook_is_not_left_with_the_callers_weight(carrier: Any) -> None:
    """What a forward hangs on a weight is gone with the trace."""

    def forward(m: Any, x: torch.Tensor) -> Any:
        m.weight.register_hook(lambda gradient: gradient)
        return x @ m.weight

    model = Calls(forward)
    costlab.analyze(model, "f32[2,8]", mode="train", on=carrier)
    assert not model.weight._backward_hooks
