"""Inception-v3: the names of its weights in torchvision."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# Both number the layers of a branch; here they are nested in it and tell their patch size.
RENAMED = (
    (re.compile(r"^AuxLogits\.conv_1x1\."), "AuxLogits.conv0."),
    (re.compile(r"^AuxLogits\.conv_5x5\."), "AuxLogits.conv1."),
    (re.compile(r"\.branch_pool\.conv2_1x1\."), ".branch_pool."),
    (re.compile(r"\.split(\d)\.conv1_1x3\."), r"_\1a."),
    (re.compile(r"\.split(\d)\.conv2_3x1\."), r"_\1b."),
    (re.compile(r"\.conv(\d)_\dx\d\."), r"_\1."),
)


def torchvision(ours: Iterable[str]) -> dict[str, str]:
    """Our names of weights, each with that of torchvision's `inception_v3`.

    >>> torchvision(["Mixed_6b.branch7x7dbl.conv2_7x1.conv.weight"]).popitem()[1]
    'Mixed_6b.branch7x7dbl_2.conv.weight'
    """
    return {name: _torchvision(name) for name in ours}


def _torchvision(key: str) -> str:
    for ours, theirs in RENAMED:
        key = ours.sub(theirs, key)
    return key
