"""No operation of a forward reaches the caller's tensors: their values, shapes and settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import spectral_norm

import costlab
from tests.tracing.networks import Calls

if TYPE_CHECKING:
    from collections.abc import Callable


def test_the_inputs_are_untouched() -> None:
    """An input tensor that the forward writes to is as it was."""

    class Writes(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.add_(1).mul_(2)

    x = torch.zeros(3)
    costlab.analyze(Writes(), x)
    assert x.tolist() == [0, 0, 0]
    assert x._version == 0


def in_double(x: torch.Tensor) -> torch.Tensor:
    """The tensor; the default type is another from now on."""
    torch.set_default_dtype(torch.float64)
    return x


WRITES: dict[str, Callable[[Any, torch.Tensor], Any]] = {
    "out of an operation": lambda m, x: torch.add(m.kept, 1, out=m.kept)[:2] + x,
    "out of a product with the input": lambda m, x: torch.matmul(x, m.weight, out=m.out),
    "a normalization with its statistics": lambda m, _: F.batch_norm(
        m.kept, m.mean, m.var, training=True
    ),
    "a renormalized embedding": lambda m, _: F.embedding(torch.arange(2), m.weight, max_norm=0.1),
    "a list of tensors": lambda m, x: (torch._foreach_mul_([m.kept], 2), x)[1],
    "an array that shares memory": lambda m, x: (m.kept.numpy().fill(7), x)[1],
    "a resize": lambda m, x: (m.kept.resize_(1, 2), x)[1],
    "an in-place view": lambda m, x: (m.kept.unsqueeze_(0), x)[1],
    "the default type": lambda _, x: in_double(x),
}


@pytest.mark.parametrize("name", WRITES)
def test_no_operation_writes_to_the_callers_tensors(name: str) -> None:
    """Whatever an operation writes to, buffers, weights and torch's settings are as they were."""
    model: Any = Calls(WRITES[name])
    for buffer, shape in (("kept", (8, 8)), ("mean", (8,)), ("var", (8,)), ("out", (2, 8))):
        model.register_buffer(buffer, torch.ones(shape))
    before = {key: value.clone() for key, value in model.state_dict().items()}
    costlab.analyze(model, "f32[2,8]")
    after = model.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert torch.get_default_dtype() is torch.float32


RESHAPES: dict[str, Callable[[torch.Tensor], Any]] = {
    "squeeze_": torch.Tensor.squeeze_,
    "unsqueeze_": lambda b: b.unsqueeze_(0),
    "transposed twice": lambda b: b.t_().t_().t_(),
    "as_strided_": lambda b: b.as_strided_((2, 2), (1, 1)),
    "resize_": lambda b: b.resize_(2, 2),
    "resize_as_": lambda b: b.resize_as_(torch.zeros(2, 2, device=b.device)),
    "requires_grad_": lambda b: b.requires_grad_(),
    "an output": lambda b: torch.add(torch.zeros(1, 6, device=b.device), 1, out=b),
}


@pytest.mark.parametrize("device", ["cpu", "meta"])
@pytest.mark.parametrize("name", RESHAPES)
def test_no_shape_of_the_callers_changes(name: str, device: str) -> None:
    """Also that of a model on meta, whose own tensors a kernel on shapes could be given."""
    model: Any = Calls(lambda m, x: (RESHAPES[name](m.kept), x + 1)[1])
    model.register_buffer("kept", torch.zeros(1, 6, device=device))
    kept = model.kept
    costlab.analyze(model.to(device), torch.zeros(2, 8, device=device))
    assert model.kept is kept
    assert (kept.shape, kept.stride(), kept.requires_grad) == ((1, 6), (6, 1), False)


@pytest.mark.parametrize(
    "norm", [nn.utils.parametrizations.spectral_norm, spectral_norm], ids=["new", "old"]
)
@pytest.mark.filterwarnings("ignore:`torch.nn.utils.spectral_norm` is deprecated")
@pytest.mark.filterwarnings("ignore:.*torch.nn.utils.*spectral_norm:FutureWarning")
def test_power_iterations_do_not_reach_the_model(norm: Callable[..., nn.Module]) -> None:
    """A spectral norm in train mode iterates on its buffers; an analysis leaves them alone."""
    layer = norm(nn.Linear(32, 16))
    before = {key: value.clone() for key, value in layer.state_dict().items()}
    report = costlab.analyze(layer, "f32[2,32]", mode="train")
    assert report.total.macs == 2 * 32 * 16 + 3 * 32 * 16 + 16
    after = layer.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)
