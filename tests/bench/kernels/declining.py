"""Modules of which the kernels take a part, and what is said of the other."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import torch
from torch import nn

from costlab.bench.arms import elsewhere
from costlab.bench.kernels import build
from costlab.bench.seams import ArmError

LAYERS: dict[str, dict[str, Any]] = {
    "dilated": {"dilation": 2, "padding": 2},
    "reflect": {"padding_mode": "reflect", "padding": 1},
    "circular": {"padding_mode": "circular", "padding": 1},
    "taken": {"padding": 1},
}


@torch.no_grad()
def declined(layer: str) -> dict[str, Any]:
    """A network with a layer that is not taken between two that are: how far off, and what is said.

    `alone` is what is said of the layer by itself.
    """
    torch.manual_seed(0)
    other = nn.Conv2d(6, 6, 3, **LAYERS[layer])
    layers = {"first": nn.Conv2d(4, 6, 3), "other": other, "last": nn.Conv2d(6, 4, 1)}
    network = nn.Sequential(OrderedDict(layers)).eval()
    x = torch.randn(2, 4, 9, 8).contiguous(memory_format=torch.channels_last)
    program = build(network, x)
    y = program(x).double()
    alone = ""
    try:
        build(other, layers["first"](x).contiguous(memory_format=torch.channels_last))
    except ArmError as error:
        alone = str(error)
    wanted = network.double()(x.double())
    off = float((y - wanted).norm() / wanted.norm())
    return {"error": off, "elsewhere": elsewhere(program), "alone": alone}
