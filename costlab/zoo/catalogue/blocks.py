"""The building blocks that the papers draw, and the factorizations, on their own."""

from __future__ import annotations

from functools import partial

from costlab.zoo.catalogue.network import Kind, Network

PAPER = "Szegedy et al. 2015"


def _part(
    kind: Kind,
    home: str,
    name: str,
    title: str,
    place: str,
    inputs: int,
    grid: int,
    **arguments: object,
) -> Network:
    """What the Inception-v3 paper has in this place, at a width and a grid of Inception-v3."""
    return Network(
        name=name,
        title=title,
        source=f"{PAPER}, {place}",
        builder=f"costlab.zoo.{home}:{name}",
        input_shape=(inputs, grid, grid),
        arguments={"inputs": inputs, **arguments},
        kind=kind,
    )


_block = partial(_part, "block", "figures")
_reduction = partial(_part, "block", "reductions")
_factorization = partial(_part, "factorization", "factorizations")

NETWORKS: tuple[Network, ...] = (
    _block("figure4", "original Inception module", "Figure 4", 288, 35),
    _block("figure5", "5×5 as two 3×3", "Figure 5", 288, 35),
    _block("figure6", "n×n as 1×n and n×1, n = 7", "Figure 6", 768, 17, n=7),
    _block("figure7", "expanded filter banks", "Figure 7", 1280, 8),
    _block("figure10", "grid reduction, as a module", "Figure 10, left", 320, 35),
    _reduction("reduction_pool_first", "pooling, then convolution", "Figure 9, left", 320, 35),
    _reduction("reduction_conv_first", "convolution, then pooling", "Figure 9, right", 320, 35),
    _reduction("reduction_parallel", "convolution beside pooling", "Figure 10, right", 320, 35),
    _factorization("conv5x5", "one 5×5", "§3.1", 64, 35),
    _factorization("two_3x3", "two 3×3 for one 5×5", "§3.1", 64, 35),
    _factorization("conv3x3", "one 3×3", "§3.2", 96, 35),
    _factorization("pair_3x1_1x3", "3×1, 1×3 for one 3×3", "§3.2", 96, 35),
    _factorization("two_2x2", "two 2×2 for one 3×3", "§3.2", 96, 35),
    _factorization("conv_nxn", "one n×n, n = 7", "§3.2", 192, 17, n=7),
    _factorization("pair_1xn_nx1", "1×n, n×1 for one n×n, n = 7", "§3.2", 192, 17, n=7),
    _factorization("three_3x3", "three 3×3 for one 7×7", "§6", 192, 17),
)
