"""Optimizers: what they compute and keep, against those of torch."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import costlab
from costlab.errors import UsageError
from costlab.graph import TensorSpec
from costlab.training import updates
from costlab.training.optimizers import operations, optimizer_named, state_bytes
from costlab.training.updates import OPTIMIZERS

RMS = {"lr": updates.LR, "alpha": updates.ALPHA, "eps": updates.EPS}
ADAM = {"lr": updates.LR, "betas": (updates.BETA1, updates.BETA2), "eps": updates.EPS}
ADAMW = {**ADAM, "weight_decay": updates.WEIGHT_DECAY}
TORCH: dict[str, tuple[Any, dict[str, Any]]] = {
    "sgd": (torch.optim.SGD, {"lr": updates.LR}),
    "sgd-momentum": (torch.optim.SGD, {"lr": updates.LR, "momentum": updates.MOMENTUM}),
    "rmsprop": (torch.optim.RMSprop, RMS),
    "rmsprop-momentum": (torch.optim.RMSprop, {**RMS, "momentum": updates.MOMENTUM}),
    "rmsprop-centered": (torch.optim.RMSprop, {**RMS, "centered": True}),
    "rmsprop-centered-momentum": (
        torch.optim.RMSprop, {**RMS, "centered": True, "momentum": updates.MOMENTUM},
    ),
    "adam": (torch.optim.Adam, ADAM),
    "adam-amsgrad": (torch.optim.Adam, {**ADAM, "amsgrad": True}),
    "adamw": (torch.optim.AdamW, ADAMW),
    "adamw-amsgrad": (torch.optim.AdamW, {**ADAMW, "amsgrad": True}),
}  # fmt: skip


def test_all_optimizers_are_compared() -> None:
    """Each that costlab knows has its like in torch."""
    assert TORCH.keys() == OPTIMIZERS.keys()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_update_is_that_of_torch(name: str) -> None:
    """What is counted computes: five steps give torch's weights and torch's state."""
    kind, options = TORCH[name]
    weight = nn.Parameter(torch.tensor([0.5, -1.25], dtype=torch.float64))
    theirs = kind([weight], **options)
    ours = weight.detach().tolist()
    optimizer = OPTIMIZERS[name]
    states = [dict(optimizer.state) for _ in ours]
    for step in range(1, 6):
        weight.grad = torch.tensor([0.3 / step, -0.7 * step], dtype=torch.float64)
        for at, gradient in enumerate(weight.grad.tolist()):
            ours[at] = optimizer.update(ours[at], gradient, states[at], step)
        theirs.step()
        assert ours == pytest.approx(weight.tolist(), rel=1e-9)
    kept = theirs.state[weight]
    for entry in optimizer.state:
        assert [state[entry] for state in states] == pytest.approx(kept[entry].tolist(), rel=1e-9)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_state_is_that_of_torch(name: str) -> None:
    """After one step torch keeps just these bytes, of used parameters that want a gradient."""
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 4, 3), nn.BatchNorm2d(4))
    model[0].requires_grad_(False)
    model.register_parameter("unused", nn.Parameter(torch.zeros(7)))
    kind, options = TORCH[name]
    theirs = kind(model.parameters(), **options)
    x = torch.randn(2, 3, 8, 8)
    model(x).sum().backward()
    theirs.step()
    tensors = [
        value
        for kept in theirs.state.values()
        for value in kept.values()
        if isinstance(value, torch.Tensor)
    ]
    found = costlab.analyze(model, x, mode="train", optimizer=name).training
    assert found is not None
    assert found.memory.optimizer_state_bytes == sum(
        tensor.numel() * tensor.element_size() for tensor in tensors
    )
    gradients = [each.grad for each in model.parameters() if each.grad is not None]
    assert found.trainable == sum(gradient.numel() for gradient in gradients)
    assert found.memory.gradient_bytes == 4 * found.trainable
    assert found.optimizer_flops == operations(name) * found.trainable


def test_operations_by_hand() -> None:
    """SGD multiplies and subtracts; momentum multiplies and adds besides."""
    assert operations("sgd") == 2
    assert operations("sgd-momentum") == 2 + 2
    # 3 of the first moment, 4 of the second; a root, a scale, ε, a division; a step and its sum.
    assert operations("adam") == 3 + 4 + 4 + 2
    assert operations("adamw") == operations("adam") + 1
    assert operations("adam-amsgrad") == operations("adam") + 1


def test_an_unknown_optimizer_is_refused() -> None:
    """The error offers the nearest and names all."""
    with pytest.raises(UsageError, match=r"no optimizer 'admw'. Did you mean adamw\?"):
        optimizer_named("admw")
    with pytest.raises(UsageError, match="no optimizer"):
        state_bytes("sdg", TensorSpec((2,)))
    with pytest.raises(UsageError, match="mode='train'"):
        costlab.analyze(nn.Linear(2, 2), "f32[1,2]", optimizer="sgd")
