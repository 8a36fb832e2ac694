"""The trap of gradients that a forward takes: of each sample, and of weights, in each mode."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn
from torch.func import functional_call, grad, hessian, jacfwd, jacrev, jvp, vjp
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

import costlab
from tests.tracing.networks import Calls, macs

if TYPE_CHECKING:
    from collections.abc import Callable

R = torch.randn
SAMPLES = 4


class PerSample(nn.Module):
    """The gradients of each sample's loss, of the layer's own weights, as torch's tutorial has it.

    Source: PyTorch tutorials, "Per-sample-gradients".
    """

    def __init__(self, layer: nn.Module, loss: Callable[..., torch.Tensor]) -> None:
        super().__init__()
        self.layer, self.loss = layer, loss

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> Any:
        """The gradients, by the names of the weights."""

        def loss(weights: dict[str, Any], sample: torch.Tensor, target: torch.Tensor) -> Any:
            made = functional_call(self.layer, weights, (sample[None],))
            return self.loss(made, target[None])

        of_each = torch.vmap(grad(loss), in_dims=(None, 0, 0))
        return of_each(dict(self.layer.named_parameters()), x, y)


def linear() -> nn.Module:
    """One layer: of its products only the gradient of the weight is made, not of the input."""
    return nn.Linear(8, 8)


def convolutional() -> nn.Module:
    """A convolution, a pooling and a linear layer, as in the tutorial."""
    return nn.Sequential(
        nn.Conv2d(2, 3, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(12, 8)
    )


CLASSES = torch.zeros(SAMPLES, dtype=torch.int64)
CONVOLVED, HEAD = 3 * 4 * 4 * 2 * 9, 12 * 8
RECIPES: dict[str, tuple[Callable[[], nn.Module], Any, tuple[torch.Tensor, ...], int]] = {
    "linear": (linear, F.mse_loss, (R(SAMPLES, 8), R(SAMPLES, 8)), SAMPLES * (64 + 64)),
    "convolutional": (
        convolutional, F.cross_entropy, (R(SAMPLES, 2, 6, 6), CLASSES),
        SAMPLES * (2 * CONVOLVED + 3 * HEAD),  # of the image no gradient is wanted
    ),
}  # fmt: skip


@pytest.mark.parametrize("mode", ["eval", "train"])
@pytest.mark.parametrize("on", ["auto", "meta", "fake", "real"])
@pytest.mark.parametrize("name", RECIPES)
def test_gradients_of_each_sample(name: str, on: str, mode: str) -> None:
    """As many multiply-adds as by hand, and as FlopCounterMode sees sample by sample.

    Of all samples at once it sees more: it multiplies gradients of grouped convolutions by groups.
    """
    layer, loss, (x, y), expected = RECIPES[name]
    model = PerSample(layer(), loss)
    with FlopCounterMode(display=False) as counter:
        for sample, target in zip(x[:, None], y[:, None], strict=True):
            made = loss(model.layer(sample), target)
            torch.autograd.grad(made, list(model.layer.parameters()))
    assert counter.get_total_flops() == 2 * expected
    assert macs(model, (x, y), on=on, mode=mode) == expected


def product(m: Any) -> Callable[..., Any]:
    """A function of a row or of rows: a product with the model's weight, and its tanh."""
    return lambda x: torch.tanh(F.linear(x, m.weight, m.weight[0]))


ONE = 8 * 8
TAKEN: dict[str, tuple[Callable[..., Any], int]] = {
    "vjp": (lambda m, x: vjp(product(m), x)[1](x), (1 + 1) * SAMPLES * ONE),
    "vjp, twice": (
        lambda m, x: [back(x) for back in [vjp(product(m), x)[1]] for _ in range(2)],
        (1 + 2) * SAMPLES * ONE,
    ),
    "a Jacobian of each": (
        lambda m, x: torch.vmap(jacrev(product(m)))(x), SAMPLES * (1 + 8) * ONE,
    ),
    "a Jacobian of all": (
        lambda m, x: jacrev(product(m))(x), (1 + SAMPLES * 8) * SAMPLES * ONE,
    ),
    "a gradient of the weight": (
        lambda m, x: grad(lambda w: (x @ w).sum())(m.weight), 2 * SAMPLES * ONE,
    ),
    "in a closure": (
        lambda m, x: torch.vmap(lambda w: x @ w)(torch.stack([m.weight] * 3)), 3 * SAMPLES * ONE,
    ),
    "with a constant": (
        lambda m, x: torch.vmap(lambda row: row * torch.tensor(2.0) @ m.weight)(x), SAMPLES * ONE,
    ),
}  # fmt: skip


@pytest.mark.parametrize("mode", ["eval", "train"])
@pytest.mark.parametrize("name", TAKEN)
def test_gradients_are_counted_by_hand(name: str, mode: str) -> None:
    """Each product of the function and of its gradients is counted, on whatever tensors."""
    function, expected = TAKEN[name]
    model, x = Calls(function), R(SAMPLES, 8)
    counts = [macs(model, x, mode=mode, on=on) for on in ("meta", "fake", "real")]
    assert counts == [expected] * 3


ALIKE: dict[str, Callable[..., Any]] = {
    "jvp": lambda m, x: jvp(product(m), (x,), (x,))[1],
    "jacfwd of each": lambda m, x: torch.vmap(jacfwd(product(m)))(x),
    "jacrev of each": lambda m, x: torch.vmap(jacrev(product(m)))(x),
    "hessian": lambda m, x: hessian(lambda row: product(m)(row).sum())(x[0]),
    "chunks": lambda m, x: torch.vmap(grad(lambda row: product(m)(row).sum()), chunk_size=2)(x),
}


@pytest.mark.parametrize("mode", ["eval", "train"])
@pytest.mark.parametrize("name", ALIKE)
def test_transforms_are_the_same_on_whatever_tensors(name: str, mode: str) -> None:
    """Multiply-adds, operations, bytes and the shape of what comes out; nothing is unknown."""
    model, x = Calls(ALIKE[name]), R(SAMPLES, 8)
    seen = []
    for on in ("meta", "fake", "real"):
        graph = costlab.trace(model, x, mode=mode, on=on)
        shapes = [graph.tensors[output].spec.shape for output in graph.outputs]
        total = costlab.analyze(model, x, mode=mode, on=on, strict=True).total
        seen.append(((total.macs, total.flops, total.bytes, total.activations), shapes))
    assert seen[0] == seen[1] == seen[2]
    real = model.train(mode == "train")(x)
    assert seen[0][1] == [tuple(real.shape)]


def test_a_transform_leaves_the_model_as_it_was() -> None:
    """What a transform writes to and asks of a weight is not the caller's."""

    def forward(m: Any, x: torch.Tensor) -> Any:
        def inside(row: torch.Tensor) -> Any:
            m.kept.add_(1)
            assert m.weight.requires_grad
            assert m.weight.device.type == "cpu"
            return row @ m.weight + m.kept

        return torch.vmap(inside)(x)

    model: Any = Calls(forward)
    model.register_buffer("kept", torch.zeros(8))
    assert macs(model, R(SAMPLES, 8)) == SAMPLES * ONE
    assert model.kept.tolist() == [0] * 8
    assert model.kept._version == 0


@pytest.mark.parametrize("mode", ["eval", "train", None])
@pytest.mark.parametrize(
    ("use", "times"),
    [
        (lambda _m, x, y: torch.autograd.grad(y, x)[0], 2),
        (lambda _m, x, y: (y.backward(), x.grad)[1], 3),  # that of the weight is made too
        (lambda _m, _x, y: (y.register_hook(torch.neg), y)[1], 1),
        (lambda _m, _x, y: (y.retain_grad(), y)[1], 1),
        (lambda _m, _x, y: y, 1),
    ],
    ids=["grad", "backward", "register_hook", "retain_grad", "none"],
)
def test_gradients_are_there_in_each_mode(use: Any, times: int, mode: str | None) -> None:
    """A forward that wants gradients has them in an evaluation too, as where torch runs it."""

    def wanting(m: Any, x: torch.Tensor) -> Any:
        x = x.detach().requires_grad_()
        return use(m, x, m.layer(x).tanh().sum())

    model = Calls(wanting).eval()
    model.layer = nn.Linear(8, 8)
    report = costlab.analyze(model, R(3, 8), mode=mode, on="real")
    assert report.total.macs == times * 3 * 8 * 8
    assert model.layer.weight.grad is None
    assert torch.is_grad_enabled()
