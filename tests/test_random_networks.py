"""Random networks of attention, recurrent layers, functions and shared layers, against loops."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

import costlab
from tests.ops import loops

if TYPE_CHECKING:
    from collections.abc import Callable

BATCH, LENGTH, WIDTH = 2, 3, 4


class Part(NamedTuple):
    """A module from a sequence to one of the same shape, and the products that loops find in it."""

    module: nn.Module
    products: int


class Own(nn.Module):
    """A module that calls a function of its layers, registered under these names."""

    def __init__(self, function: Callable[..., torch.Tensor], **layers: Any) -> None:
        """A layer may have several names."""
        super().__init__()
        self.function = function
        for name, layer in layers.items():
            setattr(self, name, layer)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """What the function makes of itself and an input."""
        return self.function(self, x)


def product(*right: int, times: int = 1) -> int:
    """Products of the sequence with a matrix, so many times."""
    return times * loops.matrix_product((BATCH, LENGTH, WIDTH), right)


def scores(heads: int) -> int:
    """Products of queries with keys, and of what comes of them with values, over all heads."""
    split = (BATCH, heads, LENGTH, WIDTH // heads)
    turned = (BATCH, heads, WIDTH // heads, LENGTH)
    return loops.matrix_product(split, turned) + loops.matrix_product(
        (BATCH, heads, LENGTH, LENGTH), split
    )


@st.composite
def attentions(draw: st.DrawFn) -> Part:
    """Attention as a layer, as an encoder of layers, or as a function of the sequence itself."""
    heads = draw(st.sampled_from([1, 2, 4]))
    kind = draw(st.sampled_from(["layer", "encoder", "function", "by hand"]))
    if kind == "function":
        return Part(Own(lambda _, x: F.scaled_dot_product_attention(x, x, x)), scores(1))
    if kind == "by hand":
        return Part(Own(lambda _, x: (x @ x.transpose(1, 2)).softmax(-1) @ x), scores(1))
    if kind == "layer":
        layer = nn.MultiheadAttention(WIDTH, heads, batch_first=True, bias=draw(st.booleans()))
        weights = draw(st.booleans())
        whole = Own(lambda own, x: own.layer(x, x, x, need_weights=weights)[0], layer=layer)
        return Part(whole, product(WIDTH, WIDTH, times=4) + scores(heads))
    hidden, depth = draw(st.sampled_from([2, 5])), draw(st.integers(1, 2))
    block = nn.TransformerEncoderLayer(
        WIDTH, heads, hidden, batch_first=True, norm_first=draw(st.booleans())
    )
    made = nn.TransformerEncoder(block, depth, enable_nested_tensor=False)
    feeding = product(WIDTH, hidden) + loops.matrix_product(
        (BATCH, LENGTH, hidden), (hidden, WIDTH)
    )
    return Part(made, depth * (product(WIDTH, WIDTH, times=4) + scores(heads) + feeding))


@st.composite
def recurrences(draw: st.DrawFn) -> Part:
    """A recurrent layer of some depth and direction, or a cell that a loop calls."""
    kind, gates = draw(st.sampled_from([("LSTM", 4), ("GRU", 3), ("RNN", 1)]))
    if draw(st.booleans()):
        cell = getattr(nn, f"{kind}Cell")(WIDTH, WIDTH)

        def stepped(own: Any, x: torch.Tensor) -> torch.Tensor:
            state, made = None, []
            for step in x.unbind(1):
                state = own.cell(step) if state is None else own.cell(step, state)
                made.append(state[0] if isinstance(state, tuple) else state)
            return torch.stack(made, 1)

        step = loops.recurrent_step(gates, WIDTH, WIDTH, WIDTH, projected=False)
        return Part(Own(stepped, cell=cell), BATCH * LENGTH * step)
    depth, both = draw(st.integers(1, 2)), draw(st.booleans())
    hidden = WIDTH // 2 if both else WIDTH
    layer = getattr(nn, kind)(WIDTH, hidden, depth, batch_first=True, bidirectional=both)
    step = loops.recurrent_step(gates, WIDTH, hidden, hidden, projected=False)
    times = BATCH * LENGTH * depth * (2 if both else 1)
    return Part(Own(lambda own, x: own.layer(x)[0], layer=layer), times * step)


@st.composite
def shared(draw: st.DrawFn) -> Part:
    """One layer under two names that is called some times, or a weight that functions use."""
    calls = draw(st.integers(0, 3))
    layer = nn.Linear(WIDTH, WIDTH, bias=draw(st.booleans()))
    kind = draw(st.sampled_from(["module", "F.linear", "@", "einsum", "two names"]))
    once: dict[str, Callable[[Any, torch.Tensor], torch.Tensor]] = {
        "module": lambda own, x: own.one(x),
        "two names": lambda own, x: own.other(x),
        "F.linear": lambda own, x: F.linear(x, own.one.weight),
        "@": lambda own, x: x @ own.one.weight,
        "einsum": lambda own, x: torch.einsum("bld,de->ble", x, own.one.weight),
    }

    def repeated(own: Any, x: torch.Tensor) -> torch.Tensor:
        for _ in range(calls):
            x = once[kind](own, x)
        return x.relu()

    return Part(Own(repeated, one=layer, other=layer), product(WIDTH, WIDTH, times=calls))


@st.composite
def networks(draw: st.DrawFn) -> Part:
    """A stack of such parts with norms between, where a part may stand twice."""
    parts = draw(st.lists(st.one_of(attentions(), recurrences(), shared()), min_size=1, max_size=3))
    if draw(st.booleans()):
        parts.append(parts[0])
    layers: list[nn.Module] = []
    for part in parts:
        layers += [part.module, nn.LayerNorm(WIDTH)]
    return Part(nn.Sequential(*layers), sum(part.products for part in parts))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(networks(), st.sampled_from(["eval", "train"]), st.booleans())
def test_random_networks_of_sequences_agree_with_loops(
    network: Part, mode: str, gradients: bool
) -> None:
    """Products and weights are those of loops, blocks add up, and the model is as it was."""
    model, products = network
    model.train(mode != "train")
    before = copy.deepcopy(model.state_dict())
    generator = torch.get_rng_state()
    with torch.set_grad_enabled(gradients):
        report = costlab.analyze(model, f"f32[{BATCH},{LENGTH},{WIDTH}]", mode=mode)
    assert report.total.macs == products
    assert report.coverage.unknown == ()
    weights = {id(weight): weight.numel() for weight in model.parameters()}
    assert report.total.params == sum(weights.values())
    for measure in ("macs", "flops", "activations", "bytes", "params"):
        summed = sum(getattr(block.own, measure) for block in report.root.walk())
        assert (measure, summed) == (measure, getattr(report.total, measure))
    assert model.training is (mode != "train")
    after = model.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert torch.equal(torch.get_rng_state(), generator)
    assert all(weight.grad is None for weight in model.parameters())


@settings(max_examples=15, deadline=None, derandomize=True)
@given(networks(), st.sampled_from(["eval", "train"]))
def test_random_networks_of_sequences_cost_the_same_on_real_tensors(
    network: Part, mode: str
) -> None:
    """Shapes alone and a run on real tensors give the same counts, block by block."""
    spec = f"f32[{BATCH},{LENGTH},{WIDTH}]"
    shapes, real = (
        costlab.analyze(network.module, spec, mode=mode, on=on) for on in ("meta", "real")
    )
    assert real.total == shapes.total
    costs = [{block.path: block.cost for block in each.root.walk()} for each in (shapes, real)]
    assert costs[0] == costs[1]
