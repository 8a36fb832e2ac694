"""The places where counters go wrong, each with the number that is right by hand."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

import costlab
from costlab.errors import TraceError
from tests.tracing.networks import Calls, Shared, Tied, macs

R = torch.randn
ENCODER = 2 * (5 * 16 * 48 + 2 * 5 * 5 * 16 + 5 * 16 * 16 + 2 * 5 * 16 * 32)


@pytest.mark.parametrize("mode", ["eval", "train"])
@pytest.mark.parametrize("grad", [False, True])
def test_the_fast_path_of_an_encoder_layer_changes_no_number(mode: str, grad: bool) -> None:
    """An encoder layer costs the same in eval and train mode, with and without gradients."""
    layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True)
    with torch.set_grad_enabled(grad):
        assert macs(layer, R(2, 5, 16), mode=mode) == ENCODER


def test_the_fast_path_of_a_whole_encoder_changes_no_number() -> None:
    """`nn.TransformerEncoder` in eval mode costs its layers."""
    layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        encoder = nn.TransformerEncoder(layer, 3)
    assert macs(encoder, R(2, 5, 16), mode="eval") == 3 * ENCODER


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_the_device_changes_no_number(device: str) -> None:
    """A model on meta costs what it costs on the CPU."""
    layer = nn.MultiheadAttention(16, 4, batch_first=True, device=device)
    x = torch.empty(2, 5, 16, device=device)
    assert macs(layer, (x, x, x)) == 2 * (5 * 16 * 48 + 2 * 5 * 5 * 16 + 5 * 16 * 16)


def test_a_shared_weight_counts_once() -> None:
    """Tied weights are one parameter and are multiplied wherever they are used."""
    report = costlab.analyze(Tied(), "i64[2,7]")
    assert report.total.params == 50 * 8
    assert report.total.macs == 2 * 7 * 8 * 50


def test_a_shared_module_is_charged_where_it_is_called() -> None:
    """A module under two parents costs each parent the calls that it makes."""
    report = costlab.analyze(Shared(), R(2, 8))
    assert report.block("first").cost.macs == 2 * 8 * 8
    assert report.block("second").cost.macs == 2 * 2 * 8 * 8
    assert report.total.params == 8 * 8 + 8


def test_a_module_called_by_its_forward_is_counted() -> None:
    """`layer.forward(x)` and a weight that is used by a function cost as much as a call."""
    layer = nn.Linear(8, 8)
    model = Calls(lambda m, x: m.layer.forward(x) + F.linear(x, m.layer.weight))
    model.layer = layer
    assert macs(model, R(2, 8)) == 2 * (2 * 8 * 8)


class Product(torch.autograd.Function):
    """A matrix product with a backward of its own."""

    @staticmethod
    def forward(_ctx: Any, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """The product."""
        return x @ weight

    @staticmethod
    def backward(_ctx: Any, *grads: torch.Tensor) -> Any:
        """Never called."""
        return grads


multiply: Any = Product.apply


def test_the_inside_of_an_autograd_function_is_counted() -> None:
    """A custom autograd function costs what its forward does, and its result is known after it."""
    model = Calls(lambda m, x: F.linear(multiply(x, m.weight), m.weight))
    assert macs(model, R(3, 8)) == 2 * (3 * 8 * 8)


@pytest.mark.parametrize("reentrant", [False, True])
@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad")
def test_checkpointing_changes_no_number(reentrant: bool) -> None:
    """A checkpointed layer costs one forward."""
    model = Calls(lambda m, x: checkpoint(m.layer, x, use_reentrant=reentrant))
    model.layer = nn.Linear(8, 8)
    assert macs(model, R(2, 8)) == 2 * 8 * 8


def test_a_functional_call_is_counted() -> None:
    """`functional_call` with computed weights costs the layer."""
    model = Calls(
        lambda m, x: torch.func.functional_call(
            m.layer, {"weight": m.layer.weight * 2, "bias": m.layer.bias}, (x,)
        )
    )
    model.layer = nn.Linear(8, 8)
    assert macs(model, R(2, 8)) == 2 * 8 * 8


@torch.jit.script
def scripted(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """A scripted product; the function mode sees nothing of it."""
    return torch.relu(x @ weight)


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")
def test_scripted_code_is_priced_kernel_by_kernel() -> None:
    """A scripted child and a scripted function cost what their kernels do."""
    model = Calls(lambda m, x: scripted(m.child(x), m.weight))
    model.child = torch.jit.script(nn.Sequential(nn.Linear(8, 8), nn.ReLU()))
    assert macs(model, R(2, 8)) == 2 * (2 * 8 * 8)
    assert "__wrapped__" not in dir(torch._C.ScriptFunction.__call__)


def test_what_the_mode_cannot_see_is_unknown_and_never_zero() -> None:
    """A tensor from nowhere is an unknown operation, and the total a lower bound."""
    made_elsewhere = torch.empty(2, 8, device="meta")
    model = Calls(lambda m, x: F.linear(made_elsewhere, m.weight) + x)
    report = costlab.analyze(model, R(2, 8))
    assert [unknown.op for unknown in report.coverage.unknown] == ["unseen"]
    assert report.is_lower_bound
    with pytest.raises(costlab.UnknownOperationError, match="unseen"):
        costlab.analyze(model, R(2, 8), strict=True)


def test_an_operation_without_a_rule_is_named() -> None:
    """A transform that nothing prices is named with its place and its elements."""
    report = costlab.analyze(Calls(lambda _, x: torch.linalg.svd(x)[1]), R(5, 8))
    (unknown,) = report.coverage.unknown
    assert (unknown.op, unknown.scope, unknown.calls) == ("_linalg_svd", "", 1)
    assert unknown.elements == 5 * 5 + 5 + 8 * 8


def test_parametrizations_are_counted() -> None:
    """A spectral norm in eval mode costs u·W·v beside the layer: 8·8 and 8 MACs."""
    layer = nn.utils.parametrizations.spectral_norm(nn.Linear(8, 8))
    assert macs(layer, R(2, 8), mode="eval") == 2 * 8 * 8 + 8 * 8 + 8


def test_constants_keep_their_values() -> None:
    """A forward may branch on a small constant that it made, and write inputs into one."""
    model = Calls(lambda m, x: x @ m.weight if torch.arange(3).sum().item() == 3 else x)
    assert macs(model, R(2, 8)) == 2 * 8 * 8


def test_a_large_constant_is_no_unknown() -> None:
    """A tensor that the forward makes from nothing is no unknown operation, however large."""
    report = costlab.analyze(Calls(lambda _, x: torch.ones(1 << 17) + x), R(1 << 17))
    assert (report.coverage.unknown, report.total.flops) == ((), 1 << 17)


def test_a_loop_that_fills_a_buffer_is_counted() -> None:
    """Writing slices into a fresh tensor and multiplying it costs every product."""

    def fill(m: Calls, x: torch.Tensor) -> torch.Tensor:
        out = torch.zeros(2, 3, 8)
        for index in range(3):
            out[:, index] = x @ m.weight
        return out @ m.weight

    report = costlab.analyze(Calls(fill), R(2, 8))
    assert report.total.macs == 3 * (2 * 8 * 8) + 2 * 3 * 8 * 8
    assert report.total.depth == 2


def test_reading_a_value_of_the_input_is_an_error_that_says_so() -> None:
    """What depends on the values of the input cannot be traced, and the line is named."""
    model = Calls(lambda _, x: x * x.sum().item())
    with pytest.raises(costlab.TraceError, match=r"item.*\[.*test_traps.py:\d+\].*only shapes"):
        costlab.analyze(model, R(2, 8), on="meta")


def test_causal_attention_is_counted_in_full() -> None:
    """A causal mask changes no number: the convention counts full attention."""

    def attend(causal: bool) -> int:
        model = Calls(lambda _, q: F.scaled_dot_product_attention(q, q, q, is_causal=causal))
        return macs(model, R(1, 2, 16, 8))

    assert attend(causal=True) == attend(causal=False) == 2 * 2 * 16 * 16 * 8


@pytest.mark.parametrize(
    ("layer", "spec"),
    [
        (nn.Conv2d(3, 4, 3), "f16[1,3,8,8]"),
        (nn.Linear(4, 4), "f64[2,4]"),
        (nn.ConvTranspose2d(3, 4, 3), "bf16[1,3,8,8]"),
    ],
)
def test_operands_of_two_types_are_refused(layer: nn.Module, spec: str) -> None:
    """What torch would refuse to multiply is an error, and not an unknown that counts nothing."""
    with pytest.raises(TraceError, match=r"operands of one type|should be the same"):
        costlab.analyze(layer, spec)


def test_autocast_makes_operands_one_type() -> None:
    """Under autocast operands of two types are no error."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert costlab.analyze(nn.Linear(4, 4), "bf16[2,4]").total.params == 4 * 4 + 4
