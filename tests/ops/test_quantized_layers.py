"""Layers with weights packed in eight bits: the products of the plain ones, and the rounding."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import costlab

pytestmark = pytest.mark.filterwarnings(
    "ignore:torch.ao.quantization is deprecated", "ignore:torch.quantize_per_tensor"
)


class Recurrent(nn.Module):
    """A recurrent layer, of whose results the sequence is returned."""

    def __init__(self, kind: Any, **options: Any) -> None:
        super().__init__()
        self.layer = kind(8, 4, **options)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The sequence."""
        made: torch.Tensor = self.layer(x)[0]
        return made


def quantized(model: nn.Module) -> nn.Module:
    """The same model with packed weights."""
    kinds = {nn.Linear, nn.LSTM, nn.GRU}
    quantize: Any = torch.ao.quantization.quantize_dynamic
    made: nn.Module = quantize(model, kinds, dtype=torch.qint8)
    return made


MODELS: dict[str, tuple[nn.Module, int]] = {
    "linear": (nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3, bias=False)), 8 + 16),
    "lstm": (Recurrent(nn.LSTM), 8 + 4),
    "gru": (Recurrent(nn.GRU), 8 + 4),
    "stacked": (Recurrent(nn.LSTM, num_layers=2, bidirectional=True), 2 * (8 + 4) + 2 * (8 + 4)),
}
"""Each model, and how many numbers a place of the sequence has that are multiplied by weights."""


@pytest.mark.parametrize("on", ["meta", "fake", "real"])
@pytest.mark.parametrize("case", MODELS)
def test_a_quantized_layer_multiplies_as_the_layer_does(case: str, on: str) -> None:
    """The multiply-adds are those of the model before; what is multiplied is rounded first."""
    model, rounded = MODELS[case]
    model = model.eval()
    packed, given = quantized(model), torch.randn(5, 2, 8)
    before = costlab.analyze(model, given, on="meta")
    report = costlab.analyze(packed, given, on=on)
    assert report.total.macs == before.total.macs > 0
    assert report.coverage.unknown == ()
    scaled = 5 * 2 * (16 + 3) if case == "linear" else 0
    assert report.total.flops - before.total.flops == 5 * 2 * 6 * rounded + scaled
    with torch.no_grad():
        made = packed(given)
    graph = costlab.trace(packed, given, on=on)
    assert graph.tensors[graph.outputs[0]].spec.shape == tuple(made.shape)


def test_a_fused_activation_is_one_more() -> None:
    """`linear_relu_dynamic` is the layer, and an operation an output element."""
    ops: Any = torch.ops.quantized
    weight = torch.quantize_per_tensor(torch.ones(3, 8), 0.1, 0, torch.qint8)
    packed = ops.linear_prepack(weight, torch.ones(3))

    class Fused(nn.Module):
        def __init__(self, op: Any) -> None:
            super().__init__()
            self.op = op

        def forward(self, x: torch.Tensor) -> Any:
            return self.op(x, packed)

    given = torch.randn(2, 8)
    plain, fused = (
        costlab.analyze(Fused(op), given).total
        for op in (ops.linear_dynamic, ops.linear_relu_dynamic)
    )
    assert plain.macs == fused.macs == 2 * 3 * 8
    assert fused.flops - plain.flops == 2 * 3


def test_a_wrong_width_is_the_kernels_own_error() -> None:
    """The rule declines, and the error is not costlab's."""
    packed = quantized(nn.Sequential(nn.Linear(8, 16)))
    with pytest.raises(costlab.TraceError, match="linear_dynamic"):
        costlab.analyze(packed, torch.randn(2, 7), on="real")
