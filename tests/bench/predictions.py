"""What the reference model predicts of factorized convolutions, in bf16 on an H200.

Each row: the convolutions before and after, grid, width, batch; then the saving in per cent by
multiply-adds, by the roofline alone, by waves of tiles with 2 µs a kernel, and by these with batch
normalization and ReLU as kernels of their own. Minus is slower.
"""

from __future__ import annotations

from typing import NamedTuple


class Prediction(NamedTuple):
    """One row."""

    before: str
    after: str
    grid: int
    width: int
    batch: int
    mac: float
    roof: float
    fused: float
    eager: float


_ROWS = """
5x5 3x3+3x3 35 48 1 28.0 28.0 -42.2 -72.8
5x5 3x3+3x3 35 64 1 28.0 28.0 -33.0 -66.3
5x5 3x3+3x3 35 96 1 28.0 28.0 -20.3 -55.7
3x3 3x1+1x3 35 64 1 33.3 -37.2 -62.2 -84.8
3x3 3x1+1x3 35 96 1 33.3 5.2 -50.4 -78.6
3x3 3x1+1x3 17 192 1 33.3 15.3 -27.6 -62.7
3x3 3x1+1x3 8 384 1 33.3 28.6 -6.2 -41.4
3x3 2x2+2x2 35 64 1 11.1 -40.6 -68.5 -87.3
3x3 2x2+2x2 35 96 1 11.1 1.9 -58.6 -82.2
3x3 2x2+2x2 17 192 1 11.1 1.2 -39.7 -68.9
7x7 1x7+7x1 17 128 1 71.4 70.2 39.1 0.6
7x7 1x7+7x1 17 160 1 71.4 71.4 44.6 9.5
7x7 1x7+7x1 17 192 1 71.4 71.4 48.4 16.4
5x5 3x3+3x3 35 48 32 28.0 28.0 4.9 -37.5
5x5 3x3+3x3 35 64 32 28.0 28.0 11.1 -29.2
5x5 3x3+3x3 35 96 32 28.0 28.0 19.3 -13.1
3x3 3x1+1x3 35 64 32 33.3 -27.6 -28.6 -68.8
3x3 3x1+1x3 35 96 32 33.3 14.8 7.2 -44.3
3x3 3x1+1x3 17 192 32 33.3 33.3 10.1 -32.7
3x3 3x1+1x3 8 384 32 33.3 33.3 6.4 -31.4
3x3 2x2+2x2 35 64 32 11.1 -27.7 -28.7 -68.8
3x3 2x2+2x2 35 96 32 11.1 11.1 -7.6 -52.0
3x3 2x2+2x2 17 192 32 11.1 11.1 -8.2 -43.9
7x7 1x7+7x1 17 128 32 71.4 71.4 59.7 31.8
7x7 1x7+7x1 17 160 32 71.4 71.4 63.8 42.5
7x7 1x7+7x1 17 192 32 71.4 71.4 65.0 45.3
5x5 3x3+3x3 35 48 256 28.0 28.0 23.3 -22.5
5x5 3x3+3x3 35 64 256 28.0 28.0 25.0 -15.7
5x5 3x3+3x3 35 96 256 28.0 28.0 26.7 -3.8
3x3 3x1+1x3 35 64 256 33.3 -27.3 -29.0 -69.0
3x3 3x1+1x3 35 96 256 33.3 15.1 13.7 -38.9
3x3 3x1+1x3 17 192 256 33.3 33.3 29.3 -11.5
3x3 3x1+1x3 8 384 256 33.3 33.3 28.8 1.7
3x3 2x2+2x2 35 64 256 11.1 -27.3 -29.0 -69.0
3x3 2x2+2x2 35 96 256 11.1 11.1 7.9 -42.1
3x3 2x2+2x2 17 192 256 11.1 11.1 7.7 -26.2
7x7 1x7+7x1 17 128 256 71.4 71.4 69.2 48.8
7x7 1x7+7x1 17 160 256 71.4 71.4 70.3 56.3
7x7 1x7+7x1 17 192 256 71.4 71.4 70.5 56.8
"""

PREDICTIONS = tuple(
    Prediction(before, after.replace("+", " "), *map(int, sizes), *map(float, savings))
    for before, after, *rest in map(str.split, _ROWS.strip().splitlines())
    for sizes, savings in [(rest[:3], rest[3:])]
)
