"""A tensor that is handed the memory of another, or is resized, is what it is from then on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn

import costlab
from tests.tracing.networks import Calls

if TYPE_CHECKING:
    from collections.abc import Callable

R = torch.randn


class Enlarged(nn.Module):
    """A product of 2 rows, which are made 4 in some way, and a linear layer."""

    def __init__(self, enlarge: Callable[[torch.Tensor], Any]) -> None:
        super().__init__()
        self.enlarge = enlarge
        self.first, self.second = nn.Linear(8, 8, bias=False), nn.Linear(8, 8, bias=False)

    def forward(self, x: torch.Tensor) -> Any:
        """Features of 4 rows."""
        y = self.first(x)
        self.enlarge(y)
        return self.second(y)


def give(y: torch.Tensor) -> None:
    """Assigns to the data."""
    y.data = torch.cat([y, y])


def unsqueezed_twice(y: torch.Tensor) -> None:
    """Shapes change in place, there and back, and then for good."""
    y.unsqueeze_(0).squeeze_(0)
    y.data = torch.cat([y, y])


WAYS: dict[str, Callable[[torch.Tensor], Any]] = {
    "data": give,
    "after views in place": unsqueezed_twice,
    "set_": lambda y: y.set_(torch.cat([y, y])),  # type: ignore[call-overload]  # torch types storages alone
    "resize_": lambda y: y.resize_(4, 8),
    "resize_as_": lambda y: y.resize_as_(torch.zeros(4, 8)),
    "swap_tensors": lambda y: torch.utils.swap_tensors(y, torch.cat([y, y])),  # type: ignore[no-untyped-call]  # torch leaves it untyped
}


@pytest.mark.filterwarnings("ignore:non-inplace resize is deprecated")
@pytest.mark.parametrize("on", ["meta", "fake", "real"])
@pytest.mark.parametrize("way", WAYS)
def test_an_activation_that_grows_is_counted_as_it_is(way: str, on: str) -> None:
    """Two rows, then four: 2·8·8 and 4·8·8 multiply-adds, and the bytes of four rows."""
    if (way, on) == ("swap_tensors", "real"):
        pytest.skip("a run on real tensors does not swap tensors that it watches")
    model = Enlarged(WAYS[way])
    report = costlab.analyze(model, R(2, 8), mode="eval", on=on, strict=True)
    assert report.total.macs == 2 * 8 * 8 + 4 * 8 * 8
    assert report.block("second").cost.bytes == 4 * (4 * 8 + 8 * 8 + 4 * 8)


def test_an_activation_that_grows_does_for_real() -> None:
    """The ways above do give four rows."""
    with torch.no_grad():
        for way in WAYS.values():
            assert Enlarged(way)(R(2, 8)).shape == (4, 8)


@pytest.mark.parametrize("on", ["meta", "fake", "real"])
def test_an_input_that_grows_is_counted_as_it_is(on: str) -> None:
    """The caller's input stays as it was."""

    def forward(m: Any, x: torch.Tensor) -> Any:
        x.data = torch.cat([x, x])
        return x @ m.weight

    x = R(2, 8)
    report = costlab.analyze(Calls(forward), x, on=on, strict=True)
    assert report.total.macs == 4 * 8 * 8
    assert x.shape == (2, 8)


@pytest.mark.parametrize("on", ["meta", "fake", "real"])
def test_a_weight_whose_data_have_another_shape_is_named(on: str) -> None:
    """Whoever asks the weight is told its old shape: an unknown operation, and no wrong count."""

    def forward(m: Any, x: torch.Tensor) -> Any:
        m.weight.data = torch.cat([m.weight, m.weight])
        return nn.functional.linear(x, m.weight)

    model = Calls(forward)
    report = costlab.analyze(model, R(2, 8), on=on)
    assert [unknown.op for unknown in report.coverage.unknown] == ["data"]
    assert model.weight.shape == (8, 8)


@pytest.mark.parametrize("on", ["meta", "fake", "real"])
def test_a_weight_whose_data_look_as_before_costs_what_it_did(on: str) -> None:
    """A weight that a forward divides by its norm is the same weight."""

    def forward(m: Any, x: torch.Tensor) -> Any:
        m.weight.data = m.weight / m.weight.norm()
        return x @ m.weight

    model = Calls(forward)
    before = model.weight.detach().clone()
    report = costlab.analyze(model, R(2, 8), on=on, strict=True)
    assert report.total.macs == 2 * 8 * 8
    assert torch.equal(model.weight, before)
