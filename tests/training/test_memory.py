"""The memory of a step, against what a real step has alive."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from costlab.tracing import trace
from costlab.training import training_of
from tests.training.layers import CARRIERS, Layers
from tests.training.live import real_peak
from tests.training.real import traced

if TYPE_CHECKING:
    from collections.abc import Callable

    from costlab.tracing.fallbacks import Carrier


class Residual(nn.Module):
    """A convolution around which its input goes, with one before and one behind."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(8, 8, 3, padding=1)
        self.second = nn.Conv2d(8, 8, 3, padding=1)
        self.last = nn.Conv2d(8, 4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The last convolution's result."""
        x = self.first(x).relu()
        out: torch.Tensor = self.last((self.second(x).relu() + x).relu())
        return out


class Checkpointed(nn.Module):
    """A stack of layers of which the middle is checkpointed."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(50, 60), nn.Linear(66, 5)
        self.middle = nn.Sequential(
            nn.Linear(60, 70), nn.ReLU(), nn.Linear(70, 60), nn.ReLU(), nn.Linear(60, 66)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The last layer's result."""
        y: torch.Tensor = checkpoint(self.middle, self.first(x), use_reentrant=False)
        out: torch.Tensor = self.last(y)
        return out


def dense() -> nn.Sequential:
    """Three layers."""
    return nn.Sequential(
        nn.Linear(50, 60), nn.ReLU(), nn.Linear(60, 70), nn.Tanh(), nn.Linear(70, 2)
    )


NETWORKS: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "dense": (dense(), (300, 50)),
    "more weights than activations": (dense(), (3, 50)),
    "convolutions": (
        nn.Sequential(
            nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 16, 3), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(16 * 36, 5),
        ),
        (8, 3, 16, 16),
    ),
    "normalized, in place": (
        nn.Sequential(
            nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(),
            nn.Conv2d(8, 16, 3, bias=False), nn.BatchNorm2d(16), nn.ReLU(inplace=True),
            nn.Conv2d(16, 4, 3),
        ),
        (8, 3, 16, 16),
    ),
    "residual": (Residual(), (2, 8, 16, 16)),
    "checkpointed": (Checkpointed(), (300, 50)),
}  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
def test_the_peak_is_that_of_a_real_step(name: str) -> None:
    """The most bytes alive are, to the byte, those of a real forward and backward."""
    model, shape = NETWORKS[name]
    x = torch.randn(shape)
    memory = traced(model, x).memory
    held = memory.parameter_bytes + memory.buffer_bytes + memory.optimizer_state_bytes
    assert memory.peak_bytes - held == real_peak(model, x)


def test_a_layer_by_hand() -> None:
    """Of one layer: input and output, then the gradient of each that has one."""
    memory = traced(nn.Linear(5, 3, bias=False), torch.randn(2, 5)).memory
    weight, x, y = 4 * 3 * 5, 4 * 2 * 5, 4 * 2 * 3
    assert memory.parameter_bytes == memory.gradient_bytes == weight
    assert memory.peak_activation_bytes == x + y + y
    assert memory.peak_bytes == 2 * weight + (x + y + y + weight)


def test_a_checkpoint_keeps_less_and_computes_more() -> None:
    """Only what goes into the region is kept; its products are made once more."""
    x = torch.randn(300, 50)
    plain = Checkpointed()
    plain.forward = lambda x: plain.last(plain.middle(plain.first(x)))  # type: ignore[method-assign]  # one network, two forwards
    kept, anew = traced(plain, x), traced(Checkpointed(), x)
    assert anew.total.saved_bytes < kept.total.saved_bytes
    assert kept.total.recomputed_macs == 0
    # Not the last layer of the region: all that it keeps is what it reads.
    assert anew.total.recomputed_macs == 300 * (60 * 70 + 70 * 60)


class Product(torch.autograd.Function):
    """A product of matrices whose backward is written by hand."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        """The product; its operands are kept."""
        ctx.save_for_backward(x, w)
        return x @ w

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The gradients of both operands."""
        x, w = ctx.saved_tensors
        return grads[0] @ w.t(), x.t() @ grads[0]


def through(product: Callable[..., Any]) -> Layers:
    """Three layers as such a product of their weights."""

    def forward(self: Layers, x: torch.Tensor) -> torch.Tensor:
        for layer in (self.a, self.b, self.c):
            x = product(x, layer.weight).relu()
        return x

    return Layers(forward)


def masked(_: Layers, x: torch.Tensor) -> torch.Tensor:
    """What is below zero is set to zero, by a mask."""
    x = x.clone()
    x[x < 0] = 0
    return x


def filled(_: Layers, x: torch.Tensor) -> torch.Tensor:
    """The same, by the operation's own name."""
    return x.clone().masked_fill_(x < 0, 0)


def between(write: Callable[..., torch.Tensor]) -> Layers:
    """Two layers, and between them what is written in place."""
    return Layers(lambda self, x: self.b(write(self, self.a(x))))


def jit_traced() -> nn.Module:
    """The three layers as torch's own tracer gives them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch would rather export
        made: nn.Module = torch.jit.trace(dense(), torch.ones(2, 50))  # type: ignore[no-untyped-call]  # torch leaves it untyped
    return made


ALIKE: dict[str, tuple[Callable[[], nn.Module], Callable[[], nn.Module]]] = {
    "scripted": (lambda: torch.jit.script(dense()), dense),
    "traced by torch": (jit_traced, dense),
    "a backward by hand": (lambda: through(Product.apply), lambda: through(torch.matmul)),
    "set by a mask": (lambda: between(masked), lambda: between(filled)),
}
"""What is written in another way, and the same as plainly as can be."""


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize("name", ALIKE)
def test_what_is_made_on_the_way_is_no_weight(name: str, carrier: Carrier) -> None:
    """Its gradient is freed, as torch frees it, whatever made it."""
    written, plain = (make() for make in ALIKE[name])
    x = torch.ones(4, next(plain.parameters()).shape[1])
    found = training_of(trace(written, (x,), mode="train", on=carrier)).memory
    assert found == traced(plain, x).memory
    lasting = found.parameter_bytes + found.gradient_bytes + found.optimizer_state_bytes
    assert found.peak_bytes <= found.peak_activation_bytes + lasting
