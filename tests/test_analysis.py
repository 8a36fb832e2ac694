"""The one way in: what a report says of real models, and what it refuses."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import costlab
from costlab.report import Report
from costlab.tracing import trace
from costlab.zoo import find
from tests.ops import loops
from tests.tracing.networks import Calls, macs


@pytest.fixture(scope="module")
def network() -> nn.Module:
    """Inception-v3 without weights."""
    with torch.device("meta"):
        return find("inception_v3").build()


IMAGE = "f32[1,3,299,299]"


def test_inception_v3_costs_what_the_tables_say(network: nn.Module) -> None:
    """The flagship's totals: multiply-adds, parameters registered and executed, depth."""
    total = costlab.analyze(network, IMAGE, mode="eval").total
    assert total.macs == 5_713_216_096
    assert (total.params, total.params_executed) == (27_161_264, 23_834_568)
    assert total.depth == 48


def test_train_mode_runs_the_auxiliary_head(network: nn.Module) -> None:
    """In train mode the auxiliary head adds 5,683,200 MACs and all parameters are executed."""
    report = costlab.analyze(network, IMAGE, mode="train")
    assert report.total.macs == 5_713_216_096 + 5_683_200
    assert report.total.params_executed == report.total.params
    assert "one value a channel" in report.warnings[0]


def test_the_input_size_changes_the_cost(network: nn.Module) -> None:
    """At 224 the network costs 2,837,921,120 MACs; two images cost twice one."""
    assert macs(network, "f32[1,3,224,224]", mode="eval") == 2_837_921_120
    assert macs(network, "f32[2,3,299,299]", mode="eval") == 2 * 5_713_216_096


def test_twice_the_width_is_almost_four_times_the_cost() -> None:
    """Doubling every filter bank multiplies the MACs by 3.9926: the image keeps 3 channels."""
    with torch.device("meta"):
        wide = find("inception_v3").build(width=2)
    assert round(macs(wide, IMAGE, mode="eval") / 5_713_216_096, 4) == 3.9926


# Elements that batch norm writes, and kernel elements of pooling, a block: zoo tables of the
# released graph, each a sum over layers of channels × grid.
ELEMENTS = {
    "Conv2d_1a_3x3": (32 * 149 * 149, 0),
    "Conv2d_2b_3x3": (64 * 147 * 147, 0),
    "MaxPool_3a": (0, 64 * 73 * 73 * 9),
    "Mixed_5b": ((64 + 48 + 64 + 64 + 96 + 96 + 32) * 35 * 35, 192 * 35 * 35 * 9),
    "Mixed_6b": (443_904, 768 * 17 * 17 * 9),
    "Mixed_7a": (254_720, 768 * 8 * 8 * 9 * 1),
    "Mixed_7c": (208_896, 2048 * 8 * 8 * 9),
    "pool": (0, 2048 * 8 * 8),
    "fc": (0, 0),
}


@pytest.mark.parametrize("path", ELEMENTS)
def test_normalization_and_pooling_are_tallied_a_block(network: nn.Module, path: str) -> None:
    """Batch-norm elements and pooling kernel-elements of each block are in the report."""
    block = costlab.analyze(network, IMAGE, mode="eval").block(path)
    found = block.tally("normalization").elements, block.tally("pooling").flops
    assert found == ELEMENTS[path]


def test_the_element_totals(network: nn.Module) -> None:
    """8,967,488 batch-norm elements, as many ReLU elements, 24,530,432 pooling elements."""
    root = costlab.analyze(network, IMAGE, mode="eval").root
    assert root.tally("normalization").elements == 8_967_488
    assert root.tally("activation").elements == 8_967_488
    assert root.tally("pooling").flops == 24_530_432


def test_totals_are_the_sums_over_the_tree(network: nn.Module) -> None:
    """What the blocks say and what the graph says is the same."""
    report = costlab.analyze(network, IMAGE, mode="eval")
    graph = trace(network, IMAGE, mode="eval")
    assert sum(block.cost.macs for block in report.blocks) == report.total.macs
    assert sum(node.macs for node in graph.nodes) == report.total.macs
    assert sum(block.own.bytes for block in report.root.walk()) == report.total.bytes


def test_metrics_are_flat(network: nn.Module) -> None:
    """An experiment tracker gets plain numbers by name."""
    metrics = costlab.analyze(network, IMAGE, mode="eval").metrics("cost/")
    assert metrics["cost/macs"] == 5_713_216_096
    assert metrics["cost/depth"] == 48
    assert all(type(value) is int for value in metrics.values())


def test_a_report_survives_json(network: nn.Module) -> None:
    """A report that was saved and loaded is equal to itself."""
    report = costlab.analyze(network, IMAGE, mode="eval", name="inception_v3")
    document = json.loads(report.to_json())
    assert document["schema"] == "costlab.report/1"
    assert document["total"]["macs"] == 5_713_216_096
    assert Report.from_dict(document) == report


def test_a_damaged_report_is_refused(network: nn.Module) -> None:
    """A document with versions that are none, or without a key, is an error that says so."""
    document = costlab.analyze(network, IMAGE, mode="eval").to_dict()
    damages: tuple[dict[str, object], ...] = ({"versions": 1}, {"total": {}}, {"blocks": [1]})
    for damage in damages:
        with pytest.raises(costlab.DocumentError, match="damaged"):
            Report.from_dict({**document, **damage})


def test_a_report_is_a_table_in_a_notebook(network: nn.Module) -> None:
    """A notebook shows the report as HTML with every block."""
    html = costlab.analyze(network, IMAGE, mode="eval")._repr_html_()
    assert html.startswith("<")
    assert "Mixed_7c" in html


class Pair(NamedTuple):
    """Two tensors as one argument."""

    left: torch.Tensor
    right: torch.Tensor


def test_inputs_may_be_anything_that_a_forward_takes() -> None:
    """Tensors, tuples, mappings, named specs and named tuples name the same call."""
    model = Calls(lambda _, a, b: a @ b)
    a, b = torch.randn(2, 3), torch.randn(3, 4)
    for inputs in (
        (a, b),
        [a, b],
        {"a": a, "b": b},
        ("f32[2,3]", "f32[3,4]"),
        ("f32[2,3]", "b=f32[3,4]"),
        {"a": "f32[2,3]", "b": b},
    ):
        assert macs(model, inputs) == 2 * 3 * 4
    report = costlab.analyze(model, ("f32[2,3]", "b=f32[3,4]"))
    assert report.inputs == ("f32[2,3]", "b=f32[3,4]")
    pair = Calls(lambda _, p: p.left @ p.right)
    assert macs(pair, (Pair(a, b),)) == 2 * 3 * 4


def test_a_wrong_shape_says_where_and_keeps_what_ran() -> None:
    """An error names module, operation and shapes, and carries the report until there."""
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(8, 4))
    with pytest.raises(costlab.TraceError, match=r"2 \(Linear\) in linear\(f32\[1,16\]") as info:
        costlab.analyze(model, "f32[1,8]")
    partial = info.value.partial
    assert not partial.complete
    assert partial.total.macs == 8 * 16
    assert partial.block("2").cost.macs == 0


@pytest.mark.parametrize(
    ("model", "inputs", "options", "message"),
    [
        (object(), "f32[1]", {}, "expected a torch.nn.Module, got object"),
        (nn.ReLU(), "f32[1]", {"mode": "test"}, "mode is 'test'"),
        (nn.ReLU(), ("x=f32[1]", "f32[1]"), {}, "follows a named one"),
        (nn.ReLU(), ("x=f32[1]", "x=f32[2]"), {}, "'x' is given twice"),
        (nn.ReLU(), (1, 3, 32, 32), {}, r"write it as a spec: 'f32\[1,3,32,32\]'"),
    ],
)
def test_what_cannot_be_used_is_refused(
    model: nn.Module, inputs: object, options: dict[str, str], message: str
) -> None:
    """An argument that cannot be used is named."""
    with pytest.raises(costlab.UsageError, match=message):
        costlab.analyze(model, inputs, mode=options.get("mode"))


def test_an_unknown_block_has_a_nearest_name(network: nn.Module) -> None:
    """A path that is no block's is answered with the nearest that is."""
    report = costlab.analyze(network, IMAGE, mode="eval")
    with pytest.raises(costlab.UsageError, match="Did you mean Mixed_6b"):
        report.block("Mixed6b")


@st.composite
def networks(draw: st.DrawFn) -> nn.Module:
    """A random stack of convolutions, norms, activations, pools and a linear layer."""
    layers: list[nn.Module] = []
    channels = 3
    for _ in range(draw(st.integers(1, 5))):
        kind = draw(st.sampled_from(["conv", "grouped", "transposed", "norm", "relu", "pool"]))
        out = draw(st.sampled_from([4, 6, 8]))
        kernel: tuple[int, int] = draw(st.sampled_from([(1, 1), (3, 3), (1, 3), (3, 1)]))
        stride = draw(st.sampled_from([1, 2]))
        if kind == "conv":
            layers.append(nn.Conv2d(channels, out, kernel, stride, 1, bias=draw(st.booleans())))
            channels = out
        elif kind == "grouped":
            layers.append(nn.Conv2d(channels, channels * 2, kernel, padding=1, groups=channels))
            channels *= 2
        elif kind == "transposed":
            layers.append(nn.ConvTranspose2d(channels, out, kernel, stride))
            channels = out
        elif kind == "norm":
            layers.append(nn.BatchNorm2d(channels))
        elif kind == "relu":
            layers.append(draw(st.sampled_from([nn.ReLU(inplace=True), nn.GELU(), nn.Hardswish()])))
        else:
            layers.append(nn.MaxPool2d(2, ceil_mode=True))
    head = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 5))
    return nn.Sequential(*layers, *head)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(networks(), st.sampled_from(["eval", "train"]))
def test_random_networks_agree_with_an_independent_counter(model: nn.Module, mode: str) -> None:
    """On random networks the count is FlopCounterMode's, and the blocks add up to it."""
    image = torch.randn(2, 3, 17, 19)
    report = costlab.analyze(model, image, mode=mode)
    model.train(mode == "train")
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(image)
    assert 2 * report.total.macs == counter.get_total_flops()
    assert report.coverage.unknown == ()
    assert sum(block.cost.macs for block in report.blocks) == report.total.macs


@settings(max_examples=15, deadline=None, derandomize=True)
@given(networks(), st.sampled_from(["eval", "train"]))
def test_random_networks_agree_with_plain_loops(model: nn.Module, mode: str) -> None:
    """On random networks the count is that of loops over every product, and nothing is changed."""
    image = torch.randn(1, 3, 5, 6)
    products = []
    before = {name: value.clone() for name, value in model.state_dict().items()}
    generator = torch.get_rng_state()
    model.train(mode != "train")
    report = costlab.analyze(model, image, mode=mode)
    assert model.training is (mode != "train")
    assert list(model.state_dict()) == list(before)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), generator)
    assert not any(module._forward_hooks for module in model.modules())

    def looped(layer: Any, given: tuple[torch.Tensor], _made: torch.Tensor) -> None:
        shape, weight = tuple(given[0].shape), tuple(layer.weight.shape)
        if isinstance(layer, nn.Linear):
            products.append(loops.matrix_product(shape, weight[::-1]))
        elif isinstance(layer, nn.ConvTranspose2d):
            products.append(loops.transposed_convolution(shape, weight))
        else:
            options = (layer.stride, layer.padding, layer.dilation, layer.groups)
            products.append(loops.convolution(shape, weight, *options))

    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            layer.register_forward_hook(looped)
    with torch.no_grad():
        model.eval()(image)
    assert report.total.macs == sum(products)
