"""VGG: the names of its weights in torchvision, of every depth, with batch norm or without."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

CLASSIFIER = {"fc6": "classifier.0", "fc7": "classifier.3", "fc8": "classifier.6"}


def torchvision(ours: Iterable[str]) -> dict[str, str]:
    """Our names of weights, each with that of the same VGG of torchvision.

    torchvision numbers the layers through, so that the number of one depends on all before it.

    >>> torchvision(["conv1_1.conv.bias", "conv1_2.conv.bias", "conv2_1.conv.bias"]).popitem()[1]
    'features.5.bias'
    """
    names = list(ours)
    normalized = any(".bn." in name for name in names)
    features = _features(names, layers=3 if normalized else 2)
    theirs = {}
    for name in names:
        block, _, rest = name.partition(".")
        part, _, entry = rest.rpartition(".")
        number = f"features.{features[block] + (part == 'bn')}" if block in features else ""
        theirs[name] = f"{number or CLASSIFIER[block]}.{entry}"
    return theirs


def _features(names: list[str], layers: int) -> dict[str, int]:
    """The number of each convolution, with so many layers from one to the next in a stage."""
    numbers: dict[str, int] = {}
    number, last = 0, ""
    for block in dict.fromkeys(name.partition(".")[0] for name in names):
        if not block.startswith("conv"):
            continue
        stage = block.partition("_")[0]
        if last and stage != last:
            number += 1  # the pooling between two stages
        numbers[block] = number
        number, last = number + layers, stage
    return numbers
