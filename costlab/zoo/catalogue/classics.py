"""AlexNet, VGG and the PReLU-nets."""

from __future__ import annotations

from costlab.zoo.catalogue.network import Network

NETWORKS: tuple[Network, ...] = ()
