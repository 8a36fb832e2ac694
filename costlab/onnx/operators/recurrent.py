"""Recurrent layers: one direction or two of one layer over whole sequences.

Does not know how a runtime fuses the gates.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from costlab.graph import TensorSpec
from costlab.ops.recurrent import GRU, LSTM, RNN, Cell, layer
from costlab.ops.rule import Effect, Shape, require

if TYPE_CHECKING:
    from costlab.onnx.operators.call import Call, Rule

PEEPHOLES = 6  # three gates look at the cell's state: a product and a sum each
DIRECTIONS = {"forward": 1, "reverse": 1, "bidirectional": 2}
PADDED = "sequence lengths are not in the file: all sequences are taken to be of full length"


def sequence(cell: Cell) -> Rule:
    """The rule of LSTM, GRU or RNN, as of torch's layer of the same kind.

    Equation: gates[t] = W·x[t] + R·h[t−1] + b  →  MACs = steps · directions · g·h·(i + h).
    A clip of the gates is one operation a gate, peepholes are 6 a hidden unit.

    Shapes: X (t, n, i), or (n, t, i) with `layout` 1; W (d, g·h, i), R (d, g·h, h), B (d, 2·g·h);
    Y (t, d, n, h), or (n, t, d, h); the first and last states (d, n, h), or (n, d, h); P (d, 3·h).
    """

    def rule(call: Call) -> Effect:
        x, w, r = call.given(0).shape, call.given(1).shape, call.given(2).shape
        require(len(x) == len(w) == len(r) == 3)
        steps, batch = (x[1], x[0]) if call.number("layout") else (x[0], x[1])
        directions, rows, _ = w
        hidden = r[2]
        require(directions == DIRECTIONS.get(call.text("direction", "forward")))
        require(call.number("hidden_size", hidden) == hidden)
        out: Shape = (steps, directions, batch, hidden)
        last: Shape = (directions, batch, hidden)
        if call.number("layout"):
            out, last = (batch, steps, directions, hidden), (batch, directions, hidden)
        bias, peepholes = (directions, 2 * rows), (directions, 3 * hidden)
        for slot, shape in enumerate((bias, (batch,), last, last, peepholes), start=3):
            require(not call.has(slot) or call.given(slot).shape == shape)
        biased = call.has(3)
        each = [w[1:], r[1:], *([(rows,)] * 2 if biased else [])]
        weights = [TensorSpec(shape) for _ in range(directions) for shape in each]
        state = TensorSpec((directions, batch, hidden))
        effect = layer(cell)(
            TensorSpec((steps, batch, x[2])),
            (state, state) if cell.has_cell_state else state,
            weights,
            biased,
            1,
            0.0,
            False,
            directions == 2,
            False,
        )
        more = PEEPHOLES * call.has(7) + (cell.gates if call.number("clip") else 0)
        macs = effect.macs
        flops = effect.flops + more * steps * batch * directions * hidden
        told = dict(effect.attributes)
        lengths = call.value(4)
        if lengths is not None:
            require(all(0 <= length <= steps for length in lengths) and len(lengths) == batch)
            # Of each sequence, the steps that it has.
            macs, flops = (cost // (steps * batch) * sum(lengths) for cost in (macs, flops))
        elif call.has(4):
            told["remark"] = PADDED
        return Effect(out, macs=macs, flops=flops, attributes=told, shapes=(out, last, last))

    return rule


def causal_convolution(call: Call) -> Effect:
    """y[n,c,t] = Σ_k w[c,k] · x[n,c,t−k], earlier positions from the state: MACs = n·c·t·k."""
    x, weight = call.given(0).shape, call.given(1).shape
    require(len(x) == len(weight) == 3)
    flops = call.has(2) + (call.text("activation", "none") != "none")
    return Effect(x, macs=prod(x) * weight[2], flops=flops * prod(x))


RULES: dict[str, Rule] = {"LSTM": sequence(LSTM), "GRU": sequence(GRU), "RNN": sequence(RNN)}
CONVOLUTIONS: dict[str, Rule] = {"CausalConvWithState": causal_convolution}
