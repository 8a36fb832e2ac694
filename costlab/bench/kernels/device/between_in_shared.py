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
    C: tl.constexpr,
    MID: tl.constexpr,
    F: tl.constexpr,
    KH1: tl.constexpr,
    KW1: tl.constexpr,
    TOP1: tl.constexpr,
    LEFT1: tl.constexpr,
    TAPS: tl.constexpr,
    BEFORE: tl.constexpr,
    ROWWISE: tl.constexpr,
    LINES: tl.constexpr,
    BIAS1: tl.constexpr,
    BIAS2: tl.constexpr,
    RELU1: tl.constexpr,
    RELU2: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_MID: tl.constexpr,
    BLOCK_F: tl.constexpr,
    BLOCK_K: tl.constexpr,
    PRECISION: tl.constexpr,
    WIDE: tl.constexpr,
):
    """The same for a second convolution along its lines: what is between stays in its processor.

    A tile holds `LINES` whole lines, all of what is between is in registers, and `tl.gather` brings
    it to each tap through shared memory, shifted by as many places. The `TAPS` of the second
    convolution begin `BEFORE` places ahead.
    """
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
    base = image.to(tl.int64) * rows * columns + (row - TOP1) * columns + column - LEFT1
    f = tl.arange(0, BLOCK_MID)
    acc = tl.zeros((BLOCK_M, BLOCK_MID), dtype=tl.float32)
    acc = summed(
        acc,
        x,
        base * x_step,
        row - TOP1,
        column - LEFT1,
        alive,
        rows,
        columns,
        columns * x_step,
        x_step,
        w1,
        f,
        0,
        1,
        C,
        MID,
        KH1,
        KW1,
        BLOCK_K,
        False,
        PRECISION,
        WIDE,
    )
    between = finished(acc, bias1, f, MID, BIAS1, RELU1).to(y.dtype.element_ty)
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
            out = product(a, b, out, PRECISION, WIDE)
        out = finished(out, bias2, g, F, BIAS2, RELU2)
        put(y, out, m, g, images * OUT_ROWS * OUT_COLUMNS, y_step, 0, F)
