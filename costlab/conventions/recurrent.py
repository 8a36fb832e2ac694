"""What counters make of recurrent layers and cells: the gates, and element-wise work beside them.

Knows shapes and the modules' own sizes only.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from costlab.conventions.places import Place

LAYERS = frozenset({"RNN", "GRU", "LSTM"})
CELLS = frozenset({"RNNCell", "GRUCell", "LSTMCell"})
UNBATCHED = 2
"""The sizes of a sequence without a batch, or of one that is packed."""
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}


class Gates(NamedTuple):
    """The modules that a rule is for, and what it adds at a call."""

    KINDS: frozenset[str]
    amount: Callable[[Place], int]


def _thop_cell(kind: str, size: int, hidden: int, *, bias: bool) -> int:
    """One step: the products, an addition and two biases a gate, and the state's own work."""
    gate = hidden * (size + hidden) + hidden + (2 * hidden if bias else 0)
    beside = {"RNN": 0, "GRU": 4 * hidden, "LSTM": 4 * hidden}[kind]
    return GATES[kind] * gate + beside


def _thop(place: Place) -> int:
    module: Any = place.module
    kind = place.kind.removesuffix("Cell")
    if place.kind in CELLS:
        step = _thop_cell(kind, module.input_size, module.hidden_size, bias=module.bias)
        return step * place.inputs[0][0]
    directions = 2 if module.bidirectional else 1
    sizes = [module.input_size] + [directions * module.hidden_size] * (module.num_layers - 1)
    steps = prod(place.inputs[0][:2])
    return steps * sum(
        directions * _thop_cell(kind, size, module.hidden_size, bias=module.bias) for size in sizes
    )


def _ptflops_cell(kind: str, module: Any, suffix: str) -> int:
    """One step: both products, their biases and the state's own work."""
    own: int = {"RNN": 1, "GRU": 7, "LSTM": 10}[kind] * module.hidden_size
    weights = [getattr(module, f"weight_{gate}{suffix}") for gate in ("ih", "hh")]
    biases = [getattr(module, f"bias_{gate}{suffix}", None) for gate in ("ih", "hh")]
    sizes = [tensor.numel() for tensor in (*weights, *biases) if tensor is not None]
    return own + int(sum(sizes))


def _ptflops(place: Place) -> int:
    module: Any = place.module
    kind = place.kind.removesuffix("Cell")
    if place.kind in CELLS:
        return _ptflops_cell(kind, module, "") * place.inputs[0][0]
    steps = prod(place.inputs[0][:2])
    layers = (_ptflops_cell(kind, module, f"_l{number}") for number in range(module.num_layers))
    return sum(layers) * steps * (2 if module.bidirectional else 1)


thop_gates = Gates(LAYERS | CELLS, _thop)
ptflops_gates = Gates(LAYERS | CELLS, _ptflops)
