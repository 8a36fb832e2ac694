"""Convolutions as work, from their equations alone, and the ceilings of the reference figures."""

from __future__ import annotations

from dataclasses import replace

from costlab.bench.document import Ceilings
from costlab.bench.study import Arm, Case, Regime, Side, Subject
from costlab.bench.work import Costs, Pass, Product

# An H200's ceilings in bf16, as the reference predictions assume them, and 2 µs a node of a graph.
H200 = Ceilings(
    flops_per_s={"bf16": 788e12},
    copy_bytes_per_s=4.3e12,
    cache_bytes_per_s=8e12,
    launch_s=5e-6,
    graph_node_s=2e-6,
    cache_bytes=50 * 2**20,
    processors=132,
)
# A device without graphs.
CPU = replace(H200, flops_per_s={"fp32": 1e11, "bf16": 1e11}, graph_node_s=None, processors=2)


def case(
    batch: int = 1, arm: Arm = "graph", precision: str = "bf16", regime: Regime = "cold"
) -> Case:
    """A case in which nothing but what is given matters."""
    side = Side(Subject("", "conv5x5", (64, 35, 35)), arm)
    return Case("", "", side, side, batch, precision, "nhwc", "bare", regime)  # type: ignore[arg-type]  # a plain text


def convolutions(
    patches: str, grid: int, width: int, batch: int, *, finished: bool = False
) -> Costs:
    """Convolutions in series that keep grid and width: `3x1 1x3`; normalized and rectified or not.

    Units: elements of two bytes.
    """
    positions = batch * grid * grid
    written = 2 * positions * width
    products, passes = [], []
    for place, patch in enumerate(patches.split()):
        rows, columns = map(int, patch.split("x"))
        weights = rows * columns * width * width
        macs = positions * weights
        # All of them keep the grid, so that one kernel could compute each with the one before.
        after = place - 1 if place else None
        between = written if place else 0
        moved = 2 * written + 2 * weights
        products.append(Product(positions, width, 1, macs, moved, after=after, between=between))
        if finished:
            # Four vectors of statistics and slopes, in elements of two bytes.
            passes += [
                Pass("normalization", written + 8 * width, written, product=place),
                Pass("activation", written, written, product=place, joins=2 * place),
            ]
    macs = sum(product.macs for product in products)
    found = Costs(macs, 0, 0, 0, tuple(products), tuple(passes))
    return replace(found, bytes=found.moved)
