"""GoogLeNet: the names of its weights in torchvision."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# torchvision numbers branches from 1 and what stands in them from 0, and counts the two
# convolutions of the second row of the paper's table apart.
RENAMED = (
    (re.compile(r"^conv2\.conv1_1x1\."), "conv2."),
    (re.compile(r"^conv2\.conv2_3x3\."), "conv3."),
    (re.compile(r"^inception_"), "inception"),
    (re.compile(r"\.branch1x1\."), ".branch1."),
    (re.compile(r"\.branch3x3\."), ".branch2."),
    (re.compile(r"\.branch5x5\."), ".branch3."),
    (re.compile(r"\.branch_pool\."), ".branch4."),
    (re.compile(r"\.conv1_\dx\d\."), ".0."),
    (re.compile(r"\.conv2_\dx\d\."), ".1."),
    (re.compile(r"^aux_4a\."), "aux1."),
    (re.compile(r"^aux_4d\."), "aux2."),
    (re.compile(r"\.conv_1x1\."), ".conv."),
    (re.compile(r"\.fc1\.linear\."), ".fc1."),
)


def torchvision(ours: Iterable[str]) -> dict[str, str]:
    """Our names of weights, each with that of torchvision's `googlenet`.

    >>> torchvision(["inception_4a.branch5x5.conv2_3x3.conv.weight"]).popitem()[1]
    'inception4a.branch3.1.conv.weight'
    """
    return {name: _torchvision(name) for name in ours}


def _torchvision(key: str) -> str:
    for ours, theirs in RENAMED:
        key = ours.sub(theirs, key)
    return key
