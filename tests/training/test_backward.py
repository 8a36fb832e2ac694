"""The multiply-adds of a backward, against torch's counter and against products counted by hand."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.checkpoint import checkpoint

import costlab
from costlab import sources
from tests.training.real import counted_macs, traced
from tests.training.test_saved import NETWORKS, Attention, frozen

if TYPE_CHECKING:
    from collections.abc import Callable

UNCOUNTED = {"grouped", "attention"}
"""Networks of which FlopCounterMode's figure is wrong, or of another kernel: tested by hand."""


class Apart(nn.Module):
    """A forward that is a function of itself and the input, with parameters of some shapes."""

    def __init__(self, function: Callable[..., Any], *shapes: tuple[int, ...]) -> None:
        super().__init__()
        self.function = function
        self.weights = nn.ParameterList(torch.randn(shape) for shape in shapes)

    def forward(self, *inputs: torch.Tensor) -> Any:
        """The function's result."""
        return self.function(*inputs, *self.weights)


def without_gradients(x: torch.Tensor, w: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """A product whose first factor is made in a region without gradients."""
    with torch.no_grad():
        y = x @ w
    return (y @ v).relu() @ v


def in_inference(x: torch.Tensor, w: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """The same, the region being in inference mode."""
    with torch.inference_mode():
        y = x @ w
    return (y.clone() @ v).relu() @ v


def switched_on(x: torch.Tensor, w: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """A region with gradients within one without."""
    with torch.no_grad():
        y = x @ w
        with torch.enable_grad():
            y = y @ v
    return y @ v


def into_a_buffer(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    """Products written to the parts of a tensor that had no gradient."""
    out, y = torch.zeros(2, *x.shape), x @ w
    out[0] = y
    out[1].copy_(y @ w)
    return out


CASES: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    **{name: case for name, case in NETWORKS.items() if name not in UNCOUNTED},
    "both factors of weights": (
        Apart(lambda x, w, v: (x @ w) @ (x @ v).mT, (5, 6), (5, 6)), (3, 4, 5),
    ),
    "a factor twice": (Apart(lambda x, w: (h := x @ w) @ h, (4, 4)), (3, 4, 4)),
    "broadcast": (Apart(lambda x, w, v: (x @ w) @ v, (5, 5), (3, 5, 6)), (2, 1, 4, 5)),
    "einsum": (
        Apart(lambda x, w, v: torch.einsum("bij,jk->bik", x @ w, v), (5, 6), (6, 2)), (3, 4, 5),
    ),
    "sums": (Apart(lambda x, w, b: torch.addmm(b, x @ w, w), (5, 5), (5,)), (4, 5)),
    "detached": (
        Apart(lambda x, w, v: (x @ w).detach() @ v + x @ w, (5, 5), (5, 5)), (2, 5),
    ),
    "unused result": (Apart(lambda x, w, v: ((x @ v).relu(), x @ w)[1], (5, 5), (5, 5)), (2, 5)),
    "no_grad": (Apart(without_gradients, (5, 5), (5, 5)), (2, 5)),
    "inference_mode": (Apart(in_inference, (5, 5), (5, 5)), (2, 5)),
    "enable_grad": (Apart(switched_on, (5, 5), (5, 5)), (2, 5)),
    "into a buffer": (Apart(into_a_buffer, (5, 5)), (2, 5)),
    "embedding": (
        Apart(lambda x, e, w: F.embedding((x > 0).long(), e) @ w, (2, 6), (6, 3)), (4, 5),
    ),
    "frozen in the middle": (
        frozen(nn.Sequential(nn.Conv2d(4, 6, 3), nn.ReLU(), nn.Conv2d(6, 5, 3), nn.ReLU(),
                             nn.Conv2d(5, 5, 3)), 0, 4), (2, 4, 9, 9),
    ),
    "all frozen": (frozen(nn.Sequential(nn.Linear(4, 6), nn.Linear(6, 5)), 0, 1), (3, 4)),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_step_has_the_products_that_torch_makes(name: str) -> None:
    """Forward and backward have as many multiply-adds as the kernels that autograd really runs."""
    model, shape = CASES[name]
    x = torch.randn(shape)
    assert traced(model, x).total.macs == counted_macs(model, x)


class Recurrent(nn.Module):
    """The sequence that a recurrent layer returns."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: torch.Tensor, *state: torch.Tensor) -> torch.Tensor:
        """Of every step."""
        out: torch.Tensor = self.layer(x, *state)[0]
        return out


@pytest.mark.parametrize(
    "layer",
    [
        nn.RNN(4, 3, num_layers=2),
        nn.GRU(4, 3, num_layers=2, bidirectional=True),
        nn.LSTM(4, 3, num_layers=2, proj_size=2, bidirectional=True),
        nn.LSTM(4, 3, bias=False),
    ],
    ids=["RNN", "GRU", "projected LSTM", "LSTM"],
)
def test_a_recurrent_layer_is_the_sum_of_its_steps(layer: nn.Module) -> None:
    """Each step's products, but no gradient of a first state or an input that wants none."""
    model, x = Recurrent(layer).double(), torch.randn(5, 2, 4).double()
    # In double precision there is no fused kernel: each step is seen.
    assert traced(model, x).total.macs == counted_macs(model, x)
    wanting = x.clone().requires_grad_()
    assert traced(model, wanting).total.macs == counted_macs(model, wanting)


@pytest.mark.parametrize("kind", [nn.RNNCell, nn.GRUCell, nn.LSTMCell])
def test_a_cell_is_one_step(kind: Callable[[int, int], nn.Module]) -> None:
    """A cell has the gradients of two products, of its state too where this wants one."""
    cell, x, state = kind(4, 3).double(), torch.randn(2, 4).double(), torch.randn(2, 3).double()
    held = (state, state.clone()) if kind is nn.LSTMCell else state
    assert traced(cell, x, held).total.macs == counted_macs(cell, x, held)


def test_attention_has_four_products_where_the_forward_has_two() -> None:
    """By the kernel that makes the scores; none of them is computed anew."""
    model, x = Attention(), torch.randn(2, 5, 8)
    with sdpa_kernel(SDPBackend.MATH):
        assert traced(model, x).total.macs == counted_macs(model, x)
    heads = 2 * 2 * 5 * 5 * 4
    found = traced(model, x).own
    assert found[""].forward_macs == 2 * heads
    assert found[""].input_gradient_macs == 4 * heads


def loop_macs(batch: int, wide: tuple[int, int], groups: int, kernel: int, grid: int) -> int:
    """The products of a grouped convolution's weight gradient, one by one."""
    channels, filters = wide
    made = 0
    for _, o, c in itertools.product(range(batch), range(filters), range(channels)):
        if o * groups // filters == c * groups // channels:
            made += kernel * kernel * grid * grid
    return made


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_each_gradient_of_a_grouped_convolution_is_as_large_as_the_forward(groups: int) -> None:
    """Groups divide the products of all three; FlopCounterMode forgets them in the backward."""
    model = nn.Conv2d(4, 8, 3, groups=groups)
    x = torch.randn(2, 4, 9, 9, requires_grad=True)
    products = loop_macs(2, (4, 8), groups, 3, 7)
    total = traced(model, x).total
    assert total[:3] == (products, products, products)
    assert (counted_macs(model, x) == total.macs) is (groups == 1)


def test_a_bilinear_layer() -> None:
    """Two contractions forward, and two for each of three gradients."""
    model = nn.Bilinear(3, 4, 5)
    x, y = torch.randn(2, 3, requires_grad=True), torch.randn(2, 4, requires_grad=True)
    whole = 2 * 5 * 3 * 4
    total = traced(model, x, y).total
    assert total.forward_macs == whole + 2 * 5 * 4
    assert total.input_gradient_macs == (whole + 2 * 5 * 3) + (whole + 2 * 5 * 4)
    assert total.weight_gradient_macs == whole + 2 * 5 * 3


def test_inception_v3_with_its_auxiliary_classifier() -> None:
    """A step on one image: all but the gradient of the image is made three times."""
    model = sources.find("inception_v3").build()
    report = costlab.analyze(model, "f32[1,3,299,299]", mode="train")
    assert report.training is not None
    assert report.training.total.macs == 17_137_516_224
    first = report.training.block("Conv2d_1a_3x3")
    assert first.input_gradient_macs == 0
    assert report.training.total.macs == 3 * report.total.macs - first.forward_macs


def test_a_reentrant_checkpoint_of_the_input_has_no_gradients() -> None:
    """Given nothing that wants a gradient, it makes none, though its weights want one."""
    inner = nn.Linear(5, 5)
    model = Apart(lambda x, w: checkpoint(inner, x, use_reentrant=True) @ w, (5, 2))
    model.inner = inner
    total = traced(model, torch.randn(3, 5)).total
    assert (total.input_gradient_macs, total.weight_gradient_macs) == (0, 3 * 5 * 2)
    assert total.recomputed_macs == 0


def test_an_operation_without_a_rule_for_its_backward_is_named() -> None:
    """Products of a user's own operation make the gradients a lower bound."""
    ops = costlab.OPS | {
        "relu": costlab.ops.Op(lambda x, *_: costlab.ops.Effect(x.shape, 7), "own")
    }
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
    found = costlab.analyze(model, "f32[2,4]", mode="train", ops=ops).training
    assert found is not None
    assert found.unpriced == ("relu",)
    assert found.is_lower_bound


def test_a_model_is_left_as_it_was() -> None:
    """Neither gradients nor the mode of gradients are changed, nor what wants one."""
    model = frozen(nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2)), 0)
    before = [parameter.requires_grad for parameter in model.parameters()]
    with torch.no_grad():
        traced(model, torch.randn(2, 4))
        assert not torch.is_grad_enabled()
    assert [parameter.requires_grad for parameter in model.parameters()] == before
    assert all(parameter.grad is None for parameter in model.parameters())
