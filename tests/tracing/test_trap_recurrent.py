"""The trap of recurrent layers: whatever kernel runs them, each step of each sequence counts."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import (
    pack_padded_sequence,
    pack_sequence,
    pad_packed_sequence,
    unpack_sequence,
)

import costlab
from tests.tracing.networks import Calls, macs

R = torch.randn
LENGTHS = [5, 3, 3, 1]
STEP = 4 * 16 * (8 + 16)
"""Multiply-adds of one step of an LSTM from 8 to 16 features on one sample."""


class Packed(nn.Module):
    """An LSTM over sequences of different lengths, packed and padded again."""

    def __init__(self, lengths: Any, **options: Any) -> None:
        super().__init__()
        self.rnn = nn.LSTM(8, 16)
        self.lengths, self.options = lengths, options

    def forward(self, x: torch.Tensor) -> Any:
        """The padded outputs and the lengths."""
        packed = pack_padded_sequence(x, self.lengths, **self.options)
        out, _ = self.rnn(packed)
        first = self.options.get("batch_first", False)
        return pad_packed_sequence(out, batch_first=first, padding_value=-1.0, total_length=7)


@pytest.mark.parametrize("lengths", [LENGTHS, torch.tensor(LENGTHS)], ids=["list", "tensor"])
@pytest.mark.parametrize("first", [False, True])
def test_packed_sequences_cost_their_steps(lengths: Any, first: bool) -> None:
    """Steps that only pad are not counted, and what comes out has the shape that torch gives."""
    model = Packed(lengths, batch_first=first)
    x = R(4, 6, 8) if first else R(6, 4, 8)
    graph = costlab.trace(model, x)
    assert macs(model, x) == sum(LENGTHS) * STEP
    padded, told = model(x)
    shapes = [graph.tensors[number].spec.shape for number in graph.outputs]
    assert shapes == [tuple(padded.shape), tuple(told.shape)]


def test_sequences_in_any_order() -> None:
    """Sequences that are sorted first cost the same."""
    assert macs(Packed([1, 5, 3, 3], enforce_sorted=False), R(6, 4, 8)) == sum(LENGTHS) * STEP


def test_packing_does_what_torch_does() -> None:
    """What is packed on shapes has the elements, and the sizes of batches, that torch packs."""
    from costlab.tracing.bodies import pack, unpack

    x = R(6, 4, 8)
    packed = pack_padded_sequence(x, torch.tensor(LENGTHS))
    data, sizes = pack(x, torch.tensor(LENGTHS), batch_first=False)
    assert torch.equal(data, packed.data)
    assert torch.equal(sizes, packed.batch_sizes)
    padded, lengths = pad_packed_sequence(packed, padding_value=-1.0, total_length=7)
    ours, told = unpack(data, sizes, False, -1.0, 7)
    assert torch.equal(ours, padded)
    assert torch.equal(told, lengths)
    (transposed, _) = unpack(data, sizes, True, -1.0, 0)
    assert torch.equal(transposed, pad_packed_sequence(packed, True, -1.0)[0])


@pytest.mark.parametrize("lengths", [[3, 5, 1, 1], [5, 3, 1, 0], [9, 3, 1, 1], [5, 3]])
def test_wrong_lengths_are_refused(lengths: list[int]) -> None:
    """Lengths that torch refuses are an error of the forward, with the lengths in it."""
    with pytest.raises(costlab.TraceError, match=r"lengths|Length|sorted"):
        costlab.analyze(Packed(lengths), R(6, 4, 8))


def test_a_list_of_sequences() -> None:
    """`pack_sequence` of tensors costs their steps; a packed input does as well."""
    packs = Calls(lambda m, *x: unpack_sequence(m.rnn(pack_sequence(list(x)))[0])[0])
    packs.rnn = nn.LSTM(8, 16)
    assert macs(packs, tuple(R(length, 8) for length in LENGTHS)) == sum(LENGTHS) * STEP


def test_a_packed_input() -> None:
    """A model that is given packed sequences costs their steps, and leaves them as they are."""
    model = Calls(lambda m, x: m.rnn(x)[0])
    model.rnn = nn.GRU(8, 16, 2, bidirectional=True)
    packed = pack_sequence([R(length, 8) for length in LENGTHS])
    before = packed.data.clone()
    steps = 2 * 3 * 16 * (8 + 16) + 2 * 3 * 16 * (32 + 16)
    assert macs(model, (packed,)) == sum(LENGTHS) * steps
    assert torch.equal(packed.data, before)


def test_a_loop_of_cells_is_a_layer() -> None:
    """A loop over the steps with a cell costs what the layer costs in one call."""

    def loop(m: Any, x: torch.Tensor) -> Any:
        state = None
        for step in x:
            state = m.cell(step, state)
        return state

    model = Calls(loop)
    model.cell = nn.LSTMCell(8, 16)
    layer = costlab.analyze(nn.LSTM(8, 16), R(5, 2, 8)).total
    steps = costlab.analyze(model, R(5, 2, 8)).total
    assert (steps.macs, steps.flops) == (layer.macs, layer.flops) == (10 * STEP, layer.flops)


def test_states_that_are_given_cost_nothing_more() -> None:
    """A layer that is told its first states costs what it costs from zeros."""
    states = (R(1, 2, 16), R(1, 2, 16))
    assert macs(nn.LSTM(8, 16), (R(5, 2, 8), states)) == 10 * STEP


class First(nn.Module):
    """An LSTM's outputs without its states."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.LSTM(8, 16)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The outputs."""
        out: torch.Tensor = self.rnn(x)[0]
        return out


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")
def test_a_scripted_layer_is_the_layer() -> None:
    """Scripted, the steps are priced kernel by kernel, and come to the same."""
    with torch.device("meta"):  # a script asks that weights and inputs are on one device
        model = First()
    assert macs(torch.jit.script(model), "f32[5,2,8]") == 10 * STEP


def gradient_of(kind: str, layer: nn.Module) -> Any:
    """A model that asks a transform for a gradient of the outputs' sum, by its input or weights."""

    def of_input(_: Any, x: torch.Tensor) -> Any:
        return torch.func.grad(lambda z: layer(z)[0].sum())(x)

    def of_weights(_: Any, x: torch.Tensor) -> Any:
        def total(weights: Any) -> torch.Tensor:
            outputs: torch.Tensor = torch.func.functional_call(layer, weights, (x,))[0]
            return outputs.sum()

        return torch.func.grad(total)(dict(layer.named_parameters()))["weight_ih_l0"]

    def pulled_back(_: Any, x: torch.Tensor) -> Any:
        pulled: Any = torch.func.vjp(lambda z: layer(z)[0], x)
        return pulled[1](torch.ones_like(pulled[0]))[0]

    return {"input": of_input, "weights": of_weights, "vjp": pulled_back}[kind]


@pytest.mark.parametrize("on", ["meta", "real"])
@pytest.mark.parametrize("kind", ["input", "weights", "vjp"])
@pytest.mark.parametrize(("layer", "gates"), [(nn.LSTM, 4), (nn.GRU, 3), (nn.RNN, 1)])
def test_a_gradient_makes_only_what_is_asked_for(
    layer: Any, gates: int, kind: str, on: str
) -> None:
    """The forward once, and neither it anew nor what nobody wants, as oneDNN's LSTM has it."""
    steps, batch, features, hidden = 5, 2, 4, 6
    model: Any = Calls(gradient_of(kind, layer(features, hidden)))
    report = costlab.analyze(model, R(steps, batch, features), mode="eval", on=on)
    inward, onward = gates * hidden * features, gates * hidden * hidden
    forward = steps * batch * (inward + onward)
    if kind == "weights":
        backward = steps * batch * (inward + onward) + (steps - 1) * batch * onward
    else:
        # The first state is a constant, whose gradient nobody asks for.
        backward = steps * batch * inward + (steps - 1) * batch * onward
    assert report.total.macs == forward + backward
    assert not report.is_lower_bound
    assert torch._C._get_mkldnn_enabled()
