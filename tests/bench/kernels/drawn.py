"""Networks that nobody chose: convolutions, joins, sums and poolings of values at random."""

from __future__ import annotations

import random
from collections import OrderedDict
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from costlab.bench.kernels import build

PATCHES = ((1, 1), (1, 1), (1, 3), (3, 1), (3, 3))
KINDS = ("conv", "conv", "conv", "conv", "join", "join", "add", "pool", "write")
LENGTH = 9


class Move(NamedTuple):
    """A step of a forward: what is done, and the places of the values that it reads."""

    kind: str
    reads: tuple[int, ...]


class Drawn(nn.Module):
    """A forward of random steps, each of which adds a value; then a grid reduction.

    What is reduced are the values that nothing has read, and so, through them, all.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        draw = random.Random(seed)  # noqa: S311 - nothing secret
        self.layers, self.moves = nn.ModuleDict(), list[Move]()
        widths = [5]
        for place in range(LENGTH):
            kind = draw.choice(KINDS)
            reads = tuple(draw.choices(range(len(widths)), k=draw.randint(1, 3)))
            if kind == "conv":
                reads = reads[:1]
                filters = draw.randint(1, 20)
                self.layers[str(place)] = _layer(draw, widths[reads[0]], filters)
                widths.append(filters)
            elif kind == "join":
                widths.append(sum(widths[read] for read in reads))
            else:
                reads = reads[:1]
                widths.append(widths[reads[0]])
            self.moves.append(Move(kind, reads))
        read = {one for move in self.moves for one in move.reads}
        self.unread = [place for place in range(len(widths)) if place not in read]
        self.pooled = draw.randrange(len(widths))
        total = sum(widths[place] for place in self.unread)
        self.strided = nn.Conv2d(total, 7, 3, stride=2, padding=1)
        self.pool = nn.MaxPool2d(3, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        """A strided convolution of what is left, beside a pooling of some value."""
        values = [x]
        for place, (kind, reads) in enumerate(self.moves):
            read = [values[one] for one in reads]
            if kind == "conv":
                values.append(self.layers[str(place)](read[0]))
            elif kind == "join":
                values.append(torch.cat(read, dim=1))
            elif kind == "add":
                values.append(read[0] + 1)
            elif kind == "pool":
                values.append(F.max_pool2d(read[0], 3, 1, 1))
            else:
                values.append(read[0].mul_(0.5))
        left = torch.cat([values[place] for place in self.unread], dim=1)
        return torch.cat([self.strided(left), self.pool(values[self.pooled])], dim=1)


def _layer(draw: random.Random, channels: int, filters: int) -> nn.Module:
    rows, columns = draw.choice(PATCHES)
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    padding = rows // 2, columns // 2
    groups = channels if channels == filters else 1  # which the kernels decline
    layers["conv"] = nn.Conv2d(channels, filters, (rows, columns), padding=padding, groups=groups)
    if draw.random() < 0.3:
        layers["norm"] = nn.BatchNorm2d(filters)
    if draw.random() < 0.6:
        layers["relu"] = nn.ReLU(inplace=draw.random() < 0.5)
    return nn.Sequential(layers)


@torch.no_grad()
def drawn(seed: int) -> dict[str, Any]:
    """A network by a seed, as launches, against float64."""
    torch.manual_seed(seed)
    network = Drawn(seed).eval()
    x = torch.randn(2, 5, 4, 3).contiguous(memory_format=torch.channels_last)
    program = build(network, x)
    y = program(x.clone(memory_format=torch.preserve_format)).double()
    wanted = network.double()(x.double())
    return {
        "error": float((y - wanted).norm() / wanted.norm()),
        "launches": [one.partition(":")[0] for one in program.launches],
    }
