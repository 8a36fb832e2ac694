"""Weights that no module registers: what a step of training counts of them and leaves out."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn

from costlab import analyze
from tests.training.real import counted_macs, kept_bytes

if TYPE_CHECKING:
    from costlab import Report
    from costlab.tracing.fallbacks import Carrier
    from costlab.training import Training

FIRST, SECOND = 6 * 6 + 6, 6 * 4 + 4
"""The elements of two layers."""


class Built(nn.Module):
    """A second layer that is built by the first forward."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(6, 6)
        self.new: nn.Linear | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Both."""
        if self.new is None:
            self.new = nn.Linear(6, 4)
        made: torch.Tensor = self.new(self.first(x))
        return made


class Listed(nn.Module):
    """A second layer in a plain list, whose parameters no module knows."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.layers = nn.Linear(6, 6), [nn.Linear(6, 4)]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Both."""
        made: torch.Tensor = self.layers[0](self.first(x))
        return made


def registered() -> nn.Module:
    """The same two layers, as they are to be."""
    return nn.Sequential(nn.Linear(6, 6), nn.Linear(6, 4))


def told(model: nn.Module, carrier: Carrier = "meta") -> tuple[Report, Training]:
    """What costlab says of a step on two rows."""
    report = analyze(model, "f32[2,6]", mode="train", on=carrier)
    assert report.training is not None
    return report, report.training


@pytest.mark.parametrize("carrier", ["meta", "real"])
@pytest.mark.parametrize("kind", [Built, Listed])
def test_a_stray_weight_is_no_activation(kind: type[nn.Module], carrier: Carrier) -> None:
    """Saved bytes and products are those of the model that registers it."""
    x, found = torch.randn(2, 6), told(kind(), carrier)[1]
    assert found.total.saved_bytes == kept_bytes(registered(), x)
    assert found.total.macs == counted_macs(copy.deepcopy(registered()), x)
    assert not found.is_estimate


@pytest.mark.parametrize("kind", [Built, Listed])
def test_what_an_optimizer_is_not_given_is_left_out_and_named(kind: type[nn.Module]) -> None:
    """`model.parameters()` has the first layer alone, and so have params, trainable and state."""
    report, found = told(kind())
    assert report.total.params == found.trainable == FIRST
    assert found.memory.parameter_bytes == found.memory.optimizer_state_bytes == 4 * FIRST
    (remark,) = [text for text in report.warnings if "registers" in text]
    assert f"2 weights ({SECOND} elements)" in remark
    assert told(registered())[0].warnings == ()


@pytest.mark.parametrize("kind", [Built, Listed])
def test_the_peak_has_room_for_stray_weights(kind: type[nn.Module]) -> None:
    """They and their gradients are there; only the optimizer's state of them is not."""
    expected = told(registered())[1].memory.peak_bytes - 4 * SECOND
    assert told(kind())[1].memory.peak_bytes == expected
