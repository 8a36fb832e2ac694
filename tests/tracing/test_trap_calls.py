"""The trap of hooks: whichever way an operation is called, it counts, and counts once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional as F
from torch.nn.modules import module as registry
from torch.utils.checkpoint import checkpoint, checkpoint_sequential

import costlab
from tests.tracing.networks import Calls, macs

if TYPE_CHECKING:
    from collections.abc import Callable

X = torch.randn(2, 8)
LAYER = 2 * 8 * 8
IMAGE = torch.randn(2, 3, 9, 9)
CONVOLUTION = 2 * 8 * 7 * 7 * 3 * 9


class OwnLinear(nn.Linear):
    """A linear layer of another class."""


class OwnConvolution(nn.Conv2d):
    """A convolution of another class, with a forward of its own."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """The convolution."""
        return F.conv2d(input, self.weight, self.bias)


class OwnAttention(nn.MultiheadAttention):
    """Attention of another class."""


class OwnRecurrence(nn.GRU):
    """A recurrent layer of another class."""


@pytest.mark.parametrize(
    ("layer", "inputs", "expected"),
    [
        (OwnLinear(8, 8), X, LAYER),
        (OwnConvolution(3, 8, 3), IMAGE, CONVOLUTION),
        (OwnAttention(8, 2, batch_first=True), (torch.randn(2, 5, 8),) * 3,
         2 * (4 * 5 * 8 * 8 + 2 * 5 * 5 * 8)),
        (OwnRecurrence(8, 16), torch.randn(5, 2, 8), 5 * 2 * 3 * 16 * (8 + 16)),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else None,
)  # fmt: skip
def test_subclasses_are_what_they_inherit(layer: nn.Module, inputs: Any, expected: int) -> None:
    """A class of one's own costs what its operations do, whatever its name."""
    assert macs(layer, inputs) == expected


CALLS: dict[str, Callable[[Any, torch.Tensor], Any]] = {
    "call": lambda m, x: m.layer(x),
    "forward": lambda m, x: m.layer.forward(x),
    "forward of the class": lambda m, x: nn.Linear.forward(m.layer, x),
    "__call__": lambda m, x: m.layer.__call__(x),
    "keyword": lambda m, x: m.layer(input=x),
    "functional": lambda m, x: F.linear(x, m.layer.weight, m.layer.bias),
    "C function": lambda m, x: torch._C._nn.linear(x, m.layer.weight, m.layer.bias),
    "dispatcher": lambda m, x: torch.ops.aten.linear(x, m.layer.weight, m.layer.bias),
    "overload": lambda m, x: torch.ops.aten.linear.default(x, m.layer.weight, m.layer.bias),
    "operator": lambda m, x: x @ m.layer.weight.T + m.layer.bias,
    "in place": lambda m, x: torch.zeros(2, 8).addmm_(x, m.layer.weight),
    "out": lambda m, x: torch.mm(x, m.layer.weight, out=torch.empty(2, 8)),
    "functional_call": lambda m, x: functional_call(m.layer, dict(m.layer.named_parameters()), x),
    "checkpoint": lambda m, x: checkpoint(m.layer, x, use_reentrant=False),
    "reentrant checkpoint": lambda m, x: checkpoint(m.layer, x, use_reentrant=True),
    "checkpoint of a sequence": lambda m, x: checkpoint_sequential(  # type: ignore[no-untyped-call]  # torch leaves it untyped
        nn.Sequential(m.layer, nn.ReLU()), 2, x, use_reentrant=False
    ),
    "no grad": lambda m, x: torch.no_grad()(m.layer)(x),
    "inference": lambda m, x: torch.inference_mode()(m.layer)(x),
}


@pytest.mark.parametrize("way", CALLS)
@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad")
def test_every_way_to_call_a_layer(way: str) -> None:
    """A layer costs the same, whether its module, its function or its kernel is called."""
    model = Calls(CALLS[way])
    model.layer = nn.Linear(8, 8)
    assert macs(model, X) == LAYER


def test_weights_that_are_put_in_from_outside() -> None:
    """A model that is called with another's weight costs its layers."""
    inner = Calls(lambda m, x: m.layer(x))
    inner.layer = nn.Linear(8, 8)
    outer = Calls(lambda m, x: functional_call(m.model, {"layer.weight": m.weight}, (x,)))
    outer.model = inner
    assert macs(outer, X) == LAYER


def doubled(module: Any, *_: Any) -> None:
    """A hook that multiplies, and throws the product away."""
    _ = torch.ones(2, 8) @ module.weight


HOOKS: dict[str, tuple[Callable[[nn.Linear], Any], int]] = {
    "forward": (lambda layer: layer.register_forward_hook(doubled), 2),
    "forward, with keywords": (
        lambda layer: layer.register_forward_hook(doubled, with_kwargs=True), 2,
    ),
    "before": (lambda layer: layer.register_forward_pre_hook(doubled), 2),
    "backward": (lambda layer: layer.register_full_backward_hook(lambda *_: None), 1),
    "before backward": (lambda layer: layer.register_full_backward_pre_hook(lambda *_: None), 1),
}  # fmt: skip


@pytest.mark.parametrize("kind", HOOKS)
@pytest.mark.parametrize("mode", ["eval", "train"])
def test_hooks_of_the_user(kind: str, mode: str) -> None:
    """A hook runs and costs what it computes; it stays, and hides nothing."""
    register, times = HOOKS[kind]
    layer = nn.Linear(8, 8)
    handle = register(layer)
    assert macs(layer, X, mode=mode) == times * LAYER
    assert macs(nn.Sequential(layer, nn.ReLU(), layer), X, mode=mode) == 2 * times * LAYER
    assert handle.id in handle.hooks_dict_ref()


@pytest.mark.parametrize(
    ("register", "times"),
    [
        (registry.register_module_forward_hook, 2),
        (registry.register_module_forward_pre_hook, 2),
        (registry.register_module_full_backward_hook, 1),
    ],
)
def test_global_hooks(register: Callable[..., Any], times: int) -> None:
    """A hook of all modules runs for a leaf as well, short way or not."""

    def hook(module: Any, *_: Any) -> None:
        if isinstance(module, nn.Linear):
            doubled(module)

    handle = register(hook)
    try:
        assert macs(nn.Sequential(nn.Linear(8, 8)), X) == times * LAYER
    finally:
        handle.remove()
    assert macs(nn.Sequential(nn.Linear(8, 8)), X) == LAYER


class Squared(torch.autograd.Function):
    """A product with a setup of its context apart, as newer functions are written."""

    @staticmethod
    def forward(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """Two products."""
        return x @ weight @ weight

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Saves nothing."""

    @staticmethod
    def backward(_ctx: Any, *grads: torch.Tensor) -> Any:
        """Never called."""
        return grads


squared: Any = Squared.apply


@pytest.mark.parametrize("grad", [False, True])
def test_an_autograd_function(grad: bool) -> None:
    """Its forward counts once, with gradients and without, and within a checkpoint."""
    model = Calls(
        lambda m, x: checkpoint(squared, squared(x, m.weight), m.weight, use_reentrant=False)
    )
    with torch.set_grad_enabled(grad):
        assert macs(model, X) == 4 * LAYER


def test_a_failed_forward_leaves_nothing_behind() -> None:
    """After an error, the next analysis counts what it counted before."""

    def fails(_: Calls, x: torch.Tensor) -> Any:
        raise RuntimeError(tuple(x.shape))

    for _ in range(3):
        with pytest.raises(costlab.TraceError):
            costlab.analyze(nn.Sequential(nn.Linear(8, 8), Calls(fails)), X)
        assert macs(nn.Linear(8, 8), X) == LAYER
