"""Parameters that are several to torch and one memory: both count, and the report says so."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import costlab


def chained(*weights: torch.Tensor) -> nn.Sequential:
    """Layers one after the other, with these tensors as weights, each a parameter of its own."""
    layers = nn.Sequential()
    for index, weight in enumerate(weights):
        layer = nn.Linear(4, 4, bias=False, device="meta")
        layer.weight = nn.Parameter(weight)
        layers.add_module(f"layer{index}", layer)
    return layers


def remarks(model: nn.Module) -> list[str]:
    """What the report says of memory."""
    report = costlab.analyze(model, "f32[2,4]")
    assert report.total.params == sum(weight.numel() for weight in model.parameters())
    return [remark for remark in report.warnings if "share their memory" in remark]


@pytest.mark.parametrize("device", ["cpu", "meta"])
@pytest.mark.parametrize("turned", [False, True], ids=["as it is", "transposed"])
def test_parameters_over_one_memory_are_told(device: str, turned: bool) -> None:
    """`Parameter(other.data)` ties values and not parameters: torch counts, steps and saves two."""
    first = torch.rand(4, 4, device=device)
    (told,) = remarks(chained(first, torch.rand(4, 4, device=device), first.T if turned else first))
    assert "layer0.weight, layer2.weight share" in told
    assert "layer1" not in told


def test_many_groups_are_one_remark() -> None:
    """The first is named, the others are counted."""
    first, second = torch.rand(2, 4, 4)
    (told,) = remarks(chained(*[first] * 5, second, second))
    assert "layer0.weight, layer1.weight, layer2.weight, …, and 1 more such groups, share" in told


def test_parts_of_one_memory_are_weights_of_their_own() -> None:
    """Weights laid out in one buffer, as an LSTM's on a GPU are, and tied ones, need no word."""
    whole = torch.rand(48)
    assert remarks(chained(*whole.view(3, 4, 4))) == []
    rows = torch.rand(4, 8)
    assert remarks(chained(rows[:, :4], rows[:, 4:])) == []
    tied, same = nn.Linear(4, 4), nn.Linear(4, 4)
    same.weight = tied.weight
    assert remarks(nn.Sequential(tied, same)) == []
    empty = torch.rand(0, 4)
    model = nn.Linear(4, 4)
    model.none, model.nothing = nn.Parameter(empty), nn.Parameter(empty)
    assert remarks(model) == []


def test_parameters_without_memory_are_no_reason_to_stop() -> None:
    """A sparse parameter has no storage; the others are looked at nevertheless."""
    first = torch.rand(4, 4)
    model = chained(first, first)
    model.sparse = nn.Parameter(torch.eye(4).to_sparse())
    assert len(remarks(model)) == 1
