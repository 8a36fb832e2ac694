"""A tensor that is handed the memory of another, or is resized, is what it is from then on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn

import costlab
from costlab.graph import Coverage
from costlab.training import training_of
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


def clamped(m: Any, x: torch.Tensor) -> Any:
    """Data of a tensor with a history, as a binary network has them."""
    y = m.first(x)
    y.data = y.data.clamp(-1, 1)
    return m.second(y)


def reset(m: Any, x: torch.Tensor) -> Any:
    """Memory of a tensor with a history."""
    y = m.first(x)
    with torch.no_grad():
        y.set_(torch.zeros(4, 8))
    return m.second(y)


def halved(m: Any, x: torch.Tensor) -> Any:
    """Data of another element type."""
    y = m.first(x)
    y.data = y.data.double()
    return m.second(y.float())


def received(m: Any, x: torch.Tensor) -> Any:
    """Data from a tensor with a history, to one that has none."""
    z = torch.zeros(4, 8)
    z.data = m.first(x)
    return m.second(z)


def weighed(m: Any, x: torch.Tensor) -> Any:
    """Data of a weight, as many as before."""
    m.first.weight.data = torch.zeros(8, 8)
    return m.second(m.first(x))


HISTORIES = (clamped, reset, halved, received, weighed)


class Layers(nn.Module):
    """Two linear layers, and a forward on them."""

    def __init__(self, way: Callable[[Any, torch.Tensor], Any]) -> None:
        super().__init__()
        self.way = way
        self.first, self.second = nn.Linear(8, 8), nn.Linear(8, 8)

    def forward(self, x: torch.Tensor) -> Any:
        """Features."""
        return self.way(self, x)


@pytest.mark.parametrize("on", ["meta", "fake", "real"])
@pytest.mark.parametrize("way", HISTORIES)
def test_a_tensor_keeps_its_history_under_other_data(
    way: Callable[[Any, torch.Tensor], Any], on: str
) -> None:
    """Gradients are made of the weights that plain torch makes gradients of."""
    model, plain = Layers(way), Layers(way)
    plain(R(4, 8)).sum().backward()
    wanted = sum(weight.numel() for weight in plain.parameters() if weight.grad is not None)
    graph = costlab.trace(model, R(4, 8), mode="train", on=on)
    training = training_of(graph)
    assert training.trainable == wanted
    assert bool(training.own["first"].weight_gradient_macs) == (plain.first.weight.grad is not None)


@pytest.mark.parametrize("on", ["meta", "fake", "real"])
@pytest.mark.parametrize("way", [clamped, received])
def test_a_forward_is_told_the_history_that_a_tensor_has(
    way: Callable[[Any, torch.Tensor], Any], on: str
) -> None:
    """Other data do not make a tensor a leaf, nor one with a history of a leaf."""
    told: list[tuple[bool, bool]] = []

    def asking(_: Any, given: tuple[torch.Tensor]) -> None:
        told.append((given[0].requires_grad, given[0].is_leaf))

    model = Layers(way)
    model.second.register_forward_pre_hook(asking)
    model(R(4, 8))
    costlab.trace(model, R(4, 8), mode="train", on=on)
    assert told == [told[0]] * 2


def test_a_weight_of_another_shape_is_trained_all_the_same() -> None:
    """It is a weight still: what is unknown is its shape alone."""

    def forward(m: Any, x: torch.Tensor) -> Any:
        m.weight.data = torch.zeros(4, 8)
        return nn.functional.linear(x, m.weight)

    graph = costlab.trace(Calls(forward), R(2, 8), mode="train")
    assert [node.op for node in graph.nodes if node.coverage is Coverage.UNKNOWN] == ["data"]
    assert training_of(graph).trainable == 8 * 8


class Lends(nn.Module):
    """A buffer and a weight whose memory a tensor of the forward's own is given, and writes to."""

    def __init__(self, lend: Callable[[Any, torch.Tensor], Any]) -> None:
        super().__init__()
        self.lend = lend
        self.held = nn.Buffer(torch.zeros(3))
        self.memory = self.held.untyped_storage()
        self.weight = nn.Parameter(torch.zeros(3))

    def forward(self, x: torch.Tensor) -> Any:
        """What was written, and the input."""
        taken = torch.zeros(3)
        self.lend(self, taken)
        return x + taken.add_(1)


LOANS: dict[str, Callable[[Any, torch.Tensor], Any]] = {
    "data": lambda m, t: setattr(t, "data", m.held),
    "data of a weight": lambda m, t: setattr(t, "data", m.weight),
    "set_": lambda m, t: t.set_(m.held),
    "set_ of a part": lambda m, t: t.set_(m.held, 0, (3,), (1,)),
    "set_ by name": lambda m, t: t.set_(source=m.held),
    "set_ of memory that is kept": lambda m, t: t.set_(m.memory, 0, (3,), (1,)),
    "set_ of memory": lambda m, t: t.set_(m.held.untyped_storage(), 0, (3,), (1,)),
}


@pytest.mark.parametrize("on", ["meta", "fake", "real"])
@pytest.mark.parametrize("way", LOANS)
def test_what_a_model_lends_is_not_written_to(way: str, on: str) -> None:
    """Plain torch writes to the model's memory; a trace leaves it as it was."""
    model = Lends(LOANS[way])
    costlab.trace(model, torch.ones(3), mode="eval", on=on)
    assert torch.equal(model.held, torch.zeros(3))
    assert torch.equal(model.weight, torch.zeros(3))
