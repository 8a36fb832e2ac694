"""The building blocks that the papers draw, and the factorizations, on their own."""

from __future__ import annotations

from costlab.zoo.catalogue.network import Network

NETWORKS: tuple[Network, ...] = ()
