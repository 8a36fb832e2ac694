"""Inception-v4 and Inception-ResNet."""

from __future__ import annotations

from costlab.zoo.catalogue.network import Network

NETWORKS: tuple[Network, ...] = ()
