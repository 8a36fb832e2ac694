"""What recurrent layers keep is what ATen's own kernels keep, and is named as an estimate."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from torch import nn

from tests.training.real import kept_bytes, traced

# Of float64, as oneDNN takes an LSTM of float32, and keeps a reserve of its own.
OPTIONS: list[dict[str, Any]] = [
    {"num_layers": layers, "bidirectional": both, "bias": bias, "batch_first": batch_first}
    for layers, both, bias, batch_first in itertools.product(
        (1, 3), (False, True), (False, True), (False, True)
    )
    # Of batches first, each direction copies its input: layout is not modelled.
    if not (both and batch_first)
]
PROJECTED = [{**options, "proj_size": 3} for options in OPTIONS]
LAYERS = [
    *itertools.product((nn.LSTM, nn.GRU, nn.RNN), OPTIONS),
    *((nn.LSTM, options) for options in PROJECTED),
]


@pytest.mark.parametrize(("kind", "options"), LAYERS)
def test_a_layer_keeps_what_its_kernels_keep(kind: Any, options: dict[str, Any]) -> None:
    """Gates, states and the rows between layers, to the byte."""
    model = kind(4, 7, **options).double()
    x = torch.randn(5, 2, 4, dtype=torch.float64)
    found = traced(model, x)
    assert found.total.saved_bytes == kept_bytes(model, x)
    assert found.is_estimate


@pytest.mark.parametrize("kind", [nn.LSTMCell, nn.GRUCell, nn.RNNCell])
def test_a_cell_keeps_what_its_kernels_keep(kind: Any) -> None:
    """One step, of which both states go in."""
    model, x = kind(4, 7), torch.randn(2, 4)
    found = traced(model, x)
    assert found.total.saved_bytes == kept_bytes(model, x)
    assert found.is_estimate
