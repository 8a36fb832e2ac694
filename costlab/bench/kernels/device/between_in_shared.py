"""Two convolutions in series as one kernel, what is between them kept in a processor.

It knows no tensor; `costlab.bench.kernels.in_series` launches it. The output is cut into lines as
`between_in_cache` cuts it.
"""

from __future__ import annotations

import triton
import triton.language as tl

from costlab.bench.kernels.device.lines import on_lines
from costlab.bench.kernels.device.tiles import finished, product, put, summed


@triton.jit
def between_in_shared(
    x,
    w1,
    bias1,
    w2,
    bias2,
    y,
    y_step,
    images,
    rows,
    columns,
    x_step,
    OUT_ROWS: tl.constexpr,
    OUT_COLUMNS: tl.constexpr,
    LAYER1: tl.constexpr,
    LAYER2: tl.constexpr,
    FINISH1: tl.constexpr,
    FINISH2: tl.constexpr,
    TAPS: tl.constexpr,
    BEFORE: tl.constexpr,
    ROWWISE: tl.constexpr,
    LINES: tl.constexpr,
    BLOCK_MID: tl.constexpr,
    BLOCKS: tl.constexpr,
    ARITHMETIC: tl.constexpr,
):
    """The same for a second convolution along its lines: what is between stays in its processor.

    A tile holds `LINES` whole lines, all of what is between is in registers, and `tl.gather` brings
    it to each tap through shared memory, shifted by as many places. The `TAPS` of the second
    convolution begin `BEFORE` places ahead.
    """
    MID: tl.constexpr = LAYER1[1]
    F: tl.constexpr = LAYER2[1]
    BLOCK_M: tl.constexpr = BLOCKS[0]
    BLOCK_F: tl.constexpr = BLOCKS[1]
    length: tl.constexpr = OUT_COLUMNS if ROWWISE else OUT_ROWS
    p = tl.arange(0, BLOCK_M)
    along = p % length
    image, row, column, alive, m = on_lines(
        p,
        tl.program_id(0),
        images,
        OUT_ROWS,
        OUT_COLUMNS,
        LINES,
        ROWWISE,
    )
    row = row - LAYER1[6]
    column = column - LAYER1[7]
    base = image.to(tl.int64) * rows * columns + row * columns + column
    f = tl.arange(0, BLOCK_MID)
    acc = summed(
        x,
        base * x_step,
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
    between = acc.to(y.dtype.element_ty)
    for first in range(0, F, BLOCK_F):
        g = first + tl.arange(0, BLOCK_F)
        out = tl.zeros((BLOCK_M, BLOCK_F), dtype=tl.float32)
        for tap in range(TAPS):
            there = along + tap - BEFORE
            inside = alive & (there >= 0) & (there < length)
            at = tl.where(inside, p + tap - BEFORE, 0)
            a = tl.gather(between, tl.broadcast_to(at[:, None], (BLOCK_M, BLOCK_MID)), axis=0)
            a = tl.where(inside[:, None], a, 0.0).to(between.dtype)
            b = tl.load(
                w2 + (tap * MID + f)[:, None] * F + g[None, :],
                mask=(f < MID)[:, None] & (g < F)[None, :],
                other=0.0,
            )
            out = product(a, b, out, ARITHMETIC)
        out = finished(out, bias2, g, F, FINISH2)
        put(y, out, m, g, images * OUT_ROWS * OUT_COLUMNS, y_step, 0, F)
