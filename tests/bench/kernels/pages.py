"""The tables of docs/kernels.md, computed."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from costlab.bench.kernels.tilings import (
    PER_PROCESSOR,
    Processors,
    Tiling,
    fusions,
    parted,
    taken,
    tilings,
)
from costlab.bench.kernels.work import InParts, Lines, Shape, pooled, shared
from costlab.bench.roofline import Rates
from costlab.bench.studies import FACTORIZATIONS, GRID_REDUCTION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from costlab.bench.study import Subject

RATES = Rates(788e12, 4.3e12, processors=132)
"""Arithmetic in bf16 and bytes of a copy, as they were measured once on an H200; what a run finds
itself takes their place."""
BATCHES = (1, 32, 256)
BF16 = 2


class InSeries(NamedTuple):
    """Convolutions of a subject of the study, one after the other, that keep grid and width."""

    grid: int
    width: int
    patches: tuple[tuple[int, int], ...]

    @property
    def said(self) -> str:
        """What it is, as the page has it.

        >>> InSeries(35, 64, ((3, 1), (1, 3))).said
        '3×1 → 1×3, 35×35×64'
        """
        patches = " → ".join("×".join(map(str, patch)) for patch in self.patches)
        return f"{patches}, {self.grid}×{self.grid}×{self.width}"


def convolutions(subject: Subject) -> InSeries:
    """What a subject of the factorizations computes, by its name and its shape.

    >>> convolutions(FACTORIZATIONS.pairs[0].variant)
    InSeries(grid=35, width=64, patches=((3, 3), (3, 3)))
    """
    width, grid, _ = subject.shape
    names = subject.name.partition(",")[0].split()
    patches = [tuple(map(int, name.split("x"))) for name in names]
    return InSeries(grid, width, tuple((rows, columns) for rows, columns in patches))


PAIRS = tuple(convolutions(pair.variant) for pair in FACTORIZATIONS.pairs)
"""Two convolutions in series each."""
WHOLE = tuple(
    dict.fromkeys(convolutions(pair.baseline) for pair in FACTORIZATIONS.pairs if pair.baseline)
)
"""The one convolution that each pair stands in for."""
REDUCED = tuple(
    dict.fromkeys(
        (*(int(size) for size in re.findall(r"\d+", pair.name)[-6:]),)
        for pair in GRID_REDUCTION.pairs
    )
)
"""Of each grid reduction of the study: the sizes before and after, channels last."""
LINES = 7
SINGLES = (
    ("5×5", 35, 48, 64, (5, 5)),
    ("3×3", 35, 96, 96, (3, 3)),
    ("1×7", 17, 160, 160, (1, 7)),
    ("1×7", 17, 192, 192, (1, 7)),
    ("1×1", 17, 768, 192, (1, 1)),
    ("1×1", 8, 2048, 448, (1, 1)),
    ("1×3", 8, 384, 384, (1, 3)),
    ("3×3", 8, 448, 384, (3, 3)),
)
"""Patch, grid, channels and filters of convolutions of Inception-v3."""


def kept(
    images: int, grid: int, width: int, kernel: tuple[int, int], filters: int | None = None
) -> Shape:
    """A convolution that keeps its grid, padded as `padding="same"` pads."""
    (rows, columns) = kernel
    top, left = (rows - 1) // 2, (columns - 1) // 2
    sides = top, left, rows - 1 - top, columns - 1 - left
    return Shape(images, (grid, grid), width, filters or width, kernel, padding=sides)


def lines_of(pair: InSeries, images: int, lines: int) -> Lines:
    """A pair of the study as one kernel in tiles of so many lines."""
    first, second = (kept(images, pair.grid, pair.width, patch) for patch in pair.patches)
    return Lines(first, second, lines)


def table() -> str:
    """Bytes and roofs of each pair, apart and as one kernel in lines, by batch."""
    rows = [
        "| pair | batch | GFLOP | apart, MB | as one, MB | apart, µs | as one, µs | gain |",
        "| :--- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for one_of in PAIRS:
        for batch in BATCHES:
            pair = lines_of(one_of, batch, LINES)
            shapes = pair.first, pair.second
            apart = sum(
                max(2 * one.macs / RATES.flops_per_s, one.moved(BF16) / RATES.bytes_per_s)
                for one in shapes
            )
            one = pair.roof_s(BF16, RATES)
            rows.append(
                f"| {one_of.said} | {batch} "
                f"| {2 * sum(shape.macs for shape in shapes) / 1e9:.3g} "
                f"| {pair.unfused(BF16) / 1e6:.3g} | {pair.moved(BF16) / 1e6:.3g} "
                f"| {apart * 1e6:.3g} | {one * 1e6:.3g} | ×{apart / one:.2f} |"
            )
    return "\n".join(rows)


def launches(batch: int) -> Iterator[tuple[str, int, int, int]]:
    """What runs in one launch: what it is, multiply-adds, bytes, and bytes in launches apart."""
    for of in WHOLE:
        (kernel,) = of.patches
        one = kept(batch, of.grid, of.width, kernel)
        title = f"`conv_bn_relu`: {of.said} → {of.width}"
        yield title, one.macs, one.moved(BF16), one.moved(BF16)
    for before, _, channels, after, _, filters in REDUCED:
        for grid in (before, after):  # the convolution before the pooling, or behind it
            one = kept(batch, grid, channels, (3, 3), filters)
            title = f"`conv_bn_relu`: 3×3, {grid}×{grid}×{channels} → {filters}"
            yield title, one.macs, one.moved(BF16), one.moved(BF16)
    here = {(of.grid, of.width, of.width, *of.patches) for of in WHOLE}
    for name, grid, channels, filters, kernel in SINGLES:
        if (grid, channels, filters, kernel) in here:
            continue
        one = kept(batch, grid, channels, kernel, filters)
        title = f"`conv_bn_relu`: {name}, {grid}×{grid}×{channels} → {filters}"
        yield title, one.macs, one.moved(BF16), one.moved(BF16)
    for grid, channels, widths in ((35, 288, (64, 48, 64)), (17, 768, (192, 160, 160))):
        siblings = [kept(batch, grid, channels, (1, 1), width) for width in widths]
        yield (
            f"`conv_bn_relu`: 1×1, {grid}×{grid}×{channels} → {' + '.join(map(str, widths))}",
            sum(one.macs for one in siblings),
            shared(siblings, BF16),
            sum(one.moved(BF16) for one in siblings),
        )
    beside = [kept(batch, 8, 384, kernel) for kernel in ((1, 3), (3, 1))]
    yield (
        "`side_by_side`: 1×3 and 3×1, 8×8×384 → 384 + 384",
        sum(one.macs for one in beside),
        shared(beside, BF16),
        sum(one.moved(BF16) for one in beside),
    )
    for grid, channels, filters in reductions():
        conv = Shape(batch, (grid, grid), channels, filters, (3, 3), (2, 2))
        # Both read the input of the module.
        place = f"{grid}×{grid}×{channels} → {filters} + {channels}"
        yield (
            f"`conv_and_pool`: 3×3/2 and max pooling, {place}",
            conv.macs,
            conv.moved(BF16) + conv.positions * channels * BF16,
            conv.moved(BF16) + pooled(batch, (grid, grid), channels, conv.out) * BF16,
        )


def reductions() -> Iterator[tuple[int, int, int]]:
    """Grid, channels and filters of the parallel reductions: the study's, then Mixed_6a's own."""
    for grid, _, channels, _, _, outputs in REDUCED:
        yield grid, channels, outputs - channels
    yield 35, 288, 384


def singles() -> str:
    """Operations, bytes and the roof of each launch, by batch."""
    apart = f"apart, MB at {BATCHES[-1]}"
    rows = [
        f"| launch | GFLOP an image | {_heads('MB')} | {apart} | {_heads('roof, µs')} |",
        f"| :--- | {' | '.join(['---:'] * (2 + 2 * len(BATCHES)))} |",
    ]
    for same in zip(*map(launches, BATCHES), strict=True):
        name, macs, _, _ = same[0]
        roofs = [
            (2 * one[1] / RATES.flops_per_s, one[2] / RATES.bytes_per_s) for one in same
        ]  # arithmetic, bytes
        cells = [
            name,
            f"{2 * macs / BATCHES[0] / 1e9:.3g}",
            *(f"{moved / 1e6:.3g}" for _, _, moved, _ in same),
            f"{same[-1][3] / 1e6:.3g}",
            *(f"{max(roof) * 1e6:.3g}{'' if roof[0] >= roof[1] else ' B'}" for roof in roofs),
        ]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def _heads(what: str) -> str:
    return " | ".join(f"{what} at {batch}" for batch in BATCHES)


def scratch_mb() -> float:
    """Of all pairs and batches, the most that programs keep between two convolutions at once."""
    there, most = Processors(RATES.processors), 0
    for one_of in PAIRS:
        for batch in BATCHES:
            pair = lines_of(one_of, batch, 1)
            for tiling in fusions(pair, BF16, there):
                if not tiling.shared:
                    cut = replace(pair, lines=tiling.lines)
                    at_once = min(cut.tiles, PER_PROCESSOR * there.number)
                    most = max(most, at_once * cut.held * one_of.width * BF16)
    return most / 1e6


def in_parts() -> str:
    """The first tilings that are tried at batch 1, of whole sums and of sums in parts."""
    apart = "in parts: tile | parts | programs | MB | µs"
    rows = [
        f"| convolution | whole: tile | programs | µs | {apart} |",
        "| :--- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, grid, channels, filters, kernel in SINGLES:
        shape = kept(1, grid, channels, kernel, filters)
        whole = tilings(shape.positions, filters, channels, BF16)[0]
        cut = parted(shape, BF16)[0]
        sums = 2 * InParts(shape, cut.parts).sums
        rows.append(
            f"| {name}, {grid}×{grid}×{channels} → {filters} "
            f"| {whole.block_m}×{whole.block_f} | {programs(shape, whole)} "
            f"| {_said_us(shape, whole)} | {cut.block_m}×{cut.block_f} | {cut.parts} "
            f"| {programs(shape, cut)} | {sums / 1e6:.3g} | {_said_us(shape, cut)} |"
        )
    return "\n".join(rows)


def programs(shape: Shape, tiling: Tiling) -> int:
    """Programs of a launch."""
    tiles = -(-shape.positions // tiling.block_m) * -(-shape.filters // tiling.block_f)
    return tiles * tiling.parts


def _said_us(shape: Shape, tiling: Tiling) -> str:
    """Microseconds by the busiest processor, and no less than all bytes take."""
    there = Processors(RATES.processors)
    busy_s = 2 * taken(shape, tiling, BF16, there) * RATES.processors / RATES.flops_per_s
    return f"{max(busy_s, shape.moved(BF16) / RATES.bytes_per_s) * 1e6:.3g}"
