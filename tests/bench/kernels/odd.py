"""A network of which the kernels take a part."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn


def partly() -> nn.Module:
    """Two convolutions that are taken, and a grouped one between them."""
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        first=nn.Conv2d(8, 8, 3, padding=1),
        grouped=nn.Conv2d(8, 8, 3, padding=1, groups=2),
        last=nn.Conv2d(8, 5, 1),
    )
    return nn.Sequential(layers)
