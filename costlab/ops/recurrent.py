"""Recurrent layers and their cells, by what one step of each costs.

Does not know which kernel runs the steps: one call of a layer is one operation, however long the
sequence. Does not know how long the sequences of a batch are, only how many elements a packed one
has in all.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from costlab.ops.activation import DROPOUT
from costlab.ops.dtypes import name_of, real
from costlab.ops.rule import SAME, Effect, Rule, Shape, Shaped, require

if TYPE_CHECKING:
    from collections.abc import Sequence


class Cell(NamedTuple):
    """A kind of recurrent cell: its gates, and its element-wise operations a hidden unit.

    `gates` matrices of each kind (of the input, of the hidden state) are multiplied, `sums` of
    their pairs added up; `steps` operations make the new state of them; a bias is one more for
    each matrix.
    """

    gates: int
    sums: int
    steps: int
    has_cell_state: bool = False

    def flops(self, biased: bool) -> int:
        """Element-wise operations a step, sample and hidden unit."""
        return self.sums + self.steps + (2 * self.gates if biased else 0)


RNN = Cell(gates=1, sums=1, steps=1)  # h' = tanh(·), or relu(·)
GRU = Cell(gates=3, sums=2, steps=8)  # 3 gates; r·(…), n + …; (h − n)·z + n: 3
LSTM = Cell(gates=4, sums=4, steps=9, has_cell_state=True)  # 4 gates; c' = f·c + i·g: 3; o·tanh(c')


def layer(cell: Cell) -> Rule:
    """The rule of a stack of recurrent layers over whole sequences.

    Equation: gates[t] = W_ih·x[t] + b_ih + W_hh·h[t−1] + b_hh; h[t] = f(gates[t], h[t−1])
    →  MACs = steps · Σ_(layers, directions) (g·h·(i + r) + r·h if projected), where `steps` are
    those of all sequences together, i is the width of the layer's input, h the hidden size, g the
    gates (4, 3, 1), and r the width of what goes to the next step: h, or `proj_size`.

    Shapes: input (t, n, i), (n, t, i) with `batch_first`, or (Σt, i) packed; states (layers ·
    directions, n, r); output as the input, with directions · r features; then the last states.
    """

    def sequence(input: Shaped, *rest: Any) -> Effect:
        if isinstance(rest[2], list | tuple):  # weights, where a padded batch has a flag
            sizes, *options = rest
            require(len(input.shape) == 2 and len(sizes.shape) == 1)
            return _layers(cell, input, *[*options, False], packed=True)
        require(len(input.shape) == 3)
        return _layers(cell, input, *rest)

    return sequence


def _layers(
    cell: Cell,
    input: Shaped,
    states: Any,
    weights: Sequence[Shaped],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool,
    *,
    packed: bool = False,
) -> Effect:
    """What a stack of layers makes and costs; `packed` where sequences stand end to end."""
    held: list[Shaped] = list(states) if cell.has_cell_state else [states]
    directions = 2 if bidirectional else 1
    each = 2 + 2 * has_biases
    stacked = num_layers * directions
    require(stacked > 0 and len(held) == 1 + cell.has_cell_state)
    projected = len(weights) == stacked * (each + 1)
    require(projected or len(weights) == stacked * each)
    require(not projected or cell.has_cell_state)
    each += projected
    require(real(input, *held, *weights))
    *places, features = input.shape
    hidden, width = _widths(weights[0], weights[1], cell)
    steps, macs = prod(places), 0
    for at in range(stacked):
        inputs = features if at < directions else directions * width
        own = weights[at * each : (at + 1) * each]
        _fits(own, cell.gates * hidden, inputs, width, has_biases)
        macs += cell.gates * hidden * (inputs + width)
        if projected:
            require(tuple(own[-1].shape) == (width, hidden))
            macs += width * hidden
    require(projected or width == hidden)
    batch = held[0].shape[1] if packed else places[0 if batch_first else 1]
    last = [(stacked, batch, width), (stacked, batch, hidden)][: len(held)]
    require([tuple(state.shape) for state in held] == last)
    shape = (*places, directions * width)
    dropped = DROPOUT * (num_layers - 1) * prod(shape) if train and dropout else 0
    return Effect(
        shape,
        macs=steps * macs,
        flops=steps * stacked * hidden * cell.flops(has_biases) + dropped,
        dtype=(SAME,) * (1 + len(held)),
        attributes={
            "channels": (features, directions * width),
            "hidden": hidden,
            "layers": num_layers,
            "directions": directions,
        },
        shapes=(shape, *last),
    )


def single(cell: Cell) -> Rule:
    """The rule of one step of one layer.

    Equation: as of a layer, for one step  →  MACs = n · g·h·(i + h).

    Shapes: input (n, i) or (i,), states (n, h) or (h,), output the new states.
    """

    def step(
        input: Shaped,
        states: Any,
        w_ih: Shaped,
        w_hh: Shaped,
        b_ih: Shaped | None = None,
        b_hh: Shaped | None = None,
    ) -> Effect:
        held: list[Shaped] = list(states) if cell.has_cell_state else [states]
        require((b_ih is None) == (b_hh is None))
        biases = [] if b_ih is None or b_hh is None else [b_ih, b_hh]
        require(real(input, *held, w_ih, w_hh, *biases))
        *places, features = input.shape
        hidden, width = _widths(w_ih, w_hh, cell)
        require(len(places) < 2 and width == hidden)
        _fits((w_ih, w_hh, *biases), cell.gates * hidden, features, width, bool(biases))
        shape: Shape = (*places, hidden)
        require([tuple(state.shape) for state in held] == [shape] * (1 + cell.has_cell_state))
        samples = prod(places)
        return Effect(
            shape,
            macs=samples * cell.gates * hidden * (features + hidden),
            flops=samples * hidden * cell.flops(bool(biases)),
            dtype=(SAME, SAME) if cell.has_cell_state else name_of(input.dtype),
            attributes={"channels": (features, hidden), "hidden": hidden},
            shapes=(shape, shape) if cell.has_cell_state else None,
        )

    return step


MODE_LSTM = 2
"""What oneDNN's kernel is given for a layer of LSTM cells (`RNN_MODE` in torch's RNN.cpp)."""


def onednn_lstm(
    input: Shaped,
    w_ih: Shaped,
    w_hh: Shaped,
    b_ih: Shaped,
    b_hh: Shaped,
    hx: Shaped,
    cx: Shaped,
    reverse: bool,
    batch_sizes: Sequence[int],
    mode: int,
    hidden_size: int,
    num_layers: int,
    has_biases: bool,
    bidirectional: bool,
    batch_first: bool,
    train: bool,
) -> Effect:
    """One layer in one direction, by the kernel that scripted code comes to on a CPU.

    Equation: as of a layer  →  MACs = t·n · 4·h·(i + h).

    Shapes: input (t, n, i), states (n, h); output (t, n, h), the new states, and the kernel's own
    memory, of which torch's shapes have none either.
    """
    del reverse, num_layers, bidirectional, batch_first, train
    require(mode == MODE_LSTM and not batch_sizes and len(input.shape) == 3)
    require(real(input, hx, cx, w_ih, w_hh))
    steps, batch, features = input.shape
    biases = [b_ih, b_hh] if has_biases else []
    _fits((w_ih, w_hh, *biases), LSTM.gates * hidden_size, features, hidden_size, has_biases)
    state = (batch, hidden_size)
    require(tuple(hx.shape) == tuple(cx.shape) == state)
    shape = (steps, *state)
    return Effect(
        shape,
        macs=prod(shape) * LSTM.gates * (features + hidden_size),
        flops=prod(shape) * LSTM.flops(has_biases),
        dtype=(SAME, SAME, SAME, "uint8"),
        attributes={"channels": (features, hidden_size), "hidden": hidden_size},
        shapes=(shape, state, state, (0,)),
    )


def _widths(w_ih: Shaped, w_hh: Shaped, cell: Cell) -> tuple[int, int]:
    """The hidden size, and the width of what a step hands to the next."""
    require(len(w_ih.shape) == len(w_hh.shape) == 2 and w_ih.shape[0] % cell.gates == 0)
    return w_ih.shape[0] // cell.gates, w_hh.shape[1]


def _fits(weights: Sequence[Shaped], rows: int, inputs: int, width: int, biased: bool) -> None:
    """Declines unless the weights of a layer have the shapes that belong together."""
    shapes = [(rows, inputs), (rows, width), *([(rows,)] * 2 if biased else [])]
    require([tuple(weight.shape) for weight in weights[: len(shapes)]] == shapes)


RULES: dict[str, Rule] = {
    "lstm": layer(LSTM),
    "gru": layer(GRU),
    "rnn_tanh": layer(RNN),
    "rnn_relu": layer(RNN),
    "lstm_cell": single(LSTM),
    "gru_cell": single(GRU),
    "rnn_tanh_cell": single(RNN),
    "rnn_relu_cell": single(RNN),
    "mkldnn_rnn_layer": onednn_lstm,
}
