"""The catalogue: every network of the zoo by its name, a file a family."""

from __future__ import annotations

from costlab.errors import UsageError, did_you_mean
from costlab.zoo.catalogue import (
    blocks,
    classics,
    googlenet,
    inception,
    inception_resnet,
    resnet,
)
from costlab.zoo.catalogue.network import Accuracy, Kind, Network, Published

__all__ = ["CATALOGUE", "Accuracy", "Kind", "Network", "Published", "find"]

FAMILIES = (
    classics.NETWORKS,
    googlenet.NETWORKS,
    inception.NETWORKS,
    inception_resnet.NETWORKS,
    resnet.NETWORKS,
    blocks.NETWORKS,
)
CATALOGUE: dict[str, Network] = {network.name: network for family in FAMILIES for network in family}


def find(name: str) -> Network:
    """The network of this name.

    >>> find("inception_v3").input_shape
    (3, 299, 299)

    Raises:
        UsageError: no network is called that; the message proposes the nearest name.

    """
    if name in CATALOGUE:
        return CATALOGUE[name]
    raise UsageError(
        f"no network of the zoo is called {name!r}.{did_you_mean(name, CATALOGUE)} "
        "`costlab list` shows them all."
    )
