"""The trap of sharing: weights count once, calls count as often as they are made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import costlab
from tests.tracing.networks import Calls

if TYPE_CHECKING:
    from costlab.report import Report

X = torch.empty(2, 8)
LAYER = 2 * 8 * 8
"""Multiply-adds of a linear layer of 8 by 8 on two samples."""


def of(model: nn.Module) -> Report:
    """The report on a model of which nothing is unknown."""
    report = costlab.analyze(model, X)
    assert report.coverage.unknown == ()
    return report


def sums(report: Report) -> bool:
    """Whether the totals are the sums of the blocks' own costs."""
    blocks = list(report.root.walk())
    return (report.total.macs, report.total.params) == (
        sum(block.own.macs for block in blocks),
        sum(block.own.params for block in blocks),
    )


def test_one_module_twice_in_a_sequence() -> None:
    """A layer that is listed twice has one set of weights and runs twice."""
    layer = nn.Linear(8, 8)
    report = of(nn.Sequential(layer, nn.ReLU(), layer))
    assert (report.total.macs, report.total.params) == (2 * LAYER, 8 * 8 + 8)
    assert sums(report)


def test_one_parameter_in_two_modules() -> None:
    """Two layers with one weight have it once, and each multiplies by it."""
    first, second = nn.Linear(8, 8), nn.Linear(8, 8)
    second.weight = first.weight
    report = of(nn.Sequential(first, second))
    assert (report.total.macs, report.total.params) == (2 * LAYER, 8 * 8 + 2 * 8)
    assert report.block("0").cost.params == 8 * 8 + 8
    assert report.block("1").cost.params == 8
    assert report.block("0").cost.macs == report.block("1").cost.macs == LAYER


def test_a_list_of_one_module_many_times() -> None:
    """`ModuleList([layer] * 3)` costs the calls that are made, not the places in the list."""
    model = Calls(lambda m, x: m.layers[2](m.layers[0](x)))
    model.weight = None  # type: ignore[assignment]  # the layers' weights only
    model.layers = nn.ModuleList([nn.Linear(8, 8)] * 3)
    report = of(model)
    assert (report.total.macs, report.total.params) == (2 * LAYER, 8 * 8 + 8)
    assert sums(report)


def test_one_module_under_two_names() -> None:
    """A second name for a module, or a dictionary of it, adds neither weights nor calls."""
    model = Calls(lambda m, x: m.alias(x))
    model.weight = None  # type: ignore[assignment]  # as above
    model.layer = nn.Linear(8, 8)
    model.alias = model.layer
    model.named = nn.ModuleDict({"layer": model.layer})
    report = of(model)
    assert (report.total.macs, report.total.params) == (LAYER, 8 * 8 + 8)


def test_one_module_in_a_loop() -> None:
    """A layer that is applied nine times costs nine times one, in one place."""

    def loop(m: Any, x: torch.Tensor) -> Any:
        for _ in range(9):
            x = m.layer(x)
        return x

    model = Calls(loop)
    model.layer = nn.Linear(8, 8)
    report = of(model)
    assert report.block("layer").cost.macs == report.total.macs == 9 * LAYER
    assert report.block("layer").calls == 9


def test_one_block_below_two_parents() -> None:
    """A block of layers under two parents is charged to the parent that calls it."""
    block = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8))
    model = nn.Sequential(nn.Sequential(block), nn.Sequential(block, block))
    report = of(model)
    assert report.block("0").cost.macs == 2 * LAYER
    assert report.block("1").cost.macs == 2 * 2 * LAYER
    assert report.total.params == 2 * (8 * 8 + 8)


@pytest.mark.parametrize("transposed", [False, True])
def test_a_weight_that_is_used_by_functions(transposed: bool) -> None:
    """A layer's weight that a function multiplies by, once more, is no second parameter."""
    model = Calls(
        lambda m, x: F.linear(m.layer(x), m.layer.weight.T if transposed else m.layer.weight)
    )
    model.weight = None  # type: ignore[assignment]  # as above
    model.layer = nn.Linear(8, 8, bias=False)
    report = of(model)
    assert (report.total.macs, report.total.params) == (2 * LAYER, 8 * 8)
    assert report.block("layer").cost.macs == LAYER
    assert report.root.own.macs == LAYER


def test_layers_that_share_weights_across_depth() -> None:
    """An encoder whose layers share one set of weights has those once, and costs every layer."""

    def stack(layer: nn.TransformerEncoderLayer, times: int) -> Calls:
        def forward(m: Any, x: torch.Tensor) -> Any:
            for block in m.blocks:
                x = block(x)
            return x

        model = Calls(forward)
        model.weight = None  # type: ignore[assignment]  # as above
        model.blocks = nn.ModuleList([layer] * times)
        return model

    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    tokens = torch.empty(2, 5, 8)
    one, three = (costlab.analyze(stack(layer, times), tokens) for times in (1, 3))
    assert three.total.macs == 3 * one.total.macs
    assert three.total.params == one.total.params == sum(p.numel() for p in layer.parameters())
