"""A decoder of the Llama family, written anew, with what it costs by formula.

Source: Touvron et al. 2023 (RMSNorm before each block, rotary positions, SwiGLU), grouped queries
as in Ainslie et al. 2023; the sizes are those of Meta's Llama 3.1 model cards.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of a decoder."""

    layers: int
    width: int
    heads: int
    groups: int
    inner: int
    vocabulary: int = 128_256

    @property
    def head(self) -> int:
        """The width of one head."""
        return self.width // self.heads

    @property
    def params(self) -> int:
        """Attention, gated layer and two norms a layer; embedding, last norm and output."""
        keys = self.groups * self.head
        layer = 2 * self.width * self.width + 2 * self.width * keys
        layer += 3 * self.width * self.inner + 2 * self.width
        return self.layers * layer + 2 * self.vocabulary * self.width + self.width

    def macs(self, batch: int, tokens: int) -> int:
        """Every weight matrix once a token, and full attention: scores and values."""
        keys = self.groups * self.head
        weights = 2 * self.width * self.width + 2 * self.width * keys + 3 * self.width * self.inner
        attention = 2 * tokens * self.width
        each = self.layers * (weights + attention) + self.vocabulary * self.width
        return batch * tokens * each


LLAMA_70B = Shape(layers=80, width=8192, heads=64, groups=8, inner=28_672)
LLAMA_405B = Shape(layers=126, width=16_384, heads=128, groups=8, inner=53_248)


class RMSNorm(nn.Module):
    """x / rms(x) · weight."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The normalized rows."""
        scale = x.float().pow(2).mean(-1, keepdim=True).add(1e-5).rsqrt()
        return (x * scale).type_as(x) * self.weight


def rotated(x: torch.Tensor) -> torch.Tensor:
    """Each pair of features turned by an angle that grows with the position."""
    tokens, width = x.shape[-2:]
    frequency = 500_000.0 ** (-torch.arange(0, width, 2) / width)
    angle = torch.arange(tokens)[:, None] * frequency
    sine, cosine = angle.sin().type_as(x), angle.cos().type_as(x)
    even, odd = x[..., 0::2], x[..., 1::2]
    turned = torch.stack([even * cosine - odd * sine, even * sine + odd * cosine], -1)
    return turned.flatten(-2)


class Layer(nn.Module):
    """Attention with grouped queries, and a gated layer, each after a norm."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        keys = shape.groups * shape.head
        self.before, self.between = RMSNorm(shape.width), RMSNorm(shape.width)
        self.query = nn.Linear(shape.width, shape.width, bias=False)
        self.key = nn.Linear(shape.width, keys, bias=False)
        self.value = nn.Linear(shape.width, keys, bias=False)
        self.out = nn.Linear(shape.width, shape.width, bias=False)
        self.gate = nn.Linear(shape.width, shape.inner, bias=False)
        self.up = nn.Linear(shape.width, shape.inner, bias=False)
        self.down = nn.Linear(shape.inner, shape.width, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The features after this layer."""
        y = self.before(x)
        batch, tokens, _ = y.shape
        query, key, value = (
            part(y).view(batch, tokens, -1, self.shape.head).transpose(1, 2)
            for part in (self.query, self.key, self.value)
        )
        attended = F.scaled_dot_product_attention(
            rotated(query), rotated(key), value, is_causal=True, enable_gqa=True
        )
        x = x + self.out(attended.transpose(1, 2).flatten(2))
        y = self.between(x)
        result: torch.Tensor = x + self.down(F.silu(self.gate(y)) * self.up(y))
        return result


class Llama(nn.Module):
    """Tokens to logits."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.embedding = nn.Embedding(shape.vocabulary, shape.width)
        self.layers = nn.Sequential(*[Layer(shape) for _ in range(shape.layers)])
        self.norm = RMSNorm(shape.width)
        self.output = nn.Linear(shape.width, shape.vocabulary, bias=False)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Logits of each token."""
        logits: torch.Tensor = self.output(self.norm(self.layers(self.embedding(tokens))))
        return logits
