"""What a backward goes through is what torch's own does, however the forward is written."""

from __future__ import annotations

import collections
import copy
import functools
import types
from typing import TYPE_CHECKING, Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import (
    checkpoint,
    create_selective_checkpoint_contexts,
    set_checkpoint_early_stop,
)

from costlab.tracing import trace
from costlab.training import Training, training_of
from tests.training.real import counted_macs, kept_bytes, traced

if TYPE_CHECKING:
    from collections.abc import Callable

    from costlab.tracing.fallbacks import Carrier

CARRIERS: tuple[Carrier, ...] = ("meta", "fake", "real")
LAYER = 6 * 6 + 6
"""The parameters of a layer."""


class Named(torch.Tensor):
    """A tensor of a class of its own."""


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


def keeping(reentrant: bool, inside: bool) -> Callable[[Layers, torch.Tensor], Any]:
    """A checkpoint around another one."""

    def outer(model: Layers, x: torch.Tensor) -> torch.Tensor:
        made = checkpoint(model.inner, x, use_reentrant=inside)
        result: torch.Tensor = model.c(made) + model.b(x)
        return result

    def forward(model: Layers, x: torch.Tensor) -> Any:
        return checkpoint(outer, model, model.a(x), use_reentrant=reentrant)

    return forward


def thrice(model: Layers, x: torch.Tensor) -> Any:
    """Three checkpoints, each around the next one."""

    def middle(y: torch.Tensor) -> Any:
        return model.c(checkpoint(model.inner, y, use_reentrant=False)).relu()

    def outer(y: torch.Tensor) -> Any:
        return model.a(checkpoint(middle, y, use_reentrant=False))

    return checkpoint(outer, x, use_reentrant=False)


def only_around(model: Layers, x: torch.Tensor) -> Any:
    """A checkpoint that does nothing but call another one."""

    def outer(y: torch.Tensor) -> Any:
        return checkpoint(model.inner, y, use_reentrant=False)

    return model.c(checkpoint(outer, x, use_reentrant=False))


def to_the_end(model: Layers, x: torch.Tensor) -> Any:
    """A checkpoint that does not stop early."""
    return checkpoint(model.inner, model.c(x), use_reentrant=False, early_stop=False)


def all_to_the_end(model: Layers, x: torch.Tensor) -> Any:
    """The same by a setting, which goes before what the call says."""
    with set_checkpoint_early_stop(False):
        return checkpoint(model.inner, model.c(x), use_reentrant=False)


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


def cast(model: Layers, x: torch.Tensor) -> Any:
    """An activation of a class of its own, of which a part is taken."""
    y = model.a(x).as_subclass(Named)
    return (model.b(y) + y[:, :1]).as_subclass(torch.Tensor)


FORWARDS: dict[str, Callable[[Layers, torch.Tensor], Any]] = {
    "written to": clamped,
    "weights written to": clipped,
    "memory shared": shared_memory,
    "gaussian": variance,
    "nested": keeping(reentrant=False, inside=False),
    "nested re-entrant": keeping(reentrant=True, inside=True),
    "re-entrant inside": keeping(reentrant=False, inside=True),
    "re-entrant around": keeping(reentrant=True, inside=False),
    "nested twice": thrice,
    "nested alone": only_around,
    "to the end": to_the_end,
    "to the end by a setting": all_to_the_end,
    "frozen for once": frozen_for_once,
    "frozen by attribute": frozen_by_attribute,
    "a class of its own": cast,
}


def on(carrier: Carrier, model: nn.Module) -> Training:
    """What costlab says of a step on two rows, run on tensors of one kind."""
    return training_of(trace(model, torch.ones(2, 6), mode="train", on=carrier))


@pytest.mark.parametrize("name", FORWARDS)
def test_a_backward_has_the_products_of_torchs_own(name: str) -> None:
    """As many as FlopCounterMode counts in a real step, and the bytes that autograd keeps."""
    model, x = Layers(FORWARDS[name]), torch.randn(2, 6)
    found = on("real" if name == "gaussian" else "meta", model)
    real = copy.deepcopy(model)
    assert found.total.macs == counted_macs(real, x)
    assert found.total.saved_bytes == kept_bytes(copy.deepcopy(model), x)
    assert not found.is_estimate
    assert not found.is_lower_bound
    wanted = [each for each in real.parameters() if each.grad is not None]
    assert found.trainable == sum(each.numel() for each in wanted)


def test_a_layer_that_is_thawed_has_gradients() -> None:
    """One that was frozen when the forward began, and is left as it was."""
    model = Layers(lambda m, x: m.b(m.a.requires_grad_(requires_grad=True)(x)))
    model.a.requires_grad_(requires_grad=False)
    found = on("meta", model)
    assert not model.a.weight.requires_grad
    assert found.trainable == 2 * LAYER
    assert found.total.macs == counted_macs(model, torch.randn(2, 6))


@pytest.mark.parametrize("name", [name for name in FORWARDS if name != "gaussian"])
def test_a_step_is_the_same_on_real_tensors(name: str) -> None:
    """Whatever the forward is run on."""
    model = Layers(FORWARDS[name])
    assert on("meta", model) == on("real", model)


@pytest.mark.parametrize("carrier", CARRIERS)
def test_scripted_layers_have_gradients_however_often_they_ran(carrier: Carrier) -> None:
    """Torch's executor makes other code of them from the second run on."""
    plain = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 6))
    scripted = torch.jit.script(plain)
    expected = counted_macs(plain, torch.randn(2, 6))
    for _ in range(3):
        found = on(carrier, scripted)
        assert (found.total.macs, found.trainable) == (expected, 2 * LAYER)
        scripted(torch.randn(2, 6)).sum().backward()


def test_scripted_code_takes_its_arguments_as_ever() -> None:
    """By place, by name and by default; what does not fit is torch's own error."""

    @torch.jit.script
    def power(x: torch.Tensor, exponent: int = 2, factor: float = 1.0) -> torch.Tensor:
        return x @ x.t() * factor if exponent == 2 else x

    products = 2 * 2 * 6
    for call in (
        power,
        lambda x: power(x, 2, 3.0),
        lambda x: power(factor=2.0, x=x),
    ):
        assert (
            traced(Layers(lambda _, x, run=call: run(x)), torch.ones(2, 6)).total.macs == products
        )
    with pytest.raises(Exception, match="Unknown keyword argument 'other'"):
        traced(Layers(lambda _, x: power(x, other=2)), torch.ones(2, 6))


class Held:
    """An object with attributes, and one in a slot."""

    __slots__ = ("__dict__", "first", "unset")

    def __init__(self, first: Any, second: Any) -> None:
        self.first, self.second = first, second

    @property
    def asked(self) -> Any:
        """Never."""
        raise AssertionError("a property was called")


def normal(model: Layers, x: torch.Tensor) -> torch.distributions.Normal:
    """The distribution of a policy."""
    return torch.distributions.Normal(model.a(x), model.b(x).exp())


RESULTS: dict[str, Callable[[Layers, torch.Tensor], Any]] = {
    "distribution": normal,
    "distribution in another": lambda m, x: torch.distributions.Independent(normal(m, x), 1),
    "slots": lambda m, x: Held(m.a(x), m.b(x).exp()),
    "namespace": lambda m, x: (types.SimpleNamespace(a=m.a(x)), m.b(x).exp()),
    "deque": lambda m, x: collections.deque([m.a(x), m.b(x).exp()]),
    "object in an object": lambda m, x: Held(1, [Held(m, {"a": m.a(x)}), m.b(x).exp()]),
}


@pytest.mark.parametrize("name", RESULTS)
def test_what_an_object_holds_is_returned(name: str) -> None:
    """A backward begins at the tensors of a distribution as at those of a tuple."""
    model, x = Layers(RESULTS[name]), torch.randn(2, 6)
    flat = Layers(lambda m, x: (m.a(x), m.b(x).exp()))
    found = traced(model, x)
    assert found.total.macs == counted_macs(flat, x)
    assert found.trainable == 2 * LAYER
    assert not found.is_lower_bound


@pytest.mark.parametrize(
    "function",
    [lambda m, x: setattr(m, "loss", m.a(x)), lambda m, x: (m.a(x), iter([m.b(x)]))],
    ids=["nothing", "iterator"],
)
def test_a_result_that_nobody_sees_makes_training_a_lower_bound(
    function: Callable[[Layers, torch.Tensor], Any],
) -> None:
    """Where the backward begins is then not known, or not all of it."""
    found = traced(Layers(function), torch.randn(2, 6))
    assert found.is_lower_bound
    assert found.unpriced[-1].startswith("a result ")


def test_a_selective_checkpoint_is_named_as_an_estimate() -> None:
    """Its policy says kernel by kernel what it keeps."""
    contexts = functools.partial(
        create_selective_checkpoint_contexts, [torch.ops.aten.addmm.default]
    )
    model = Layers(lambda m, x: checkpoint(m.inner, x, use_reentrant=False, context_fn=contexts))
    found = traced(model, torch.randn(2, 6))
    assert found.is_estimate
    assert found.assumed == ("a checkpoint with a context_fn",)


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
