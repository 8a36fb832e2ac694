"""Depth and peak memory, from small networks whose answer is plain by hand."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from costlab.dataflow import depth, peak_activation_bytes
from costlab.graph import Coverage, Graph, Module, Node, Parameter, Tensor, TensorSpec
from costlab.tracing import trace
from tests.tracing.networks import Calls

FLOAT = 4


def test_the_longest_of_two_branches_is_the_depth() -> None:
    """Branches of one and of three layers that meet have depth 3, plus the layer after them."""
    model = nn.Module()
    layers = [nn.Linear(8, 8) for _ in range(5)]
    for number, layer in enumerate(layers):
        model.add_module(f"layer{number}", layer)

    def forward(x: torch.Tensor) -> Any:
        long = layers[2](F.relu(layers[1](layers[0](x))))
        return layers[4](torch.cat([long, layers[3](x)]))

    model.forward = forward
    assert depth(trace(model, "f32[2,8]")) == 3 + 1


def test_a_product_is_a_layer_only_with_weights() -> None:
    """`x @ w` is a weight layer, with `w` as it is or transposed; `x @ x.T` is none."""
    weight = Calls(lambda m, x: x @ m.weight.t())
    assert depth(trace(weight, "f32[2,8]")) == 1
    assert depth(trace(Calls(lambda _, x: x @ x.T), "f32[2,8]")) == 0


def test_what_is_written_into_a_slice_is_on_the_path() -> None:
    """A layer whose result goes into a slice of another tensor is before what reads that."""

    def forward(m: Calls, x: torch.Tensor) -> torch.Tensor:
        out = torch.empty(2, 2, 8)
        out[0] = x @ m.weight
        out[1].copy_(x)
        return out @ m.weight

    assert depth(trace(Calls(forward), "f32[2,8]")) == 2


def test_the_peak_is_an_operation_with_what_it_reads_and_writes() -> None:
    """A chain of equal tensors needs two at a time."""
    model = Calls(lambda _, x: (x * 2 + 1) * 3)
    assert peak_activation_bytes(trace(model, "f32[1000]")) == 2 * 1000 * FLOAT


def test_a_residual_is_kept_until_it_is_added() -> None:
    """A skipped tensor is alive with input and output of each operation that it skips."""
    model = Calls(lambda _, x: x + torch.relu(torch.sigmoid(x)))
    assert peak_activation_bytes(trace(model, "f32[1000]")) == 3 * 1000 * FLOAT


def test_in_place_operations_and_views_need_no_memory() -> None:
    """In-place results and views share memory with what they read."""
    model = Calls(lambda _, x: F.relu(x.view(10, 100), inplace=True).flatten().mul_(2))
    assert peak_activation_bytes(trace(model, "f32[1000]")) == 1000 * FLOAT


def test_outputs_live_to_the_end() -> None:
    """A first output is alive while the second is computed."""
    model = Calls(lambda _, x: (x * 2, x * 3))
    assert peak_activation_bytes(trace(model, "f32[1000]")) == 3 * 1000 * FLOAT


def test_parameters_are_no_activations() -> None:
    """Weights, their views and buffers are not in the peak."""
    model = nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8))
    assert peak_activation_bytes(trace(model, "f32[2,8]", mode="train")) == 2 * 2 * 8 * FLOAT


def test_a_forward_without_operations_holds_its_input() -> None:
    """The peak of a model that returns its input is that input, once."""
    model = Calls(lambda _, x: (x, x))
    assert peak_activation_bytes(trace(model, "f32[1000]")) == 1000 * FLOAT


def test_a_weight_that_is_scaled_is_a_weight() -> None:
    """What is computed from weights and other tensors of the model is one; with an input it is not.

    A mask that is random belongs to neither.
    """
    table = [TensorSpec((8, 8))] * 7
    x, weight, scale, scaled, made = range(5)

    def product(*given: int) -> int:
        nodes = (
            Node("mul", "elementwise", Coverage.PRICED, "", given, (scaled,)),
            Node("mm", "matmul", Coverage.PRICED, "", (x, scaled), (made,)),
        )
        tensors = tuple(Tensor(spec, at) for at, spec in enumerate(table))
        parameters = (Parameter("w", table[weight], weight),)
        return depth(Graph(tensors, nodes, (x,), (made,), parameters, (Module("", "m"),)))

    assert product(weight, scale) == product(weight) == 1
    assert product(weight, x) == product(scale) == product(scale, x) == 0
