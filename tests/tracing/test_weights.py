"""Weights that are set, swapped or computed while a forward runs."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import costlab
from tests.tracing.networks import Calls

R = torch.randn
utils: Any = torch.utils


def plain() -> Any:
    """Two layers of 8 × 8 with an activation between."""
    return nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8))


def written(m: Any, x: torch.Tensor) -> Any:
    """A buffer and a weight that are set to other memory, and used."""
    m.kept.set_(torch.ones(8, 8))
    m.weight.set_(torch.ones(8, 8))
    return x @ m.weight + (x @ m.kept)


def replaced(m: Any, x: torch.Tensor) -> Any:
    """A buffer whose content is swapped with that of another tensor."""
    utils.swap_tensors(m.kept, torch.ones(8, 8))
    return x @ m.weight + (x @ m.kept)


def shrunk(m: Any, x: torch.Tensor) -> Any:
    """A tensor of the forward's own, set to another and to nothing."""
    own: Any = torch.zeros(3)
    own.set_(torch.ones(8, 8))
    empty: Any = torch.zeros(4)
    empty.set_()
    return x @ own + x @ m.weight


@pytest.mark.parametrize("function", [written, replaced, shrunk])
@pytest.mark.parametrize("on", ["meta", "fake"])
def test_setting_and_swapping_tensors_changes_no_number(function: Any, on: str) -> None:
    """`set_` and `swap_tensors` cost nothing, and what they did to the model is undone."""
    model: Any = Calls(function)
    model.register_buffer("kept", torch.zeros(8, 8))
    before = {key: value.clone() for key, value in model.state_dict().items()}
    held = {
        key: (id(value), value.data_ptr())
        for key, value in model.state_dict(keep_vars=True).items()
    }
    report = costlab.analyze(model, R(2, 8), on=on)
    assert report.coverage.unknown == ()
    assert report.total.macs == 2 * (2 * 8 * 8)
    after = model.state_dict(keep_vars=True)
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert held == {key: (id(value), value.data_ptr()) for key, value in after.items()}


def test_setting_a_weight_to_another_shape_is_named() -> None:
    """A weight whose shape a forward changes by `set_` is an unknown operation, with its name."""
    model = Calls(lambda m, x: (m.weight.set_(torch.ones(4, 4)), x)[1])
    report = costlab.analyze(model, R(2, 8))
    assert [unknown.op for unknown in report.coverage.unknown] == ["set_"]
    assert model.weight.shape == (8, 8)


@pytest.mark.parametrize("mode", ["eval", "train"])
def test_a_weight_norm_costs_no_multiply_adds(mode: str) -> None:
    """Weights as direction and length: the layers' MACs, and element-wise operations besides."""
    model = plain()
    nn.utils.parametrizations.weight_norm(model[0])
    report = costlab.analyze(model, R(2, 8), mode=mode)
    assert report.total.macs == 2 * (2 * 8 * 8)
    assert report.total.params == 2 * (8 * 8 + 8) + 8
    assert report.coverage.unknown == ()
    before = costlab.analyze(plain(), R(2, 8), mode=mode)
    assert report.total.flops - before.total.flops == 3 * 8 * 8 + 2 * 8


def test_a_parametrized_weight_is_computed_where_it_is_used() -> None:
    """A symmetric weight W + Wᵀ costs its sum in the layer, each time that it is asked for."""

    class Symmetric(nn.Module):
        def forward(self, weight: torch.Tensor) -> torch.Tensor:
            return weight + weight.T

    model = plain()
    nn.utils.parametrize.register_parametrization(model[0], "weight", Symmetric())
    report = costlab.analyze(model, R(2, 8))
    assert report.total.macs == 2 * (2 * 8 * 8)
    assert report.total.flops == 2 * report.total.macs + 2 * (2 * 8) + 2 * 8 + 8 * 8
    assert F.linear(R(1, 8), model[0].weight).shape == (1, 8)


@pytest.mark.parametrize("on", ["meta", "fake", "real"])
def test_a_weight_that_is_swapped_is_swapped_back(on: str) -> None:
    """The model has its own values again, also where the trace has seen the new ones."""

    def forward(m: Any, x: torch.Tensor) -> Any:
        utils.swap_tensors(m.weight, nn.Parameter(torch.ones(8, 8)))
        return x @ m.weight

    model = Calls(forward)
    before = model.weight.detach().clone()
    costlab.trace(model, R(2, 8), on=on)
    assert torch.equal(model.weight, before)
