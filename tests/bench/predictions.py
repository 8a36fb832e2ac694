"""What the reference model predicts of an H200 in bf16, before anything was measured there.

Of factorizations each row: the convolutions before and after, grid, width, batch; then the saving
in per cent by multiply-adds, by the roofline alone, by waves of tiles with 2 µs a kernel, and by
these with batch normalization and ReLU as kernels of their own. Minus is slower.
"""

from __future__ import annotations

import re
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


class Range(NamedTuple):
    """How many times as fast something is predicted to be, from the least to the most."""

    low: float
    high: float

    @property
    def said(self) -> str:
        """In a cell.

        >>> Range(0.53, 0.7).said, Range(1.91, 1.91).said
        ('×0.53 to ×0.70', '×1.91')
        """
        least = f"×{self.low:.2f}"
        return least if self.low == self.high else f"{least} to ×{self.high:.2f}"

    def agrees(self, gain: float) -> bool:
        """Whether a gain is on the same side of 1, within the range, or as near to 1 as that is.

        >>> Range(1.6, 1.6).agrees(1.2), Range(1.6, 1.6).agrees(0.98), Range(0.9, 1.03).agrees(1.02)
        (True, False, True)
        """
        if self.low - NONE <= 1 <= self.high + NONE and abs(gain - 1) <= NONE:
            return True
        return gain > 1 if self.low > 1 else gain < 1 if self.high < 1 else self.holds(gain, gain)

    def holds(self, low: float, high: float) -> bool:
        """Whether an interval meets what is predicted, to the digits in which that is told.

        >>> Range(0.7, 1.1).holds(1.12, 1.2), Range(0.7, 1.1).holds(1.05, 1.2)
        (False, True)
        """
        return low <= self.high + DIGIT and high >= self.low - DIGIT


NONE, DIGIT = 0.05, 0.005


class Reduction(NamedTuple):
    """A way to reduce a grid: what it is predicted to take, and the arm that runs it so."""

    way: str
    predicted_s: float
    arm: str


class Place(NamedTuple):
    """Where, and how many at once."""

    place: str
    batch: int


REDUCTION = Place("35x35x320 to 17x17x640", 256)
REDUCTIONS = (
    Reduction("pool then conv", 410e-6, "cudnn-fused"),
    Reduction("conv then pool", 1590e-6, "cudnn-fused"),
    Reduction("parallel", 282e-6, "cudnn-fused"),
    Reduction("parallel", 236e-6, "ours"),
)
"""The parallel one copies for its concatenation; ours writes into slices instead."""


class Fusing(NamedTuple):
    """Two convolutions as one kernel over a kernel each: at the roof, and what tiles leave."""

    roof: Range
    tiled: Range | None = None


def _fusings() -> dict[tuple[str, int], Fusing]:
    found = {}
    line = {32: Range(1.0, 1.0), 256: Range(1.0, 1.0)}
    rows: tuple[tuple[str, tuple[int, ...], dict[int, Range], dict[int, Range]], ...] = (
        # By one image: 17 to 35 µs against 6.5 to 7.7, as there are tiles for three processors.
        ("1x7 7x1, 17x17", (128, 160, 192), {1: Range(1.0, 1.04), **line},
         {1: Range(6.5 / 35, 7.7 / 17), 32: Range(0.53, 0.7), 256: Range(0.53, 0.7)}),
        ("3x3 3x3, 35x35", (48, 64, 96), {1: Range(1.0, 1.0), **line},
         dict.fromkeys((1, 32, 256), Range(0.88, 1.03))),
        ("3x1 1x3, 35x35", (64,), {1: Range(1.86, 1.86), 32: Range(1.91, 1.91),
                                   256: Range(1.91, 1.91)}, {256: Range(1.61, 1.61)}),
        ("3x1 1x3, 35x35", (96,), {1: Range(1.42, 1.42), 32: Range(1.28, 1.28),
                                   256: Range(1.27, 1.27)}, {256: Range(1.08, 1.08)}),
        ("2x2 2x2, 35x35", (64,), {1: Range(1.58, 1.58), 32: Range(1.44, 1.44),
                                   256: Range(1.43, 1.43)}, {}),
    )  # fmt: skip
    for name, widths, roofs, tiles in rows:
        for width in widths:
            for batch, roof in roofs.items():
                found[f"{name}x{width}", batch] = Fusing(roof, tiles.get(batch))
    return found


FUSINGS = _fusings()
"""By subject and batch."""
AS_ONE = "3x3 → 3x1 1x3, 35x35x64", 256
"""The pair, and the batch, of which one kernel is predicted to save what multiply-adds promise."""
MERGED = {
    "1x1 64 + 48 + 64 → merged, 35x35x288": Range(2.24, 2.24),
    "1x1 192 + 160 + 160 → merged, 17x17x768": Range(1.2, 1.5),
    "1x1 320 + 384 + 448 → merged, 8x8x2048": Range(1.0, 1.0),
}
"""1x1 convolutions of one input as one, at the roof, by pair."""


class Gain(NamedTuple):
    """Kernels of our own over another arm: which subjects, at which batches, how many times."""

    subjects: re.Pattern[str]
    arm: str
    batches: tuple[int, ...]
    gain: Range


GAINS = (
    Gain(re.compile(r"\d+x\d+, .*"), "cudnn-fused", (1, 32, 256), Range(0.7, 1.1)),
    Gain(re.compile("3x1 1x3, 35x35x64"), "cudnn-fused", (256,), Range(1.15, 1.35)),
    # Against three kernels, as a graph: what is at best to be gained.
    Gain(re.compile("3x3, 35x35x64"), "graph", (256,), Range(2.3, 2.3)),
    Gain(re.compile(r"1x7 7x1, 17x17x\d+"), "graph", (256,), Range(1.6, 1.9)),
    Gain(re.compile("3x3, 8x8x448"), "graph", (256,), Range(1.2, 1.2)),
)
