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
    C: tl.constexpr,
    F: tl.constexpr,
    KH: tl.constexpr,
    KW: tl.constexpr,
    SH: tl.constexpr,
    SW: tl.constexpr,
    TOP: tl.constexpr,
    LEFT: tl.constexpr,
    BIAS: tl.constexpr,
    RELU: tl.constexpr,
    E0: tl.constexpr,
    E1: tl.constexpr,
    E2: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_F: tl.constexpr,
    BLOCK_K: tl.constexpr,
    GROUP: tl.constexpr,
    PACKED: tl.constexpr,
    PRECISION: tl.constexpr,
    WIDE: tl.constexpr,
    PDL: tl.constexpr,
):
    """y[m, f] = max(0, b[f] + Σ x[patch(m)] · w[·, f]), the filters dealt to up to four outputs.

    Filters below `E0` go to `y0`, those below `E1` to `y1`, and so on; an output that is not there
    has no filters. Under `PDL` the grid starts while the one before it ends, and waits here for
    what that has written (CUDA programming guide, "Programmatic dependent launch").
    """
    if PDL:
        gdc_wait()
    tiles_m = tl.cdiv(positions, BLOCK_M)
    tile_m, tile_f = grouped(tl.program_id(0), tiles_m, tl.cdiv(F, BLOCK_F), GROUP)
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
    if PDL:
        gdc_launch_dependents()
    dealt(
        acc,
        m,
        f,
        positions,
        y0,
        y1,
        y2,
        y3,
        y_step0,
        y_step1,
        y_step2,
        y_step3,
        F,
        E0,
        E1,
        E2,
    )


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
    C: tl.constexpr,
    F_A: tl.constexpr,
    KH_A: tl.constexpr,
    KW_A: tl.constexpr,
    TOP_A: tl.constexpr,
    LEFT_A: tl.constexpr,
    F_B: tl.constexpr,
    KH_B: tl.constexpr,
    KW_B: tl.constexpr,
    TOP_B: tl.constexpr,
    LEFT_B: tl.constexpr,
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
    """Two convolutions of one input and one grid, as the tiles of a single launch.

    `y_a[m, f]` = max(0, `b_a` + Σ x · `w_a`), and the same of b: 1×3 and 3×1, which read what the
    other reads while it is in L2.
    """
    tiles_a = tl.cdiv(F_A, BLOCK_F)
    tile_m, tile_f = grouped(
        tl.program_id(0),
        tl.cdiv(positions, BLOCK_M),
        tiles_a + tl.cdiv(F_B, BLOCK_F),
        GROUP,
    )
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
            C,
            F_A,
            KH_A,
            KW_A,
            1,
            1,
            TOP_A,
            LEFT_A,
            BIAS,
            RELU,
            BLOCK_M,
            BLOCK_F,
            BLOCK_K,
            PACKED,
            PRECISION,
            WIDE,
        )
        put(y_a, acc, m, f, positions, y_step_a, 0, F_A)
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
            C,
            F_B,
            KH_B,
            KW_B,
            1,
            1,
            TOP_B,
            LEFT_B,
            BIAS,
            RELU,
            BLOCK_M,
            BLOCK_F,
            BLOCK_K,
            PACKED,
            PRECISION,
            WIDE,
        )
        put(y_b, acc, m, f, positions, y_step_b, 0, F_B)
