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
    LAYER: tl.constexpr,
    POOL_C: tl.constexpr,
    PATCH: tl.constexpr,
    POOL_STRIDE: tl.constexpr,
    POOL_PAD: tl.constexpr,
    FINISH: tl.constexpr,
    BLOCKS: tl.constexpr,
    ARITHMETIC: tl.constexpr,
    GROUP: tl.constexpr,
):
    """A convolution and a pooling on the same output grid, as the tiles of a single launch.

    y = max(0, b + Σ x · w), and `pool_y` the largest of each patch of `pooled`: the arithmetic of
    the one runs while the other waits for memory. Each writes to its own slice of channels.
    """
    tiles_m = tl.cdiv(positions, BLOCKS[0])
    tiles_f = tl.cdiv(LAYER[1], BLOCKS[1])
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
            LAYER,
            FINISH,
            BLOCKS,
            ARITHMETIC,
        )
        put(y, acc, m, f, positions, y_step, 0, LAYER[1])
    else:
        rest = pid - tiles_m * tiles_f
        m = (rest % tiles_m) * BLOCKS[0] + tl.arange(0, BLOCKS[0])
        c = (rest // tiles_m) * BLOCKS[1] + tl.arange(0, BLOCKS[1])
        image, row, column = spread(m, out_rows, out_columns)
        row = row * POOL_STRIDE - POOL_PAD
        column = column * POOL_STRIDE - POOL_PAD
        base = image.to(tl.int64) * pool_rows * pool_columns + row * pool_columns + column
        largest = tl.full((BLOCKS[0], BLOCKS[1]), float("-inf"), dtype=tl.float32)
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
