"""The transformers of the scoreboard, and the formula of their multiply-adds.

A layer on n tokens of width d: its projections n · d² each (fewer for shared keys), attention in
full n² · d for queries by keys and again for weights by values, and a perceptron n · d · hidden.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn import functional as F

if TYPE_CHECKING:
    from collections.abc import Callable


def layer_macs(n: int, width: int, hidden: int, *, shared: int = 1, matrices: int = 2) -> int:
    """One layer on n tokens; keys and values are shared by so many heads."""
    projections = n * width * (2 * width + 2 * (width // shared))
    return projections + 2 * n * n * width + matrices * n * width * hidden


def vision_macs(size: int, patch: int, width: int, layers: int, hidden: int, classes: int) -> int:
    """A vision transformer: its patches, its layers on them and the class token, its head."""
    patches = (size // patch) ** 2
    embedded = patches * 3 * patch * patch * width
    return embedded + layers * layer_macs(patches + 1, width, hidden) + width * classes


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of a decoder in the manner of Llama (Touvron et al. 2023; Dubey et al. 2024)."""

    width: int
    layers: int
    heads: int
    shared: int
    hidden: int
    vocabulary: int

    def macs(self, batch: int, length: int) -> int:
        """Of a batch of sequences, the output layer at each token included."""
        layer = layer_macs(length, self.width, self.hidden, shared=self.shared, matrices=3)
        return batch * (self.layers * layer + length * self.width * self.vocabulary)


SMALL = Shape(256, 4, 8, 4, 688, 1000)
LLAMA_70B = Shape(8192, 80, 64, 8, 28672, 128256)
"""Llama 3 70B (Dubey et al. 2024, Table 3)."""


class DecoderLayer(nn.Module):
    """Attention with shared keys, then a gated perceptron, each behind a norm."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads, self.shared = shape.heads, shape.shared
        width, keys = shape.width, shape.width // shape.shared
        self.norm_1, self.norm_2 = nn.RMSNorm(width), nn.RMSNorm(width)
        self.query, self.out = (nn.Linear(width, width, bias=False) for _ in range(2))
        self.key, self.value = (nn.Linear(width, keys, bias=False) for _ in range(2))
        self.gate, self.up = (nn.Linear(width, shape.hidden, bias=False) for _ in range(2))
        self.down = nn.Linear(shape.hidden, width, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The next hidden states."""
        seen = self.norm_1(x)
        query = self.query(seen).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        key, value = (
            projected(seen).unflatten(-1, (self.heads // self.shared, -1)).transpose(1, 2)
            for projected in (self.key, self.value)
        )
        attended = F.scaled_dot_product_attention(
            query, key, value, is_causal=True, enable_gqa=True
        )
        x = x + self.out(attended.transpose(1, 2).flatten(2))
        seen = self.norm_2(x)
        made: torch.Tensor = x + self.down(F.silu(self.gate(seen)) * self.up(seen))
        return made


class Llama(nn.Module):
    """A decoder of such layers."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.tokens = nn.Embedding(shape.vocabulary, shape.width)
        self.layers = nn.ModuleList(DecoderLayer(shape) for _ in range(shape.layers))
        self.norm = nn.RMSNorm(shape.width)
        self.output = nn.Linear(shape.width, shape.vocabulary, bias=False)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """The logits of each next token."""
        x = self.tokens(tokens)
        for layer in self.layers:
            x = layer(x)
        logits: torch.Tensor = self.output(self.norm(x))
        return logits


class Mixer(nn.Module):
    """A layer that mixes positions and channels by einsum, with an ellipsis."""

    LENGTH, WIDTH, RANK = 24, 32, 8

    def __init__(self) -> None:
        super().__init__()
        self.positions = nn.Parameter(torch.ones(self.LENGTH, self.LENGTH))
        self.into = nn.Parameter(torch.ones(self.WIDTH, self.RANK))
        self.back = nn.Parameter(torch.ones(self.RANK, self.WIDTH))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Positions mixed, then channels through a bottleneck."""
        x = torch.einsum("...ld,lm->...md", x, self.positions)
        return torch.einsum("...d,dr->...r", x, self.into) @ self.back

    @classmethod
    def macs(cls) -> int:
        """Two sequences: each position by each, then into the bottleneck and back."""
        n, d, r = cls.LENGTH, cls.WIDTH, cls.RANK
        return 2 * (n * n * d + n * d * r + n * r * d)


def cases(model: Callable[..., Any], tokens: Callable[[int, int], Any]) -> list[Any]:
    """The transformers, as the models that the scoreboard asks about."""
    return [
        model(
            "mixer by einsum",
            "an ellipsis, and products of weights without a module",
            Mixer,
            lambda: (torch.ones(2, Mixer.LENGTH, Mixer.WIDTH),),
            Mixer.macs,
        ),
        model(
            "encoder, eval",
            "torch's encoder layers, which a fused kernel can replace",
            lambda: nn.TransformerEncoder(
                nn.TransformerEncoderLayer(64, 4, 256, batch_first=True), 4
            ),
            lambda: (torch.ones(2, 20, 64),),
            lambda: 2 * 4 * layer_macs(20, 64, 256),
        ),
        model(
            "encoder and decoder",
            "torch's nn.Transformer, with attention across",
            lambda: nn.Transformer(64, 4, 2, 2, 256, batch_first=True),
            lambda: (torch.ones(2, 20, 64), torch.ones(2, 12, 64)),
            lambda: 2 * (2 * layer_macs(20, 64, 256) + 2 * _across(12, 20, 64, 256)),
        ),
        model(
            "Llama shape",
            "keys shared by four heads, attention by function",
            lambda: Llama(SMALL),
            tokens(2, 32),
            lambda: SMALL.macs(2, 32),
        ),
        model(
            "Llama 70B shape, on meta",
            "no memory holds its weights here",
            lambda: Llama(LLAMA_70B),
            tokens(1, 2048),
            lambda: LLAMA_70B.macs(1, 2048),
            "meta",
        ),
    ]


def _across(n: int, sources: int, width: int, hidden: int) -> int:
    """A decoder's layer: attention to itself, attention to the sources, a perceptron."""
    across = 2 * n * width * width + 2 * sources * width * width + 2 * n * sources * width
    return layer_macs(n, width, hidden) + across
