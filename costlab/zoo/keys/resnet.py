"""ResNet: the names of its weights in torchvision and timm, which agree."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# Both count stages from 1, where the paper's conv2_x is the first, and units and the layers of a
# projection from 0; a normalization stands beside its convolution, here both stand in a unit.
UNIT = re.compile(r"^conv(?P<stage>\d)_(?P<place>\d+)\.(?P<rest>.+)$")
RENAMED = (
    (re.compile(r"^residual\.conv(\d)_\dx\d\.(conv|bn)\."), r"\2\1."),
    (re.compile(r"^shortcut\.conv\."), "downsample.0."),
    (re.compile(r"^shortcut\.bn\."), "downsample.1."),
    (re.compile(r"^conv1\.(conv|bn)\."), r"\g<1>1."),
)


def torchvision(ours: Iterable[str]) -> dict[str, str]:
    """Our names of weights, each with that of torchvision's networks of the same depth.

    >>> torchvision(["conv4_23.residual.conv2_3x3.bn.bias", "conv2_1.shortcut.bn.weight"])
    ... # doctest: +NORMALIZE_WHITESPACE
    {'conv4_23.residual.conv2_3x3.bn.bias': 'layer3.22.bn2.bias',
     'conv2_1.shortcut.bn.weight': 'layer1.0.downsample.1.weight'}
    """
    return {name: _torchvision(name) for name in ours}


timm = torchvision
"""Our names of weights, each with that of timm's networks of the same depth."""


def _torchvision(key: str) -> str:
    before, rest = "", key
    if unit := UNIT.fullmatch(key):
        before, rest = f"layer{int(unit['stage']) - 1}.{int(unit['place']) - 1}.", unit["rest"]
    for ours, theirs in RENAMED:
        rest = ours.sub(theirs, rest)
    return before + rest
