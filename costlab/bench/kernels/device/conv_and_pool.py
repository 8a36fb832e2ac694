"""A convolution with bias and ReLU and a max pooling as one kernel, for parallel grid reductions.

It knows no tensor; `costlab.bench.kernels.running` launches it.
"""

from __future__ import annotations

import triton
import triton.language as tl

from costlab.bench.kernels.device.tiles import convolution_tile, grouped, put, spread


@triton.jit
def conv_and_pool(
    x,
    w,
    bias,
    y,
    y_step,
    positions,
    rows,
    columns,
    x_step,
    out_rows,
    out_columns,
    pooled,
    pool_y,
    pool_y_step,
    pool_rows,
    pool_columns,
    pooled_step,
    C: tl.constexpr,
    F: tl.constexpr,
    KH: tl.constexpr,
    KW: tl.constexpr,
    SH: tl.constexpr,
    SW: tl.constexpr,
    TOP: tl.constexpr,
    LEFT: tl.constexpr,
    POOL_C: tl.constexpr,
    PATCH: tl.constexpr,
    POOL_STRIDE: tl.constexpr,
    POOL_PAD: tl.constexpr,
    BIAS: tl.constexpr,
    RELU: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_F: tl.constexpr,
    BLOCK_K: tl.constexpr,
    GROUP: tl.constexpr,
    PACKED: tl.constexpr,
    PRECISION: tl.constexpr,
    WIDE: tl.constexpr,
):
    """A convolution and a pooling on the same output grid, as the tiles of a single launch.

    y = max(0, b + Σ x · w), and `pool_y` the largest of each patch of `pooled`: the arithmetic of
    the one runs while the other waits for memory. Each writes to its own slice of channels.
    """
    tiles_m = tl.cdiv(positions, BLOCK_M)
    tiles_f = tl.cdiv(F, BLOCK_F)
    pid = tl.program_id(0)
    if pid < tiles_m * tiles_f:
        tile_m, tile_f = grouped(pid, tiles_m, tiles_f, GROUP)
        acc, m, f = convolution_tile(
            tile_m,
            tile_f,
            x,
            w,
            bias,
            positions,
            rows,
            columns,
            x_step,
            out_rows,
            out_columns,
            C,
            F,
            KH,
            KW,
            SH,
            SW,
            TOP,
            LEFT,
            BIAS,
            RELU,
            BLOCK_M,
            BLOCK_F,
            BLOCK_K,
            PACKED,
            PRECISION,
            WIDE,
        )
        put(y, acc, m, f, positions, y_step, 0, F)
    else:
        rest = pid - tiles_m * tiles_f
        m = (rest % tiles_m) * BLOCK_M + tl.arange(0, BLOCK_M)
        c = (rest // tiles_m) * BLOCK_F + tl.arange(0, BLOCK_F)
        image, row, column = spread(m, out_rows, out_columns)
        row = row * POOL_STRIDE - POOL_PAD
        column = column * POOL_STRIDE - POOL_PAD
        base = image.to(tl.int64) * pool_rows * pool_columns + row * pool_columns + column
        largest = tl.full((BLOCK_M, BLOCK_F), float("-inf"), dtype=tl.float32)
        for tap in range(PATCH * PATCH):
            kh = tap // PATCH
            kw = tap % PATCH
            r = row + kh
            s = column + kw
            inside = (m < positions) & (r >= 0) & (r < pool_rows) & (s >= 0) & (s < pool_columns)
            at = (base + kh * pool_columns + kw) * pooled_step
            read = tl.load(
                pooled + at[:, None] + c[None, :],
                mask=inside[:, None] & (c < POOL_C)[None, :],
                other=float("-inf"),
            )
            largest = tl.maximum(largest, read.to(tl.float32), propagate_nan=tl.PropagateNan.ALL)
        put(pool_y, largest, m, c, positions, pool_y_step, 0, POOL_C)
