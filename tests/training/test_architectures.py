"""Architectures of today, written by hand: products from their equations, memory from torch."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tests.training.real import counted_macs, kept_bytes, traced

if TYPE_CHECKING:
    from collections.abc import Callable


class SqueezeExcite(nn.Module):
    """An inverted bottleneck with activations in place, as in EfficientNet (Tan and Le 2019)."""

    def __init__(self, channels: int = 8, wide: int = 32, squeezed: int = 2) -> None:
        super().__init__()
        self.expand = nn.Conv2d(channels, wide, 1, bias=False)
        self.expand_norm = nn.BatchNorm2d(wide)
        self.depthwise = nn.Conv2d(wide, wide, 5, 2, 2, groups=wide, bias=False)
        self.depthwise_norm = nn.BatchNorm2d(wide)
        self.squeeze = nn.Conv2d(wide, squeezed, 1)
        self.excite = nn.Conv2d(squeezed, wide, 1)
        self.project = nn.Conv2d(wide, channels, 1, bias=False)
        self.project_norm = nn.BatchNorm2d(channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The block, without its residual."""
        y = F.silu(self.expand_norm(self.expand(x)), inplace=True)
        y = F.silu(self.depthwise_norm(self.depthwise(y)), inplace=True)
        gate = F.silu(self.squeeze(y.mean((2, 3), keepdim=True)), inplace=True)
        made: torch.Tensor = self.project_norm(self.project(y * torch.sigmoid(self.excite(gate))))
        return made


class Diffusion(nn.Module):
    """A block of a diffusion transformer with adaLN (Peebles and Xie 2023)."""

    def __init__(self, width: int = 16, heads: int = 4, patch: int = 2) -> None:
        super().__init__()
        self.heads = heads
        self.patches = nn.Conv2d(4, width, patch, patch)
        self.time = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.label = nn.Embedding(11, width)
        self.modulation = nn.Linear(width, 6 * width)
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU("tanh"), nn.Linear(4 * width, width)
        )
        self.final = nn.Linear(width, patch * patch * 8)

    def forward(self, x: torch.Tensor, time: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        """Noise of an image at a time."""
        x = self.patches(x).flatten(2).transpose(1, 2)
        batch, tokens, width = x.shape
        half = width // 2
        angles = time[:, None].float() * torch.exp(-math.log(1e4) * torch.arange(half) / half)
        told = self.time(torch.cat([angles.cos(), angles.sin()], -1)) + self.label(label)
        parts = self.modulation(F.silu(told))[:, None].chunk(6, -1)
        shift, scale, gate, shift_mlp, scale_mlp, gate_mlp = parts
        qkv = self.qkv(self.norm(x) * (1 + scale) + shift)
        q, k, v = qkv.view(batch, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
        attended = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(x.shape)
        x = x + gate * self.out(attended)
        made: torch.Tensor = self.final(
            x + gate_mlp * self.mlp(self.norm(x) * (1 + scale_mlp) + shift_mlp)
        )
        return made


class Mixture(nn.Module):
    """Experts that values choose, each row by its own (Shazeer et al. 2017)."""

    def __init__(self, width: int = 8, experts: int = 4, chosen: int = 2) -> None:
        super().__init__()
        self.chosen = chosen
        self.gate = nn.Linear(width, experts, bias=False)
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(width, 16), nn.GELU(), nn.Linear(16, width))
            for _ in range(experts)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Each row by the experts of its own."""
        weights, chosen = self.gate(x).softmax(-1).topk(self.chosen, -1)
        weights = weights / weights.sum(-1, keepdim=True)
        made = torch.zeros_like(x)
        for number, expert in enumerate(self.experts):
            rows, places = torch.where(chosen == number)
            made.index_add_(0, rows, expert(x[rows]) * weights[rows, places, None])
        return made


def of_squeeze_excite() -> tuple[int, int]:
    """Forward and backward: only the first layer's input wants no gradient."""
    first = 2 * 10 * 10 * 8 * 32
    forward = first + 2 * 5 * 5 * 32 * 25 + 2 * 2 * 32 * 2 + 2 * 5 * 5 * 32 * 8
    return forward, 2 * forward - first


def of_diffusion() -> tuple[int, int]:
    """Forward and backward: neither the image nor the time wants a gradient."""
    tokens, width = 16, 16
    patches, time = tokens * width * 4 * 2 * 2, width * width
    layers = (3 + 1 + 4 + 4) * tokens * width * width + tokens * width * 32
    attention = 2 * tokens * tokens * width
    forward = 2 * (patches + 2 * time + 6 * width * width + layers + attention)
    return forward, 2 * forward - 2 * (patches + time)


def of_mixture() -> tuple[int, int]:
    """Forward and backward: rows in two experts each, and no gradient of the rows."""
    gate, first, second = 6 * 8 * 4, 6 * 2 * 8 * 16, 6 * 2 * 16 * 8
    return gate + first + second, gate + first + 2 * second


CASES: dict[
    str, tuple[Callable[[], nn.Module], tuple[torch.Tensor, ...], Callable[[], tuple[int, int]]]
] = {
    "squeeze and excite": (SqueezeExcite, (torch.randn(2, 8, 10, 10),), of_squeeze_excite),
    "diffusion": (
        Diffusion,
        (torch.randn(2, 4, 8, 8), torch.tensor([3, 7]), torch.tensor([1, 2])),
        of_diffusion,
    ),
    "mixture": (Mixture, (torch.randn(6, 8),), of_mixture),
}
GROUPED = "squeeze and excite"
"""FlopCounterMode counts the backward of grouped convolutions as if they were not."""
UNSEEN = "diffusion"
"""FlopCounterMode does not know the attention that a CPU runs."""


@pytest.mark.parametrize("case", CASES)
def test_a_step_by_hand(case: str) -> None:
    """Products of the forward and of both kinds of gradients, and what torch keeps, to the byte."""
    build, inputs, by_hand = CASES[case]
    torch.manual_seed(0)
    model = build().train()
    total = traced(model, *inputs).total
    forward, backward = by_hand()
    assert total.forward_macs == forward
    assert total.input_gradient_macs + total.weight_gradient_macs == backward
    assert total.saved_bytes == kept_bytes(model, *inputs)
    if case not in (GROUPED, UNSEEN):
        assert counted_macs(model, *inputs) == forward + backward


IN_PLACE: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "silu": lambda y: F.silu(y, inplace=True),
    "hardswish": lambda y: F.hardswish(y, inplace=True),
    "mish": lambda y: F.mish(y, inplace=True),
    "relu": lambda y: F.relu(y, inplace=True),
    "relu6": lambda y: F.relu6(y, inplace=True),
    "elu": lambda y: F.elu(y, inplace=True),
    "selu": lambda y: F.selu(y, inplace=True),
    "celu": lambda y: F.celu(y, inplace=True),
    "leaky_relu": lambda y: F.leaky_relu(y, inplace=True),
    "rrelu": lambda y: F.rrelu(y, training=True, inplace=True),
    "threshold": lambda y: F.threshold(y, 0.1, 0.0, inplace=True),
    "sigmoid": lambda y: y.sigmoid_(),
    "sin": lambda y: y.sin_(),
    "pow": lambda y: y.pow_(2),
    "clamp": lambda y: y.clamp_(0, 1),
    "mul": lambda y: y.mul_(y * 2),
    "mul by a number": lambda y: y.mul_(2.0),
    "div": lambda y: y.div_(y.abs() + 1),
    "add": lambda y: y.add_(y * 1),
}


@pytest.mark.parametrize("case", IN_PLACE)
def test_what_is_overwritten_is_kept(case: str) -> None:
    """Torch copies what a gradient reads before it is overwritten, unless the result tells it."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.before, self.after = nn.Linear(16, 16), nn.Linear(16, 16)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            made: torch.Tensor = self.after(IN_PLACE[case](self.before(x)))
            return made

    model, x = Net().train(), torch.randn(8, 16)
    assert traced(model, x).total.saved_bytes == kept_bytes(model, x)


def test_a_dropout_of_nothing_keeps_nothing() -> None:
    """With p = 0 torch returns what it was given: a layer of a transformer, to the byte."""
    model = nn.TransformerEncoderLayer(16, 4, 32, 0.0, batch_first=True, norm_first=True).train()
    x = torch.randn(2, 5, 16)
    assert traced(model, x).total.saved_bytes == kept_bytes(model, x)
