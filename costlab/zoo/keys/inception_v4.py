"""Inception-v4: the names of its weights in timm."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# timm numbers the blocks in one row, in the order in which they run.
BLOCKS = (
    *("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "Mixed_3a", "Mixed_4a", "Mixed_5a"),
    *("Mixed_5b", "Mixed_5c", "Mixed_5d", "Mixed_5e"),
    *("Mixed_6a", "Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e", "Mixed_6f", "Mixed_6g"),
    *("Mixed_6h", "Mixed_7a", "Mixed_7b", "Mixed_7c", "Mixed_7d"),
)

# Where a branch splits, timm has its layers side by side.
SPLIT = {
    "Branch_1.conv1_1x1": "branch1_0",
    "Branch_1.split2.conv1_1x3": "branch1_1a",
    "Branch_1.split2.conv2_3x1": "branch1_1b",
    "Branch_2.conv1_1x1": "branch2_0",
    "Branch_2.conv2_3x1": "branch2_1",
    "Branch_2.conv3_1x3": "branch2_2",
    "Branch_2.split4.conv1_1x3": "branch2_3a",
    "Branch_2.split4.conv2_3x1": "branch2_3b",
}
WITH_SPLITS = ("Mixed_7b", "Mixed_7c", "Mixed_7d")
WITH_ONE_CONVOLUTION = ("Mixed_3a", "Mixed_5a")
LAYER = re.compile(r"Branch_(?P<branch>\d)(\.conv(?P<layer>\d)_\dx\d)?")


def timm(ours: Iterable[str]) -> dict[str, str]:
    """Our names of weights, each with that of timm's `inception_v4`, which has no side head.

    >>> timm(["Mixed_6b.Branch_1.conv2_1x7.conv.weight"]).popitem()[1]
    'features.11.branch1.1.conv.weight'
    """
    return {name: _timm(name) for name in ours}


def in_branches(place: str) -> str:
    """A place in a module as timm calls it: the branch, and the layer from 0 if it has several.

    >>> in_branches("Branch_0"), in_branches("Branch_1.conv2_3x3")
    ('branch0', 'branch1.1')
    """

    def renamed(layer: re.Match[str]) -> str:
        behind = f".{int(layer['layer']) - 1}" if layer["layer"] else ""
        return f"branch{layer['branch']}{behind}"

    return LAYER.sub(renamed, place)


def _timm(key: str) -> str:
    block, _, inside = key.partition(".")
    if block == "fc":
        return f"last_linear.{inside}"
    if block not in BLOCKS:
        return key
    *places, unit, weight = inside.split(".")
    layer = ".".join(places)
    if block in WITH_ONE_CONVOLUTION:
        layer = "conv"
    elif block in WITH_SPLITS and layer in SPLIT:
        layer = SPLIT[layer]
    else:
        layer = in_branches(layer)
    names = (str(BLOCKS.index(block)), layer, unit, weight)
    return ".".join(("features", *filter(None, names)))
