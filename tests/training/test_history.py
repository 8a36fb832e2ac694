"""Gradients that a forward turns off and on: what a backward goes through is what torch's does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
import torch.nn.functional as F

from tests.training.layers import LAYER, Layers, hold_against_torch, on
from tests.training.real import counted_macs, traced

if TYPE_CHECKING:
    from collections.abc import Callable


def clamped(model: Layers, x: torch.Tensor) -> torch.Tensor:
    """An activation that is written to with gradients turned off, by several operations."""
    y = model.b(model.a(x))
    with torch.no_grad():
        y[:, 0] = 0
        F.relu(y, inplace=True)
        y += 1
    made: torch.Tensor = y
    return made


def clipped(model: Layers, x: torch.Tensor) -> Any:
    """Weights that are written to before they are used."""
    with torch.no_grad():
        model.a.weight.clamp_(-1, 1)
        model.b.weight.div_(model.b.weight.norm())
    return model.b(model.a(x))


def shared_memory(model: Layers, x: torch.Tensor) -> Any:
    """A detached tensor whose memory is written to, and the one that it was detached from."""
    y = model.a(x)
    with torch.no_grad():
        y.detach().mul_(2)
    return model.b(y) + model.c(y.detach())


def variance(model: Layers, x: torch.Tensor) -> torch.Tensor:
    """A loss of torch's own that clamps its variance with gradients turned off."""
    return F.gaussian_nll_loss(model.a(x), torch.zeros(2, 6), model.b(x).exp())


def frozen_for_once(model: Layers, x: torch.Tensor) -> Any:
    """A layer that wants no gradients while it is used, and wants them again afterwards."""
    model.a.requires_grad_(requires_grad=False)
    y = model.b(model.a(x))
    model.a.requires_grad_(requires_grad=True)
    return y


def frozen_by_attribute(model: Layers, x: torch.Tensor) -> Any:
    """A weight that is used, and then frozen: its first use alone has a gradient of it."""
    y = model.a(x)
    model.a.weight.requires_grad = False
    return model.a(y)


class Named(torch.Tensor):
    """A tensor of a class of its own."""


def cast(model: Layers, x: torch.Tensor) -> Any:
    """An activation of a class of its own, of which a part is taken."""
    y = model.a(x).as_subclass(Named)
    return (model.b(y) + y[:, :1]).as_subclass(torch.Tensor)


def quiet_view(model: Layers, x: torch.Tensor) -> Any:
    """A part that is taken with gradients turned off, of what was written to with them."""
    y = model.a(x).clone()
    y.mul_(model.b(x))
    with torch.no_grad():
        part = y[:1]
    return F.linear(part, model.c.weight) * y


FORWARDS: dict[str, Callable[[Layers, torch.Tensor], Any]] = {
    "written to": clamped,
    "weights written to": clipped,
    "memory shared": shared_memory,
    "gaussian": variance,
    "part taken quietly": quiet_view,
    "frozen for once": frozen_for_once,
    "frozen by attribute": frozen_by_attribute,
    "a class of its own": cast,
}
VALUES = {"gaussian"}
"""Forwards that ask for values, which shapes do not have."""


@pytest.mark.parametrize("name", FORWARDS)
def test_a_backward_has_the_products_of_torchs_own(name: str) -> None:
    """As many as FlopCounterMode counts in a real step, and the bytes that autograd keeps."""
    model = Layers(FORWARDS[name])
    hold_against_torch(on("real" if name in VALUES else "meta", model), model)


@pytest.mark.parametrize("name", [name for name in FORWARDS if name not in VALUES])
def test_a_step_is_the_same_on_real_tensors(name: str) -> None:
    """Whatever the forward is run on."""
    model = Layers(FORWARDS[name])
    assert on("meta", model) == on("real", model)


def test_a_layer_that_is_thawed_has_gradients() -> None:
    """One that was frozen when the forward began, and is left as it was."""
    model = Layers(lambda m, x: m.b(m.a.requires_grad_(requires_grad=True)(x)))
    model.a.requires_grad_(requires_grad=False)
    found = on("meta", model)
    assert not model.a.weight.requires_grad
    assert found.trainable == 2 * LAYER
    assert found.total.macs == counted_macs(model, torch.randn(2, 6))


class Quiet(torch.autograd.Function):
    """A function that turns gradients off within itself."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        """Twice the input."""
        del ctx
        with torch.no_grad():
            return x * 2

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> torch.Tensor:
        """Twice the gradient."""
        del ctx
        return grads[0] * 2


def test_gradients_are_on_again_after_a_function_that_turns_them_off() -> None:
    """What is turned off within an `autograd.Function` ends with it, and it has a backward."""
    model = Layers(lambda m, x: m.b(Quiet.apply(m.a(x))))  # type: ignore[no-untyped-call]  # torch leaves it untyped
    assert traced(model, torch.randn(2, 6)).total.macs == counted_macs(model, torch.randn(2, 6))
