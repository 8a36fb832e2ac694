"""Scripted code in training: it has gradients, however often it ran before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn

from tests.training.layers import CARRIERS, LAYER, Layers, on
from tests.training.real import counted_macs, traced

if TYPE_CHECKING:
    from costlab.tracing.fallbacks import Carrier


@pytest.mark.parametrize("carrier", CARRIERS)
def test_scripted_layers_have_gradients_however_often_they_ran(carrier: Carrier) -> None:
    """Torch's executor makes other code of them from the second run on."""
    plain = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 6))
    scripted = torch.jit.script(plain)
    expected = counted_macs(plain, torch.randn(2, 6))
    for _ in range(3):
        found = on(carrier, scripted)
        assert (found.total.macs, found.trainable) == (expected, 2 * LAYER)
        scripted(torch.randn(2, 6)).sum().backward()


def test_scripted_code_takes_its_arguments_as_ever() -> None:
    """By place, by name and by default; what does not fit is torch's own error."""

    @torch.jit.script
    def power(x: torch.Tensor, exponent: int = 2, factor: float = 1.0) -> torch.Tensor:
        return x @ x.t() * factor if exponent == 2 else x

    products = 2 * 2 * 6
    for call in (
        power,
        lambda x: power(x, 2, 3.0),
        lambda x: power(factor=2.0, x=x),
    ):
        assert (
            traced(Layers(lambda _, x, run=call: run(x)), torch.ones(2, 6)).total.macs == products
        )
    with pytest.raises(Exception, match="Unknown keyword argument 'other'"):
        traced(Layers(lambda _, x: power(x, other=2)), torch.ones(2, 6))
