"""Small networks of the scoreboard, each with one thing in it that counters get wrong.

Each tells its multiply-adds by a formula in the sizes that it is built from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch
from torch import nn
from torch.nn import functional as F

if TYPE_CHECKING:
    from collections.abc import Callable


class UNet(nn.Module):
    """One step down and one up again, by transposed convolutions, plain and grouped."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(3, 16, 3, stride=2, padding=1)
        self.deeper = nn.Conv2d(16, 32, 3, stride=2, padding=1)
        self.up = nn.ConvTranspose2d(32, 16, 2, stride=2)
        self.upper = nn.ConvTranspose2d(32, 16, 2, stride=2, groups=4)
        self.out = nn.Conv2d(16, 2, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """A map of two classes."""
        first = F.relu(self.down(image))
        lower = self.up(F.relu(self.deeper(first)))
        made: torch.Tensor = self.out(self.upper(torch.cat((first, lower), 1)))
        return made


class Scripted(nn.Module):
    """A plain convolution and one in a scripted child."""

    def __init__(self) -> None:
        super().__init__()
        self.plain = nn.Conv2d(3, 8, 3)
        self.scripted = torch.jit.script(nn.Sequential(nn.Conv2d(8, 8, 3), nn.ReLU()))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """What the child makes."""
        made: torch.Tensor = self.scripted(self.plain(image))
        return made

    @staticmethod
    def macs(size: int = 32) -> int:
        """Two windows of 3 by 3, on grids that lose two each time."""
        return 9 * (3 * 8 * (size - 2) ** 2 + 8 * 8 * (size - 4) ** 2)


class Functional(nn.Module):
    """Weights that no module uses: a product, an einsum and a linear function."""

    LENGTH: ClassVar = 16
    WIDTH: ClassVar = 32

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.third = (
            nn.Parameter(torch.ones(self.WIDTH, self.WIDTH)) for _ in range(3)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Three products in a row."""
        x = F.relu(x @ self.first)
        x = F.relu(torch.einsum("bld,de->ble", x, self.second))
        return F.linear(x, self.third)

    @classmethod
    def macs(cls) -> int:
        """Each of two sequences by three matrices."""
        return 3 * 2 * cls.LENGTH * cls.WIDTH * cls.WIDTH


class Repeated(nn.Module):
    """One layer, registered under two names, called six times."""

    WIDTH: ClassVar = 32
    TIMES: ClassVar = 6

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(self.WIDTH, self.WIDTH)
        self.same = self.layer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The layer of its own output, under both names."""
        for _ in range(self.TIMES // 2):
            x = F.relu(self.same(F.relu(self.layer(x))))
        return x

    @classmethod
    def macs(cls) -> int:
        """A matrix for each call."""
        return cls.TIMES * 2 * cls.WIDTH * cls.WIDTH


class Recurrent(nn.Module):
    """Tokens through two recurrent layers to tokens, by the embedding's own weights."""

    VOCABULARY: ClassVar = 500
    WIDTH: ClassVar = 64
    LENGTH: ClassVar = 20

    def __init__(self, kind: Callable[..., nn.Module], directions: int = 1) -> None:
        super().__init__()
        self.tokens = nn.Embedding(self.VOCABULARY, self.WIDTH)
        self.layers = kind(
            self.WIDTH, self.WIDTH // directions, 2, batch_first=True, bidirectional=directions > 1
        )
        self.output = nn.Linear(self.WIDTH, self.VOCABULARY, bias=False)
        self.output.weight = self.tokens.weight

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """The logits at each token."""
        hidden, _ = self.layers(self.tokens(tokens))
        logits: torch.Tensor = self.output(hidden)
        return logits

    @classmethod
    def macs(cls, gates: int, directions: int = 1) -> int:
        """At each token two layers of gates, in each direction, and the output layer."""
        hidden = cls.WIDTH // directions
        layer = directions * gates * hidden * (cls.WIDTH + hidden)
        return 2 * cls.LENGTH * (2 * layer + cls.WIDTH * cls.VOCABULARY)
