"""Inception-ResNet-v2 as released: the names of its weights in timm."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costlab.zoo.keys.inception_v4 import in_branches

if TYPE_CHECKING:
    from collections.abc import Iterable

BLOCKS = {
    "Conv2d_1a_3x3": "conv2d_1a",
    "Conv2d_2a_3x3": "conv2d_2a",
    "Conv2d_2b_3x3": "conv2d_2b",
    "Conv2d_3b_1x1": "conv2d_3b",
    "Conv2d_4a_3x3": "conv2d_4a",
    "Mixed_5b": "mixed_5b",
    "Mixed_6a": "mixed_6a",
    "Mixed_7a": "mixed_7a",
    "Block8": "block8",
    "Conv2d_7b_1x1": "conv2d_7b",
    "fc": "classif",
}
ROWS = {"block35": "repeat", "block17": "repeat_1", "block8": "repeat_2"}


def timm(ours: Iterable[str]) -> dict[str, str]:
    """Our names of weights, each with that of timm's `inception_resnet_v2`, without side head.

    >>> timm(["block17_20.Branch_1.conv2_1x7.conv.weight"]).popitem()[1]
    'repeat_1.19.branch1.1.conv.weight'
    """
    return {name: _timm(name) for name in ours}


def _timm(key: str) -> str:
    block, _, inside = key.partition(".")
    row, _, number = block.partition("_")
    if row in ROWS:
        block = f"{ROWS[row]}.{int(number) - 1}"
    inside = in_branches(inside).replace("Conv2d_1x1", "conv2d")
    return f"{BLOCKS.get(block, block)}.{inside}"
