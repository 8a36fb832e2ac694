"""Weights that torch.ao packs for its kernels count as what they stand for, with their bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn

import costlab

if TYPE_CHECKING:
    from costlab.parameters import Parameters

pytestmark = [
    pytest.mark.filterwarnings("ignore:torch.ao.quantization is deprecated"),
    pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor"),  # so are quantized tensors
]
ao: Any = torch.ao.nn.quantized

LAYERS: dict[str, tuple[nn.Module, str]] = {
    "linear": (nn.Linear(8, 16), "f32[2,8]"),
    "without a bias": (nn.Linear(8, 16, bias=False), "f32[2,8]"),
    "lstm": (nn.LSTM(4, 8, 2, bidirectional=True), "f32[3,2,4]"),
    "gru": (nn.GRU(4, 8), "f32[3,2,4]"),
    "cell": (nn.LSTMCell(4, 8), "f32[2,4]"),
}


def parameters(model: nn.Module, spec: str) -> Parameters:
    """The parameters of a report on the model."""
    found = costlab.analyze(model, spec).parameters
    assert found is not None
    return found


def quantized(layer: nn.Module, kind: torch.dtype = torch.qint8) -> nn.Module:
    """A network of the layer alone, its weights packed."""
    quantize: Any = torch.ao.quantization.quantize_dynamic
    made: nn.Module = quantize(nn.Sequential(layer), dtype=kind)
    return made


@pytest.mark.parametrize("name", LAYERS)
def test_packed_weights_are_those_of_the_plain_layer(name: str) -> None:
    """As many as before, used, and given to no optimizer; nothing is remarked on."""
    layer, spec = LAYERS[name]
    plain = costlab.analyze(nn.Sequential(layer), spec)
    report = costlab.analyze(quantized(layer), spec)
    assert report.total.params == plain.total.params
    assert report.total.params_executed == plain.total.params
    before, packed = parameters(nn.Sequential(layer), spec), parameters(quantized(layer), spec)
    assert packed.frozen == packed.elements == before.elements
    assert sorted(weight.shape for weight in packed.each) == sorted(
        weight.shape for weight in before.each
    )
    assert [block.cost.params for block in report.blocks] == [plain.total.params]
    assert not any("packed" in text for text in report.warnings)


def test_the_bytes_are_those_of_eight_bits_and_their_scales() -> None:
    """A byte a weight, a scale and a zero point of four bytes each; a bias keeps its own type."""
    report = costlab.analyze(quantized(nn.Linear(8, 16)), "f32[2,8]")
    weight, bias = parameters(quantized(nn.Linear(8, 16)), "f32[2,8]").each
    assert (weight.path, bias.path) == ("0.weight", "0.bias")
    assert weight.bytes == 16 * 8 + 4 + 4
    assert weight.dtypes == ("int8", "float32", "int32")
    assert bias.bytes == 4 * 16
    assert costlab.Report.from_dict(report.to_dict()) == report


def test_half_precision_takes_two_bytes() -> None:
    """Weights that are packed in float16 have no scale, though they unpack to float32."""
    packed = quantized(nn.Linear(8, 16), torch.float16)
    found = parameters(packed, "f32[2,8]").each
    assert [weight.bytes for weight in found] == [2 * 16 * 8, 4 * 16]


def test_each_channel_has_its_scale() -> None:
    """A convolution whose channels are quantized one by one keeps as many scales."""
    layer = ao.Conv2d(3, 4, 3)
    values = torch.quantize_per_channel(
        torch.rand(4, 3, 3, 3), torch.ones(4), torch.zeros(4).long(), 0, torch.qint8
    )
    layer.set_weight_bias(values, None)
    model = Unused(layer)
    report = costlab.analyze(model, "f32[2]")
    (weight,) = parameters(model, "f32[2]").each
    assert weight.path == "layer.weight"
    assert (weight.elements, weight.bytes) == (4 * 27, 4 * 27 + 4 * 4 + 4 * 4)
    assert report.total.params_executed == 0  # as nobody calls it


class Unused(nn.Module):
    """A layer that the forward does not call."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Twice the input."""
        return x + x


def test_rows_of_an_embedding_have_scales_of_their_own() -> None:
    """Ten rows of four weights in a byte each, or in half of one."""
    halves = torch.ones(10), torch.zeros(10)
    of_types = {
        torch.quint8: 10 * 4 + 10 * (4 + 4),
        torch.quint4x2: 10 * 4 // 2 + 10 * (4 + 4),
    }
    for kind, expected in of_types.items():
        rows = torch.quantize_per_channel(torch.rand(10, 4), *halves, 0, kind)
        packed = ao.Embedding(10, 4, dtype=kind)
        packed.set_weight(rows)
        (weight,) = parameters(Unused(packed), "f32[2]").each
        assert (weight.elements, weight.bytes) == (10 * 4, expected)


def test_what_does_not_say_what_it_packs_is_remarked_on() -> None:
    """An object without a way to unpack it is named, and not counted as nothing in silence."""
    model: Any = quantized(nn.Linear(8, 16))
    cells: Any = quantized(nn.LSTM(4, 8))
    model[0]._packed_params.more = cells[0]._all_weight_values[0].param
    report = costlab.analyze(model, "f32[2,8]")
    assert report.total.params == 8 * 16 + 16
    (remark,) = [text for text in report.warnings if "do not say how many" in text]
    assert remark.startswith("0: weights are packed")
