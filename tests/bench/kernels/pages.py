"""The table of docs/kernels.md, computed."""

from __future__ import annotations

from costlab.bench.kernels.work import Lines, Shape
from costlab.bench.roofline import Rates

RATES = Rates(788e12, 4.3e12, processors=132)
"""Arithmetic in bf16 and bytes of a copy, as they were measured once on an H200; what a run finds
itself takes their place."""
BATCHES = (1, 32, 256)
BF16 = 2
PAIRS = (
    ("3×1 → 1×3", 35, 64, (3, 1), (1, 3)),
    ("3×1 → 1×3", 35, 96, (3, 1), (1, 3)),
    ("2×2 → 2×2", 35, 64, (2, 2), (2, 2)),
    ("3×3 → 3×3", 35, 64, (3, 3), (3, 3)),
    ("3×3 → 3×3", 35, 96, (3, 3), (3, 3)),
    ("1×7 → 7×1", 17, 128, (1, 7), (7, 1)),
    ("1×7 → 7×1", 17, 192, (1, 7), (7, 1)),
)
LINES = 7


def kept(images: int, grid: int, width: int, kernel: tuple[int, int]) -> Shape:
    """A convolution that keeps its grid, padded as `padding="same"` pads."""
    (rows, columns) = kernel
    top, left = (rows - 1) // 2, (columns - 1) // 2
    sides = top, left, rows - 1 - top, columns - 1 - left
    return Shape(images, (grid, grid), width, width, kernel, padding=sides)


def table() -> str:
    """Bytes and roofs of each pair, apart and as one kernel in lines, by batch."""
    rows = [
        "| pair | batch | GFLOP | apart, MB | as one, MB | apart, µs | as one, µs | gain |",
        "| :--- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, grid, width, first, second in PAIRS:
        for batch in BATCHES:
            pair = Lines(kept(batch, grid, width, first), kept(batch, grid, width, second), LINES)
            shapes = pair.first, pair.second
            apart = sum(
                max(2 * one.macs / RATES.flops_per_s, one.moved(BF16) / RATES.bytes_per_s)
                for one in shapes
            )
            one = pair.roof_s(BF16, RATES)
            rows.append(
                f"| {name}, {grid}×{grid}×{width} | {batch} "
                f"| {2 * sum(shape.macs for shape in shapes) / 1e9:.3g} "
                f"| {pair.unfused(BF16) / 1e6:.3g} | {pair.moved(BF16) / 1e6:.3g} "
                f"| {apart * 1e6:.3g} | {one * 1e6:.3g} | ×{apart / one:.2f} |"
            )
    return "\n".join(rows)
