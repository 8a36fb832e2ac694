"""Models are built without their weights, and as they are where that fails."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from costlab.skeleton import build


def test_a_skeleton_has_no_weights() -> None:
    """Large parameters are on meta; small ones and what constructors read have values."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rates = torch.linspace(0, 1, 3).tolist()
            self.large = nn.Linear(1000, 1000)
            self.small = nn.BatchNorm1d(4)

    model = build(Net)
    assert model.large.weight.is_meta
    assert model.small.weight.tolist() == [1, 1, 1, 1]
    assert model.rates == [0, 0.5, 1]


def test_the_random_state_is_left_alone() -> None:
    """Building a skeleton draws no random number."""
    before = torch.get_rng_state()
    build(lambda: nn.Sequential(nn.Linear(10, 10), nn.Conv2d(3, 64, 7)))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_factory_that_needs_its_weights_gets_them() -> None:
    """A factory that computes on its weights is called again, for real."""

    def pruned() -> nn.Module:
        layer = nn.Linear(300, 300)
        if float(layer.weight.abs().max()) > 0:
            layer.weight.data.zero_()
        return layer

    assert not build(pruned).weight.is_meta


def test_an_error_of_the_factory_comes_out() -> None:
    """What fails for real fails with its own error."""

    def broken() -> nn.Module:
        message = "mine"
        raise ValueError(message)

    with pytest.raises(ValueError, match="mine"):
        build(broken)
