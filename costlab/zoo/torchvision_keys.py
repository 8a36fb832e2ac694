"""Weights of torchvision's networks under the names that they have here.

It knows names only: no tensor is changed, and torchvision is not imported.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import torch

from costlab.errors import UsageError
from costlab.zoo.inception_v3 import InceptionV3

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

# Both number the layers of a branch; here they are nested in it and tell their patch size.
RENAMED = (
    (re.compile(r"^AuxLogits\.conv_1x1\."), "AuxLogits.conv0."),
    (re.compile(r"^AuxLogits\.conv_5x5\."), "AuxLogits.conv1."),
    (re.compile(r"\.branch_pool\.conv2_1x1\."), ".branch_pool."),
    (re.compile(r"\.split(\d)\.conv1_1x3\."), r"_\1a."),
    (re.compile(r"\.split(\d)\.conv2_3x1\."), r"_\1b."),
    (re.compile(r"\.conv(\d)_\dx\d\."), r"_\1."),
)


def torchvision_key(key: str) -> str:
    """Name that torchvision's `inception_v3` gives to a weight of ours.

    >>> torchvision_key("Mixed_6b.branch7x7dbl.conv2_7x1.conv.weight")
    'Mixed_6b.branch7x7dbl_2.conv.weight'
    """
    for ours, theirs in RENAMED:
        key = ours.sub(theirs, key)
    return key


def from_torchvision(state_dict: Mapping[str, Tensor], *, aux: bool = True) -> dict[str, Tensor]:
    """State dict for `InceptionV3(aux=aux)` out of one of torchvision's `inception_v3`.

    Raises:
        UsageError: an entry is missing or left over; both lists are in the message.

    """
    with torch.device("meta"):
        keys = {torchvision_key(key): key for key in InceptionV3(aux=aux).state_dict()}
    missing = [key for key in keys if key not in state_dict]
    unexpected = [key for key in state_dict if key not in keys]
    if missing or unexpected:
        raise UsageError(
            f"not a state dict of torchvision's inception_v3 with aux_logits={aux}: "
            f"missing {_some(missing)}; unexpected {_some(unexpected)}"
        )
    return {ours: state_dict[theirs] for theirs, ours in keys.items()}


def _some(keys: list[str], shown: int = 3) -> str:
    """The first few keys, and how many more there are."""
    rest = [f"and {len(keys) - shown} more"] if len(keys) > shown else []
    return ", ".join(keys[:shown] + rest) or "none"
