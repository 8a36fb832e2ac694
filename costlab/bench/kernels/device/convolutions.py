"""Convolutions with bias and ReLU: one, several of one shape, two side by side.

It knows no tensor; `costlab.bench.kernels.running` launches these. Equations, bytes and operations
of each stand in `costlab.bench.kernels.work`.
"""

from __future__ import annotations

import triton
import triton.language as tl
from triton.language.extra.cuda import gdc_launch_dependents, gdc_wait

from costlab.bench.kernels.device.tiles import convolution_tile, dealt, grouped, put


@triton.jit
def conv_bn_relu(
    x,
    w,
    bias,
    y0,
    y1,
    y2,
    y3,
    y_step0,
    y_step1,
    y_step2,
    y_step3,
    positions,
    rows,
    columns,
    x_step,
    out_rows,
    out_columns,
    LAYER: tl.constexpr,
    FINISH: tl.constexpr,
    ENDS: tl.constexpr,
    BLOCKS: tl.constexpr,
    ARITHMETIC: tl.constexpr,
    GROUP: tl.constexpr,
    PDL: tl.constexpr,
):
    """y[m, f] = max(0, b[f] + Σ x[patch(m)] · w[·, f]), the filters dealt to up to four outputs.

    Filters below `ENDS[0]` go to `y0`, those below `ENDS[1]` to `y1`, and so on; an output that is
    not there has no filters. Under `PDL` the grid starts while the one before it ends, and waits
    here for what that has written (CUDA programming guide, "Programmatic dependent launch").
    """
    if PDL:
        gdc_wait()
    tiles_m = tl.cdiv(positions, BLOCKS[0])
    tile_m, tile_f = grouped(tl.program_id(0), tiles_m, tl.cdiv(LAYER[1], BLOCKS[1]), GROUP)
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
    if PDL:
        gdc_launch_dependents()
    ys, steps = (y0, y1, y2, y3), (y_step0, y_step1, y_step2, y_step3)
    dealt(acc, m, f, positions, ys, steps, ENDS)


@triton.jit
def side_by_side(
    x,
    w_a,
    bias_a,
    y_a,
    y_step_a,
    w_b,
    bias_b,
    y_b,
    y_step_b,
    positions,
    rows,
    columns,
    x_step,
    LAYER_A: tl.constexpr,
    LAYER_B: tl.constexpr,
    FINISH: tl.constexpr,
    BLOCKS: tl.constexpr,
    ARITHMETIC: tl.constexpr,
    GROUP: tl.constexpr,
):
    """Two convolutions of one input and one grid, as the tiles of a single launch.

    `y_a[m, f]` = max(0, `b_a` + Σ x · `w_a`), and the same of b: 1×3 and 3×1, which read what the
    other reads while it is in L2.
    """
    tiles_m = tl.cdiv(positions, BLOCKS[0])
    tiles_a = tl.cdiv(LAYER_A[1], BLOCKS[1])
    tiles_b = tl.cdiv(LAYER_B[1], BLOCKS[1])
    tile_m, tile_f = grouped(tl.program_id(0), tiles_m, tiles_a + tiles_b, GROUP)
    if tile_f < tiles_a:
        acc, m, f = convolution_tile(
            tile_m,
            tile_f,
            x,
            w_a,
            bias_a,
            positions,
            rows,
            columns,
            x_step,
            rows,
            columns,
            LAYER_A,
            FINISH,
            BLOCKS,
            ARITHMETIC,
        )
        put(y_a, acc, m, f, positions, y_step_a, 0, LAYER_A[1])
    else:
        acc, m, f = convolution_tile(
            tile_m,
            tile_f - tiles_a,
            x,
            w_b,
            bias_b,
            positions,
            rows,
            columns,
            x_step,
            rows,
            columns,
            LAYER_B,
            FINISH,
            BLOCKS,
            ARITHMETIC,
        )
        put(y_b, acc, m, f, positions, y_step_b, 0, LAYER_B[1])
