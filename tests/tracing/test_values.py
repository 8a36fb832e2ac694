"""What a forward may know of values, and what runs on weights and constants alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import costlab
from tests.tracing.networks import Calls, macs

R = torch.randn


@pytest.mark.parametrize(
    "function",
    [lambda _, x: torch.nonzero(x), lambda _, x: x[x > 0], lambda _, x: x.masked_select(x > 0)],
    ids=["nonzero", "mask", "masked_select"],
)
def test_a_shape_that_depends_on_values_is_an_error_that_says_so(function: Any) -> None:
    """What has as many elements as the values say cannot be traced, and the operation is named."""
    with pytest.raises(costlab.TraceError, match="returns depends on values"):
        costlab.analyze(Calls(function), R(5, 8), on="meta")


def test_indexing_by_a_tensor_moves_what_it_gathers() -> None:
    """`x[index]` is no view: it reads the tensor and the index and writes what it picks."""
    model = Calls(lambda _, x: x[torch.tensor([0, 2, 4])])
    report = costlab.analyze(model, R(5, 8))
    assert report.total.bytes == 4 * 5 * 8 + 8 * 3 + 4 * 3 * 8
    assert costlab.analyze(Calls(lambda _, x: x[0:3]), R(5, 8)).total.bytes == 0


SMALL_MODELS: dict[str, Any] = {
    "MultiheadAttention": (nn.MultiheadAttention(16, 4), ((5, 2, 16),) * 3),
    "TransformerEncoderLayer": (nn.TransformerEncoderLayer(16, 4, 32), ((5, 2, 16),)),
    "LSTM": (nn.LSTM(8, 16), ((5, 2, 8),)),
    "GRUCell": (nn.GRUCell(8, 16), ((2, 8),)),
    "einsum": (
        Calls(lambda _, x, y, z: torch.einsum("ij,jk,kl->il", x, y, z)),
        ((4, 8), (8, 3), (3, 5)),
    ),
    "multi_dot": (
        Calls(lambda _, x, y, z: torch.linalg.multi_dot([x, y, z])),
        ((4, 8), (8, 3), (3, 5)),
    ),
}


@pytest.mark.parametrize("name", SMALL_MODELS)
@pytest.mark.parametrize("kind", ["parameter", "buffer", "constant"])
def test_what_runs_on_weights_or_constants_alone_is_counted(name: str, kind: str) -> None:
    """An operation costs the same on an input as on a learned query, a buffer or a constant."""
    model, shapes = SMALL_MODELS[name]

    class OnItsOwn(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model
            for index, shape in enumerate(shapes):
                if kind == "parameter":
                    self.register_parameter(f"held{index}", nn.Parameter(R(shape)))
                else:
                    self.register_buffer(f"held{index}", R(shape))

        def forward(self, x: torch.Tensor) -> Any:
            held = [getattr(self, f"held{index}") for index in range(len(shapes))]
            if kind == "constant":
                held = [torch.rand(shape) for shape in shapes]
            return x, self.model(*held)

    alone = macs(OnItsOwn(), R(1))
    assert alone == macs(model, tuple(R(shape) for shape in shapes)) > 0


def test_what_a_network_costs_does_not_depend_on_its_weights() -> None:
    """A forward that branches on a weight is refused like one that branches on its input."""
    model = Calls(lambda m, x: x @ m.weight if m.weight.sum() > 0 else x)
    with pytest.raises(costlab.TraceError, match="only shapes"):
        costlab.analyze(model, R(2, 8), on="meta")


def careful(m: Calls, x: torch.Tensor) -> torch.Tensor:
    """Twice the product, or three times where the forward is refused a value."""
    try:
        times = 2 if x.sum().item() > 0 else 1
    except costlab.TraceError:
        times = 3
    for _ in range(times):
        x = x @ m.weight
    return x


def test_a_refused_value_that_the_model_catches_is_given() -> None:
    """A model that goes another way when a value is refused is counted by the way that it goes."""
    report = costlab.analyze(Calls(careful), torch.ones(2, 8))
    assert report.total.macs == 2 * (2 * 8 * 8)
    assert not report.is_lower_bound
    assert "the forward caught an error that it has not with values (item" in report.warnings[0]


def test_a_refused_value_that_the_model_catches_is_said() -> None:
    """Where values are not to be had, the other way is counted, and the report says so."""
    with torch.device("meta"):
        model = Calls(careful)
    for report in (
        costlab.analyze(model, R(2, 8)),
        costlab.analyze(Calls(careful), R(2, 8), on="meta"),
    ):
        assert report.total.macs == 3 * (2 * 8 * 8)
        assert [unknown.op for unknown in report.coverage.unknown] == ["item"]
        assert "went the way that it has for it" in report.warnings[0]


def test_a_view_in_place_changes_the_shape_that_is_told() -> None:
    """`squeeze_` and `unsqueeze_` return the tensor itself, with its new shape in the report."""
    model = nn.Sequential(Calls(lambda _, x: (x + 1).unsqueeze_(0)), nn.Flatten())
    report = costlab.analyze(model, R(2, 8))
    assert [spec.shape for spec in report.block("0").outputs] == [(1, 2, 8)]
    assert [spec.shape for spec in report.block("1").outputs] == [(1, 16)]
