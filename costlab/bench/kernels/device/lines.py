"""Tiles of whole lines of an output, rows or columns, numbered through all images.

It knows no tensor: numbers and sizes are given.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def placed(line, along, lines, ROWWISE: tl.constexpr):
    """Image, row and column of a place on a line; a line is a row if `ROWWISE`, else a column."""
    image = line // lines
    across = line % lines
    if ROWWISE:
        return image, across, along
    return image, along, across


@triton.jit
def on_lines(
    p,
    tile,
    images,
    OUT_ROWS: tl.constexpr,
    OUT_COLUMNS: tl.constexpr,
    LINES: tl.constexpr,
    ROWWISE: tl.constexpr,
):
    """Image, row, column and number of the places of a tile of lines, and which of them there are.

    The number of one that is not there is behind all others, so that nothing is written to it.
    """
    length: tl.constexpr = OUT_COLUMNS if ROWWISE else OUT_ROWS
    lines: tl.constexpr = OUT_ROWS if ROWWISE else OUT_COLUMNS
    line = tile * LINES + p // length
    image, row, column = placed(line, p % length, lines, ROWWISE)
    alive = (p < LINES * length) & (line < images * lines)
    m = (image * OUT_ROWS + row) * OUT_COLUMNS + column
    return image, row, column, alive, tl.where(alive, m, images * OUT_ROWS * OUT_COLUMNS)
