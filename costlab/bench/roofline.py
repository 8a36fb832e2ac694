"""What a side should take, from the ceilings that were measured and the work that it is.

Knows neither torch nor a clock. It is a lower bound, and as rough as its assumptions:

- A product takes the longer of its arithmetic at the rate of the largest matrix product and its
  bytes at the rate of a copy. Nothing that one kernel writes is still in a cache when the next one
  reads it, except in the regime warm where everything fits the last-level cache.
- The result of a product is cut into tiles of one of `TILES`, the best of which is taken; each is
  one processor's, with all of its sum (no split-K), so that the last tiles leave processors idle. A
  tile that is small has less to compute for each element that it reads, and below 128×64 waits for
  them (`FEED`). Not cut are results narrower than the narrowest tile, those of so few rows that
  kernels share out columns and depth instead, and any on a single processor. Real kernels also fill
  and drain their pipelines, and round the depth of the sum up: they only take longer. What splits
  a sum, as kernels of our own may, may take less than its tiles would; never less than its roof.
- A pass takes its bytes at the rate of a copy. Which passes are left is the arm's to say: eager and
  graph run each as it is written. What a compiler makes of a model keeps the products as they are,
  makes one pass of all element-wise operations between two of them, and has what is concatenated
  written in place by the passes and poolings before it. cudnn-fused and kernels of our own have
  bias, folded normalization and activation done by the product's kernel, before it writes.
- Kernels of our own compute two convolutions in series as one: what is between is neither written
  nor read, and no copy is made to pad. Lines that neighbouring tiles both compute are not counted,
  nor is it asked whether the pair is really run so: what that costs, is the kernel's.
- Of a model without products, which has no other roof, what the first pass reads comes through
  memory; what it writes itself stays in the last-level cache if all of it fits, since outputs are
  written to where they were written before.
- cuDNN leaves the bias of a convolution to a pass; oneDNN does not.
- A graph, as which kernels of our own run too, adds one node's time a kernel. Else kernels follow
  one another as closely, but the host must have launched them: the side takes at least its
  launches. On a device that has no graphs, a CPU, a call's overhead is added, as the one who calls
  is the one who computes.
"""

from __future__ import annotations

from math import ceil, fsum
from typing import TYPE_CHECKING, NamedTuple

from costlab.bench.document import Binding, Model

if TYPE_CHECKING:
    from collections.abc import Iterable

    from costlab.bench.document import Ceilings
    from costlab.bench.study import Arm, Case
    from costlab.bench.work import Costs, Product

TILES = tuple((rows, columns) for rows in (64, 128, 256) for columns in (32, 48, 64, 96, 128, 192))
NARROWEST = min(columns for _, columns in TILES)
LEAST_ROWS = 16
"""Rows of the smallest matrix that a matrix unit takes: below, a product is one of vectors."""
FEED = 128 * 64 / (128 + 64)
"""Multiply-adds an element read, rows·columns / (rows + columns), from which on a tile's operands
come fast enough."""

COMPILED: frozenset[Arm] = frozenset({"compile", "compile-autotune", "autotune-graph"})
EPILOGUE: frozenset[Arm] = frozenset({"cudnn-fused", "ours", "best-blocks"})
SERIES: frozenset[Arm] = frozenset({"ours", "best-blocks"})
"""Arms whose kernels pad by themselves, and compute two convolutions in series as one."""
GRAPHED: frozenset[Arm] = frozenset({"graph", "ours", "best-blocks", "autotune-graph"})
"""Arms whose calls are recorded as CUDA graphs: Python launches a kernel of Triton in more time
than most of them run."""


class Rates(NamedTuple):
    """What a side runs at: arithmetic, bytes, and processors to share the arithmetic."""

    flops_per_s: float
    bytes_per_s: float
    processors: int


def predict(costs: Costs, arm: Arm, case: Case, ceilings: Ceilings) -> Model | None:
    """What a side with these costs should take in an arm; None without a ceiling of its precision.

    Source: Williams et al. 2009, "Roofline: an insightful visual performance model".
    """
    flops_per_s = ceilings.flops_per_s.get(case.precision)
    if flops_per_s is None:
        return None
    left = apart(costs, arm, adds_bias=ceilings.graph_node_s is not None)
    kernels = kernels_of(costs, arm)
    moved = [*(moved_by(kernel, arm) for kernel in kernels), *left]
    rates = Rates(flops_per_s, _bytes_per_s(moved, case, ceilings), ceilings.processors)
    compute = [2 * sum(one.macs for one in kernel) / rates.flops_per_s for kernel in kernels]
    memory = [moved_by(kernel, arm) / rates.bytes_per_s for kernel in kernels]
    tiled = [
        max(fsum(tiles_s(one, rates) for one in kernel), m)
        for kernel, m in zip(kernels, memory, strict=True)
    ]
    compute_s, memory_s, tiled_s = fsum(compute), fsum(memory), fsum(tiled)
    roof_s = fsum(map(max, compute, memory))
    passes_s = fsum(left) / rates.bytes_per_s if kernels else _alone_s(costs, left, rates, ceilings)
    floor_s = _floor_s(len(moved), arm, tiled_s + passes_s, ceilings)
    # Idle processors alone: a tile that is larger than what is left leaves none without work.
    idle_s = fsum(
        t - max(c, m)
        for kernel, t, c, m in zip(kernels, tiled, compute, memory, strict=True)
        if all(tiling(one, rates)[0] < rates.processors for one in kernel)
    )
    largest: dict[Binding, float] = {
        "compute": fsum(c for c, m in zip(compute, memory, strict=True) if c >= m),
        "memory": fsum(m for c, m in zip(compute, memory, strict=True) if c < m) + passes_s,
        "parallelism": idle_s,
        "launch": floor_s,
    }
    return Model(
        compute_s,
        memory_s,
        passes_s,
        waves=max(1.0, tiled_s / roof_s) if roof_s else 1.0,
        floor_s=floor_s,
        binds=max(largest, key=lambda part: largest[part]),
        uneven_s=max(0.0, roof_s - max(compute_s, memory_s)),
    )


def kernels_of(costs: Costs, arm: Arm) -> list[tuple[Product, ...]]:
    """The products that an arm runs as a kernel each: one, or in ours two in series.

    >>> from dataclasses import replace
    >>> from costlab.bench.work import Costs, Product
    >>> conv = Product(1225, 64, 1, macs=15_052_800, moved=338_176)
    >>> pair = Costs(0, 0, 0, 0, (conv, replace(conv, after=0, between=156_800)))
    >>> [[len(kernel) for kernel in kernels_of(pair, arm)] for arm in ("graph", "ours")]
    [[1, 1], [2]]
    """
    kernels: list[tuple[Product, ...]] = []
    single: dict[int, int] = {}
    for index, product in enumerate(costs.products):
        if arm in SERIES and product.after in single:
            place = single.pop(product.after)
            kernels[place] = (*kernels[place], product)
        else:
            single[index] = len(kernels)
            kernels.append((product,))
    return kernels


def moved_by(kernel: tuple[Product, ...], arm: Arm) -> int:
    """The fewest bytes that a kernel moves: of two in series, not what is between them."""
    padded = sum(one.padded for one in kernel) if arm in SERIES else 0
    return sum(one.moved for one in kernel) - padded - 2 * sum(one.between for one in kernel[1:])


def tiles_s(product: Product, rates: Rates) -> float:
    """Seconds of a product's arithmetic, cut into the best of tiles and dealt to processors.

    ⌈tiles / processors⌉ · 2 · rows · columns · depth / (rate of one processor), for each of
    `TILES`, and longer where the tile waits for its operands.

    >>> from costlab.bench.work import Product
    >>> conv3x3 = Product(rows=35 * 35, columns=64, groups=1, macs=35 * 35 * 64 * 576, moved=0)
    >>> round(1e6 * tiles_s(conv3x3, Rates(788e12, 4.3e12, processors=132)), 2)
    0.79
    """
    even = 2 * product.macs / rates.flops_per_s
    _, best = tiling(product, rates)
    whole = product.rows * product.columns * product.groups
    return max(even, even * best * rates.processors / whole)


def tiling(product: Product, rates: Rates) -> tuple[int, float]:
    """The number of tiles of the best tiling, and the sums that one processor forms of them.

    As many tiles as processors, with nothing left over, for a result that is not cut.

    >>> from costlab.bench.work import Product
    >>> row = Product(rows=1, columns=4096, groups=1, macs=4096 * 9216, moved=0)
    >>> tiling(row, Rates(2e11, 2.7e10, processors=2))
    (2, 0.0)
    """
    narrow = product.columns < NARROWEST or product.rows < LEAST_ROWS
    if not product.tiled or narrow or rates.processors == 1:
        return rates.processors, 0.0
    found = []
    for rows, columns in TILES:
        tiles = product.groups * ceil(product.rows / rows) * ceil(product.columns / columns)
        feed = max(1.0, FEED / (rows * columns / (rows + columns)))
        found.append((ceil(tiles / rates.processors) * rows * columns * feed, tiles))
    best, tiles = min(found)
    return tiles, best


def apart(costs: Costs, arm: Arm, *, adds_bias: bool) -> list[int]:
    """The bytes that each pass moves that an arm runs as a kernel of its own.

    `adds_bias` is whether the bias of a convolution is such a pass where nothing is fused.
    """
    left: dict[int, int] = {}
    part_of: dict[int, int] = {}
    for index, one in enumerate(costs.passes):
        if one.kind == "bias" and not adds_bias:
            continue
        if arm in EPILOGUE and one.product is not None:
            continue
        if arm in SERIES and one.kind == "padding":
            continue
        moved = one.moved
        if arm in COMPILED:
            moved -= 2 * one.placed
            if one.joins in part_of:
                # What the one wrote and the other read stays in registers.
                whole = part_of[index] = part_of[one.joins]
                left[whole] += moved - 2 * costs.passes[one.joins].writes
                continue
        if moved > 0:
            left[index], part_of[index] = moved, index
    return list(left.values())


def _alone_s(costs: Costs, left: list[int], rates: Rates, ceilings: Ceilings) -> float:
    """Seconds of passes that are all that a model does."""
    whole = sum(left)
    read = min(whole, costs.passes[0].reads) if left else 0
    fits = whole - read <= ceilings.cache_bytes
    fastest = max(ceilings.cache_bytes_per_s, rates.bytes_per_s) if fits else rates.bytes_per_s
    return read / rates.bytes_per_s + (whole - read) / fastest


def _bytes_per_s(moved: Iterable[int], case: Case, ceilings: Ceilings) -> float:
    """The rate at which bytes move: the cache's if they are warm and fit it."""
    if case.regime == "warm" and sum(moved) <= ceilings.cache_bytes:
        return max(ceilings.cache_bytes_per_s, ceilings.copy_bytes_per_s)
    return ceilings.copy_bytes_per_s


def _floor_s(kernels: int, arm: Arm, busy_s: float, ceilings: Ceilings) -> float:
    """What launching so many kernels adds to the time for which they are busy."""
    if ceilings.graph_node_s is None:
        return kernels * ceilings.launch_s
    gaps = kernels * ceilings.graph_node_s
    return gaps if arm in GRAPHED else max(gaps, kernels * ceilings.launch_s - busy_s)
