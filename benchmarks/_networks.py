"""The networks whose analysis is timed, each built as often as asked, on meta or for real.

Does not know who analyzes them.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn import functional as F

from costlab.skeleton import skeleton
from costlab.zoo import CATALOGUE

if TYPE_CHECKING:
    from collections.abc import Callable

HIDDEN, HEADS, LAYERS = 12288, 96, 96
"""The widths of GPT-3 175B (Brown et al. 2020, Table 2.1)."""
VOCABULARY, CONTEXT = 50257, 2048
"""Its tokens (GPT-2's, Radford et al. 2019, §2.2) and its context (Brown et al. 2020, §2.1)."""


@dataclass(frozen=True, slots=True)
class Network:
    """A network by name, how it is built, and the shape of its one input."""

    name: str
    factory: Callable[[], nn.Module]
    size: tuple[int, ...]
    dtype: torch.dtype = torch.float32

    def on_meta(self) -> nn.Module:
        """The network in eval mode, without the memory of its weights."""
        with torch.device("meta"), skeleton():
            return self.factory().eval()

    def on_cpu(self) -> nn.Module:
        """The network in eval mode, with random weights."""
        return self.factory().eval()

    def input(self, device: str) -> torch.Tensor:
        """Its input, batch 1."""
        return torch.zeros(self.size, dtype=self.dtype, device=device)


class Decoder(nn.Module):
    """One layer of a GPT: attention and a perceptron, each behind a norm and beside a skip."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_1, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.project = nn.Linear(width, width)
        self.expand, self.contract = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The next hidden states."""
        mixed = self.query_key_value(self.norm_1(x)).chunk(3, dim=-1)
        query, key, value = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in mixed)
        attended = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self.project(attended.transpose(1, 2).flatten(2))
        expanded: torch.Tensor = x + self.contract(F.gelu(self.expand(self.norm_2(x))))
        return expanded


class GPT(nn.Module):
    """A decoder-only transformer whose output layer is its embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Embedding(VOCABULARY, HIDDEN)
        self.position = nn.Embedding(CONTEXT, HIDDEN)
        self.layers = nn.ModuleList(Decoder(HIDDEN, HEADS) for _ in range(LAYERS))
        self.norm = nn.LayerNorm(HIDDEN)
        self.output = nn.Linear(HIDDEN, VOCABULARY, bias=False)
        self.output.weight = self.token.weight

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """The logits of each next token."""
        positions = torch.arange(tokens.shape[1], device=tokens.device)
        x = self.token(tokens) + self.position(positions)
        for layer in self.layers:
            x = layer(x)
        logits: torch.Tensor = self.output(self.norm(x))
        return logits


def networks() -> list[Network]:
    """The networks, those of torchvision only where it can be imported."""
    found = [Network("Inception-v3", CATALOGUE["inception_v3"].build, (1, 3, 299, 299))]
    models = torchvision_models()
    if models is not None:
        found += [
            Network("ResNet-152", models.resnet152, (1, 3, 224, 224)),
            Network("ViT-B/16", models.vit_b_16, (1, 3, 224, 224)),
        ]
    found.append(Network("GPT, 96 layers", GPT, (1, CONTEXT), torch.int64))
    return found


def torchvision_models() -> Any:
    """The models of torchvision, or None; before ptflops, which imports torchvision by itself."""
    try:
        from tests.torchvision_shim import torchvision
    except ImportError:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torchvision().models


def chain(length: int) -> nn.Module:
    """Convolution, batch norm and ReLU in turn, of as many operations, on meta."""
    kinds: tuple[Callable[[], nn.Module], ...] = (
        lambda: nn.Conv2d(8, 8, 3, padding=1, bias=False),
        lambda: nn.BatchNorm2d(8),
        nn.ReLU,
    )
    with torch.device("meta"):
        layers = [kinds[index % len(kinds)]() for index in range(length)]
    return nn.Sequential(*layers).eval()
