"""The networks of the zoo, declared; importing it loads no torch and builds nothing."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING

from costlab.zoo.catalogue import CATALOGUE, Accuracy, Kind, Network, Published, find

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CATALOGUE", "Accuracy", "Kind", "Network", "Published", "find", "traced"]


def traced() -> Mapping[str, Mapping[str, int]]:
    """What costlab traced for each network, by name: `macs`, `params`, `params_executed`, `depth`.

    Read from `traced.json`, which `make docs` writes and a test keeps true, so that the list of
    networks needs no torch.
    """
    text = files(__name__).joinpath("traced.json").read_text(encoding="utf-8")
    figures: dict[str, dict[str, int]] = json.loads(text)
    return figures
