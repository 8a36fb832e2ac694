"""Two convolutions in series as one kernel, what is between them kept in the last-level cache.

It knows no tensor; `costlab.bench.kernels.in_series` launches it.

The output is cut into whole *lines* along the axis of the second convolution: a 1×k reads only
its own row, so that rows need no neighbours, and what the first convolution gives is computed once.
A second convolution that reaches across lines has some of them computed twice (halo). Lines are
numbered through all images; those of another image, and places outside of the grid, are zeros to
the second convolution, whatever the first would have made of them.

Source: tiles of several layers with or without halo, Alwani et al. 2016, "Fused-layer CNN
accelerators"; that a line along the second convolution's axis has none is ours.
"""

from __future__ import annotations

import triton
import triton.language as tl

from costlab.bench.kernels.device.lines import on_lines, placed
from costlab.bench.kernels.device.tiles import put, summed


@triton.jit
def between_in_cache(
    x,
    w1,
    bias1,
    w2,
    bias2,
    y,
    y_step,
    scratch,
    images,
    programs,
    rows,
    columns,
    x_step,
    OUT_ROWS: tl.constexpr,
    OUT_COLUMNS: tl.constexpr,
    TURNS: tl.constexpr,
    LAYER1: tl.constexpr,
    LAYER2: tl.constexpr,
    FINISH1: tl.constexpr,
    FINISH2: tl.constexpr,
    ROWWISE: tl.constexpr,
    LINES: tl.constexpr,
    BLOCKS: tl.constexpr,
    ARITHMETIC: tl.constexpr,
):
    """The result y = max(0, b₂ + w₂ * max(0, b₁ + w₁ * x)), the inner one in a scratch of its own.

    Each program takes a tile of lines at each of its turns, and writes what is between to the same
    memory again and again: as far as all programs' fits the last-level cache, it stays there, and
    need not travel to memory.
    A barrier stands between writing and reading it, and one before it is overwritten; only threads
    of the same program read it.
    """
    MID: tl.constexpr = LAYER1[1]
    F: tl.constexpr = LAYER2[1]
    TOP2: tl.constexpr = LAYER2[6]
    LEFT2: tl.constexpr = LAYER2[7]
    length: tl.constexpr = OUT_COLUMNS if ROWWISE else OUT_ROWS
    lines: tl.constexpr = OUT_ROWS if ROWWISE else OUT_COLUMNS
    ahead: tl.constexpr = TOP2 if ROWWISE else LEFT2
    held: tl.constexpr = (LINES + (LAYER2[2] if ROWWISE else LAYER2[3]) - 1) * length
    between = scratch + tl.program_id(0).to(tl.int64) * held * MID
    for turn in range(TURNS):
        # Past the last tile all lines are of no image, and nothing is read or written to `y`.
        tile = tl.program_id(0) + turn * programs
        for start in range(0, held, BLOCKS[0]):
            p = start + tl.arange(0, BLOCKS[0])
            line = tile * LINES - ahead + p // length
            image, row, column = placed(line, p % length, lines, ROWWISE)
            alive = (p < held) & (line >= 0) & (line < images * lines)
            row = row - LAYER1[6]
            column = column - LAYER1[7]
            base = (image.to(tl.int64) * rows * columns + row * columns + column) * x_step
            for first in range(0, MID, BLOCKS[1]):
                f = first + tl.arange(0, BLOCKS[1])
                acc = summed(
                    x,
                    base,
                    row,
                    column,
                    alive,
                    rows,
                    columns,
                    columns * x_step,
                    x_step,
                    w1,
                    bias1,
                    f,
                    0,
                    1,
                    LAYER1,
                    FINISH1,
                    BLOCKS[2],
                    ARITHMETIC,
                )
                put(between, acc, p, f, held, MID, 0, MID)
        tl.debug_barrier()
        for start in range(0, LINES * length, BLOCKS[0]):
            q = start + tl.arange(0, BLOCKS[0])
            _, row, column, alive, m = on_lines(
                q,
                tile,
                images,
                OUT_ROWS,
                OUT_COLUMNS,
                LINES,
                ROWWISE,
            )
            # A tap across lines lies as many lines further in the scratch, which begins `ahead`
            # lines before the tile; one along a line as many places.
            base = (q - (LEFT2 if ROWWISE else TOP2)) * MID
            row_step: tl.constexpr = length * MID if ROWWISE else MID
            column_step: tl.constexpr = MID if ROWWISE else length * MID
            for first in range(0, F, BLOCKS[1]):
                f = first + tl.arange(0, BLOCKS[1])
                acc = summed(
                    between,
                    base,
                    row - TOP2,
                    column - LEFT2,
                    alive,
                    OUT_ROWS,
                    OUT_COLUMNS,
                    row_step,
                    column_step,
                    w2,
                    bias2,
                    f,
                    0,
                    1,
                    LAYER2,
                    FINISH2,
                    BLOCKS[2],
                    ARITHMETIC,
                )
                put(y, acc, m, f, images * OUT_ROWS * OUT_COLUMNS, y_step, 0, F)
        tl.debug_barrier()
