"""AlexNet: the names of the weights of its one-tower variant in torchvision."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# torchvision numbers the layers through, with each ReLU, pooling and dropout between them.
NUMBERED = {
    "conv1": "features.0",
    "conv2": "features.3",
    "conv3": "features.6",
    "conv4": "features.8",
    "conv5": "features.10",
    "fc6": "classifier.1",
    "fc7": "classifier.4",
    "fc8": "classifier.6",
}
LAYER = re.compile(r"^(\w+)(\.conv|\.linear)?\.(\w+)$")


def torchvision(ours: Iterable[str]) -> dict[str, str]:
    """Our names of weights, each with that of torchvision's `alexnet`.

    >>> torchvision(["conv5.conv.weight", "fc8.bias"])
    {'conv5.conv.weight': 'features.10.weight', 'fc8.bias': 'classifier.6.bias'}
    """
    return {name: LAYER.sub(lambda m: f"{NUMBERED[m[1]]}.{m[3]}", name) for name in ours}
