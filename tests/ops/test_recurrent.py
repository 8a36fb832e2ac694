"""Recurrent layers against plain loops of steps, and against the kernels that torch unrolls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_sequence

import costlab
from costlab.graph import TensorSpec
from costlab.ops import OPS
from tests.ops import loops
from tests.ops.agreement import agrees, effect_of
from tests.ops.draws import randomly

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

GATES = {"lstm": 4, "gru": 3, "rnn_tanh": 1, "rnn_relu": 1}
RECURRENT = {name for name, op in OPS.items() if op.family == "recurrent"}


def layer(kind: str, *sizes: int, **options: Any) -> nn.RNNBase:
    """A recurrent layer by the name that torch calls its function by."""
    if kind == "lstm":
        return nn.LSTM(*sizes, **options)
    if kind == "gru":
        return nn.GRU(*sizes, **options)
    return nn.RNN(*sizes, nonlinearity=kind.removeprefix("rnn_"), **options)


def function(kind: str) -> Callable[..., Any]:
    """The function that carries such a layer out."""
    found: Callable[..., Any] = getattr(torch._C._VariableFunctions, kind)
    return found


def drawn(rng: Random) -> tuple[str, nn.RNNBase]:
    """A kind of layer, and one of it with any sizes and options."""
    kind = rng.choice(list(GATES))
    hidden = rng.randint(2, 4)
    options: dict[str, Any] = {"num_layers": rng.randint(1, 3), "bidirectional": rng.random() < 0.5}
    options |= {"bias": rng.random() < 0.5, "batch_first": rng.random() < 0.5}
    if kind == "lstm" and rng.random() < 0.5:
        options["proj_size"] = rng.randint(1, hidden - 1)
    return kind, layer(kind, rng.randint(1, 4), hidden, **options)


def states(rnn: nn.RNNBase, samples: int) -> Any:
    """The states that a layer begins with."""
    stacked = rnn.num_layers * (1 + rnn.bidirectional)
    hidden = torch.zeros(stacked, samples, rnn.proj_size or rnn.hidden_size)
    cell = torch.zeros(stacked, samples, rnn.hidden_size)
    return (hidden, cell) if isinstance(rnn, nn.LSTM) else hidden


def arguments(rnn: nn.RNNBase, *first: Any) -> tuple[Any, ...]:
    """What torch's function is called with, after the input and what belongs to it."""
    flat = [weight.detach() for weights in rnn.all_weights for weight in weights]
    return (*first, flat, rnn.bias, rnn.num_layers, 0.0, False, rnn.bidirectional)


def by_loops(kind: str, rnn: nn.RNNBase, steps: int) -> int:
    """Products of a layer, step by step, layer by layer, direction by direction."""
    handed = rnn.proj_size or rnn.hidden_size
    directions = 2 if rnn.bidirectional else 1
    count = 0
    for _ in range(steps):
        for depth in range(rnn.num_layers):
            for _direction in range(directions):
                inputs = directions * handed if depth else rnn.input_size
                count += loops.recurrent_step(
                    GATES[kind], inputs, rnn.hidden_size, handed, bool(rnn.proj_size)
                )
    return count


@randomly(60)
def test_layers_against_loops_and_kernels(rng: Random) -> None:
    """A layer of any options makes what its kernel does, and costs the products of its steps."""
    kind, rnn = drawn(rng)
    steps, samples = rng.randint(1, 4), rng.randint(1, 3)
    places = (samples, steps) if rnn.batch_first else (steps, samples)
    x = torch.zeros(*places, rnn.input_size)
    args = (*arguments(rnn, x, states(rnn, samples)), rnn.batch_first)
    assert agrees(kind, function(kind), *args)
    effect = effect_of(kind, *args)
    assert effect is not None
    assert effect.macs == by_loops(kind, rnn, steps * samples)


@randomly(40)
def test_packed_sequences_against_loops_and_kernels(rng: Random) -> None:
    """A packed batch costs the steps that its sequences have, not those of the longest."""
    kind, rnn = drawn(rng)
    lengths = sorted((rng.randint(1, 5) for _ in range(rng.randint(1, 4))), reverse=True)
    packed = pack_sequence([torch.zeros(length, rnn.input_size) for length in lengths])
    args = arguments(rnn, packed.data, packed.batch_sizes, states(rnn, len(lengths)))
    assert agrees(kind, function(kind), *args)
    effect = effect_of(kind, *args)
    assert effect is not None
    assert effect.macs == by_loops(kind, rnn, sum(lengths))


@pytest.mark.parametrize("kind", GATES)
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("shape", [(3, 5), (5,)], ids=["batch", "one sample"])
def test_cells_against_loops_and_kernels(kind: str, bias: bool, shape: tuple[int, ...]) -> None:
    """A cell costs one step of one layer, whether or not its input has a batch."""
    gates, hidden, inputs = GATES[kind], 4, 5
    weights = [torch.zeros(gates * hidden, inputs), torch.zeros(gates * hidden, hidden)]
    weights += [torch.zeros(gates * hidden)] * 2 if bias else []
    state = torch.zeros(*shape[:-1], hidden)
    args = (torch.zeros(shape), [state, state] if kind == "lstm" else state, *weights)
    if len(shape) == 2:  # the kernels take batches only, and the modules make one
        assert agrees(f"{kind}_cell", function(f"{kind}_cell"), *args)
    effect = effect_of(f"{kind}_cell", *args)
    assert effect is not None
    samples = 1 if len(shape) == 1 else shape[0]
    assert effect.macs == samples * loops.recurrent_step(gates, inputs, hidden, hidden, False)


UNROLLED = {name: op for name, op in OPS.items() if name not in RECURRENT}
"""A table in which recurrent layers are priced kernel by kernel."""


@pytest.mark.parametrize(
    ("rnn", "inputs"),
    [
        (nn.LSTM(3, 4, 2, bidirectional=True, proj_size=2), "f32[5,2,3]"),
        (nn.LSTM(3, 4, 2, bias=False, batch_first=True), "f32[2,5,3]"),
        (nn.LSTM(3, 4, 3), "f32[5,3]"),
        (nn.GRU(3, 4, 2, bidirectional=True), "f32[5,2,3]"),
        (nn.GRU(3, 4, bias=False), "f32[5,3]"),
        (nn.RNN(3, 4, 2, nonlinearity="relu"), "f32[5,2,3]"),
        (nn.RNN(3, 4, bias=False), "f32[5,2,3]"),
        (nn.LSTMCell(3, 4), "f32[2,3]"),
        (nn.LSTMCell(3, 4, bias=False), "f32[3]"),
        (nn.GRUCell(3, 4), "f32[2,3]"),
        (nn.GRUCell(3, 4, bias=False), "f32[2,3]"),
        (nn.RNNCell(3, 4), "f32[3]"),
        (nn.RNNCell(3, 4, bias=False, nonlinearity="relu"), "f32[2,3]"),
    ],
    ids=str,
)
@pytest.mark.parametrize("mode", ["eval", "train"])
def test_a_rule_says_what_torchs_steps_come_to(rnn: nn.Module, inputs: str, mode: str) -> None:
    """One rule has the multiply-adds and operations of all the kernels that torch unrolls."""
    whole = costlab.analyze(rnn, inputs, mode=mode, strict=True)
    unrolled = costlab.analyze(rnn, inputs, mode=mode, strict=True, ops=UNROLLED)
    assert (whole.total.macs, whole.total.flops) == (unrolled.total.macs, unrolled.total.flops)
    assert {op.op for op in whole.root.ops if op.family == "recurrent"}
    assert not [op for op in unrolled.root.ops if op.family == "recurrent"]


def test_dropout_between_layers() -> None:
    """In training, dropout takes 2 operations an output element of each layer but the last."""
    dropping, plain = nn.GRU(3, 4, 3, dropout=0.5), nn.GRU(3, 4, 3)
    more = [
        costlab.analyze(rnn, "f32[5,2,3]", mode=mode).total.flops
        for mode in ("train", "eval")
        for rnn in (dropping, plain)
    ]
    assert more[0] - more[1] == 2 * (3 - 1) * 5 * 2 * 4
    assert more[2] == more[3] == more[1]


def test_the_depth_of_stacked_layers() -> None:
    """Three stacked recurrent layers are three layers deep, however long the sequence."""
    assert costlab.analyze(nn.GRU(3, 4, 3), "f32[50,2,3]").total.depth == 3
    assert costlab.analyze(nn.GRUCell(3, 4), "f32[2,3]").total.depth == 1


def test_what_does_not_fit_is_left_to_the_kernel() -> None:
    """A rule declines weights and states of other sizes, so that torch's own error is seen."""
    x, h = TensorSpec((5, 2, 3)), TensorSpec((1, 2, 4))
    w_ih, w_hh = TensorSpec((12, 3)), TensorSpec((12, 4))
    options = (False, 1, 0.0, False, False, False)
    assert effect_of("gru", x, h, [w_ih, w_hh], *options) is not None
    assert effect_of("gru", x, h, [w_ih, TensorSpec((12, 5))], *options) is None
    assert effect_of("gru", x, h, [TensorSpec((12, 2)), w_hh], *options) is None
    assert effect_of("gru", x, TensorSpec((1, 3, 4)), [w_ih, w_hh], *options) is None
    assert effect_of("gru", x, h, [w_ih], *options) is None
    with pytest.raises(costlab.TraceError, match=r"Expected 3, got 7|input_size"):
        costlab.analyze(nn.GRU(3, 4), "f32[5,2,7]")
