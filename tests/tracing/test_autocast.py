"""Under autocast, element types and bytes are those that autocast gives; the MACs stay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional as F

import costlab
from costlab.tracing.autocast import KEYS, LOWER, PROMOTED, TOLD_THE_TYPE, listed
from costlab.tracing.entries import Entries
from costlab.tracing.recorder import Recorder
from costlab.tracing.registry import Registry
from costlab.tracing.scopes import Scopes
from tests.tracing.networks import Calls

if TYPE_CHECKING:
    from collections.abc import Callable

R = torch.randn


def under(device: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function within a region of autocast, in bfloat16."""

    def within(m: Any, *inputs: torch.Tensor) -> Any:
        with torch.autocast(device, torch.bfloat16):
            return function(m, *inputs)

    return within


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "linear": lambda m, x, _y: F.linear(x, m.weight),
    "matmul": lambda m, x, _y: x @ m.weight,
    "bmm": lambda _m, x, y: torch.bmm(x[None], y.T[None]),
    "conv1d": lambda m, x, _y: F.conv1d(x.T[None], m.weight[:, :, None]),
    "baddbmm": lambda m, x, _y: torch.baddbmm(x[None], x[None] @ m.weight, m.weight[None]),
    "einsum": lambda m, x, _y: torch.einsum("ij,jk->ik", x, m.weight),
    "attention": lambda _m, x, y: F.scaled_dot_product_attention(x[None], y[None], y[None]),
    "relu": lambda m, x, _y: F.relu(x @ m.weight),
    "gelu": lambda _m, x, _y: F.gelu(x),
    "sum": lambda m, x, _y: (x @ m.weight).sum(),
    "softmax": lambda m, x, _y: (x @ m.weight).softmax(-1),
    "log_softmax": lambda m, x, _y: F.log_softmax(x @ m.weight, -1),
    "softmax in double": lambda m, x, _y: (x @ m.weight).softmax(-1, dtype=torch.float64),
    "layer_norm": lambda m, x, _y: F.layer_norm(x @ m.weight, (8,)),
    "group_norm": lambda m, x, _y: F.group_norm(x @ m.weight, 2),
    "batch_norm": lambda m, x, _y: F.batch_norm(x @ m.weight, None, None, training=True),
    "exp": lambda m, x, _y: (x @ m.weight).exp(),
    "pow": lambda m, x, _y: (x @ m.weight) ** 2,
    "prod": lambda m, x, _y: (x @ m.weight).prod(-1),
    "cumsum": lambda m, x, _y: (x @ m.weight).cumsum(-1),
    "mse_loss": lambda m, x, y: F.mse_loss(x @ m.weight, y @ m.weight),
    "l1_loss": lambda m, x, y: F.l1_loss(x @ m.weight, y @ m.weight),
    "cross_entropy": lambda m, x, y: F.cross_entropy(x @ m.weight, y.long().argmax(-1)),
    "cat": lambda m, x, y: torch.cat([x, y @ m.weight]),
    "stack": lambda m, x, y: torch.stack([x, y @ m.weight]),
    "add": lambda m, x, y: x + y @ m.weight,
    "dot": lambda m, x, y: torch.dot((x @ m.weight)[0], (y @ m.weight)[0]),
    "addcmul": lambda m, x, y: torch.addcmul(x @ m.weight, y @ m.weight, y),
    "norm": lambda m, x, _y: (x @ m.weight).norm(),
    "interpolate": lambda m, x, _y: F.interpolate((x @ m.weight)[None], scale_factor=2.0),
    "grid_sample": lambda m, x, y: F.grid_sample(
        (x @ m.weight).view(1, 1, 4, 8), y.view(1, 4, 4, 2), align_corners=False
    ),
    "prelu": lambda m, x, _y: F.prelu(x, m.weight[0, :1]),
    "double": lambda m, x, _y: x.double() @ m.weight.double(),
    "integers": lambda _m, x, _y: x.long() + 1,
    "switched off": lambda m, x, y: off(m, x @ m.weight, y),
}


def off(m: Any, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """A product in float32 within a region, and one after it."""
    with torch.autocast(x.device.type, enabled=False):
        inside = y @ m.weight
    return torch.cat([inside, (x @ m.weight).float()])


NOT_FAKE = {
    "bmm", "conv1d", "baddbmm", "einsum", "attention", "dot", "interpolate", "grid_sample",
    "batch_norm", "prelu", "switched off",
}  # fmt: skip
"""Functions whose fake kernels for a CUDA device ask for a device that is there."""


class Weighted:
    """Something with a weight."""

    def __init__(self, weight: torch.Tensor) -> None:
        self.weight = weight


def assert_same_type(device: str, name: str) -> None:
    """A forward sees the same element type in a trace on shapes as when it runs on a device."""
    said: list[torch.dtype] = []
    function = FUNCTIONS[name]
    model = Calls(under(device, lambda m, *xs: said.append(function(m, *xs).dtype))).to(device)
    x, y = R(4, 8, device=device), R(4, 8, device=device)
    model(x, y)
    costlab.analyze(model, (x, y), on="meta")
    assert said[0] is said[1]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_type_is_that_of_the_real_kernels(name: str) -> None:
    """On a CPU, each function returns the type that its real kernels return under autocast."""
    assert_same_type("cpu", name)


@pytest.mark.parametrize("name", sorted(FUNCTIONS.keys() - NOT_FAKE))
def test_the_type_on_a_cuda_device_is_that_of_its_dispatcher(name: str) -> None:
    """Believed on a CUDA device, a function returns the type of torch's fake tensors there."""
    function, said = FUNCTIONS[name], []
    shapes = ((4, 8), (4, 8), (8, 8))
    enabled, dtype = torch.is_autocast_enabled("cuda"), torch.get_autocast_dtype("cuda")
    # By torch's setter: where there is no device, `torch.autocast` would not be entered.
    torch.set_autocast_enabled("cuda", True)
    torch.set_autocast_dtype("cuda", torch.bfloat16)
    try:
        with FakeTensorMode():
            x, y, weight = (torch.empty(shape, device="cuda") for shape in shapes)
            said.append(function(Weighted(weight), x, y).dtype)
        x, y, weight = (torch.empty(shape, device="meta") for shape in shapes)
        with Recorder(Registry(), Scopes([]), Entries(costlab.OPS), "cuda"):
            said.append(function(Weighted(weight), x, y).dtype)
    finally:
        torch.set_autocast_enabled("cuda", enabled)
        torch.set_autocast_dtype("cuda", dtype)
    assert said[0] is said[1]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_type_is_that_of_the_real_kernels_on_a_cuda_device(name: str) -> None:
    """On a CUDA device, each function returns the type that its real kernels return there."""
    assert_same_type("cuda", name)


@pytest.mark.parametrize("device", KEYS)
def test_the_lists_are_of_operations_that_torch_lists(device: str) -> None:
    """Every promoted operation of a device is one that its autocast changes, and none is twice."""
    assert PROMOTED[device] <= listed(device)
    assert not PROMOTED[device] & (LOWER | TOLD_THE_TYPE)
    assert {"linear", "matmul", "conv2d", "scaled_dot_product_attention"} <= listed(device) & LOWER
    assert "relu" not in listed(device)


def test_bytes_are_those_of_the_converted_operands() -> None:
    """A linear layer reads and writes two bytes an element; its operands are converted before."""
    model = nn.Linear(8, 16, bias=False)
    plain = costlab.analyze(model, "f32[4,8]")
    with torch.autocast("cpu", torch.bfloat16):
        report = costlab.analyze(model, "f32[4,8]")
    assert report.total.macs == plain.total.macs == 4 * 8 * 16
    converted = (4 + 2) * 4 * 8 + (4 + 2) * 8 * 16
    assert report.total.bytes == converted + 2 * (4 * 8 + 8 * 16 + 4 * 16)
    assert report.root.outputs[0].dtype == "bfloat16"
    assert plain.total.bytes == 4 * (4 * 8 + 8 * 16 + 4 * 16)


def test_a_weight_is_converted_once_a_region() -> None:
    """A converted weight is kept until the outermost region ends; an input it does not."""

    def twice(m: Any, x: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return F.linear(x, m.weight) + F.linear(x, m.weight)

    def apart(m: Any, x: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            first = F.linear(x, m.weight)
        with torch.autocast("cpu", torch.bfloat16):
            return first + F.linear(x, m.weight)

    one, two = (costlab.analyze(Calls(f), "f32[4,8]").total.bytes for f in (twice, apart))
    assert two - one == (4 + 2) * 8 * 8


@pytest.mark.parametrize("on", ["meta", "fake", "real"])
def test_autocast_is_the_same_on_whatever_tensors(on: str) -> None:
    """A layer norm between products has one report on shapes, fake and real tensors."""
    model = Calls(under("cpu", lambda m, x: F.layer_norm(x @ m.weight, (8,)) @ m.weight))
    report = costlab.analyze(model, R(4, 8), on=on)
    assert report.total == costlab.analyze(model, R(4, 8)).total
    assert report.root.outputs[0].dtype == "bfloat16"


def test_autocast_leaves_torch_as_it_was() -> None:
    """After an analysis autocast is off and torch's calls are its own, also after an error."""
    before = torch.set_autocast_enabled

    def fails(_: Any, x: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            raise ValueError(len(x))

    with pytest.raises(costlab.TraceError):
        costlab.analyze(Calls(fails), R(4, 8))
    assert torch.set_autocast_enabled is before
    assert not torch.is_autocast_enabled("cpu")
