"""A convolution whose sum is cut into parts, for grids of fewer tiles than there are processors.

It knows no tensor; `costlab.bench.kernels.running` launches these, one after the other.

At 8×8 and one image a tile of positions is all there is, and a reduction of thousands of steps is
done by a dozen programs. Here each part of it has programs of its own. Partial sums are written in
float32 and added in the order of the parts, by nobody but the program whose result they are: no
atomics, so that the result is the same in each run.

Source: sums that are split over the processors, Osama et al. 2023, "Stream-K" (arXiv:2301.03598),
which calls it fixed-split; that a second pass adds the parts and finishes them is ours.
"""

from __future__ import annotations

import triton
import triton.language as tl
from triton.language.extra.cuda import gdc_launch_dependents, gdc_wait

from costlab.bench.kernels.device.tiles import convolution_tile, dealt, finished, grouped, put


@triton.jit
def partial_sums(
    x,
    w,
    sums,
    positions,
    rows,
    columns,
    x_step,
    out_rows,
    out_columns,
    LAYER: tl.constexpr,
    PARTS: tl.constexpr,
    BLOCKS: tl.constexpr,
    ARITHMETIC: tl.constexpr,
    GROUP: tl.constexpr,
    PDL: tl.constexpr,
):
    """sums[p, m, f] = Σ x[patch(m)] · w[·, f] over the steps of part p, in float32.

    Every element is written, by the program of its tile and part.
    """
    F: tl.constexpr = LAYER[1]
    if PDL:
        gdc_wait()
    tiles_m = tl.cdiv(positions, BLOCKS[0])
    tiles_f = tl.cdiv(F, BLOCKS[1])
    part = tl.program_id(0) // (tiles_m * tiles_f)
    tile_m, tile_f = grouped(tl.program_id(0) % (tiles_m * tiles_f), tiles_m, tiles_f, GROUP)
    acc, m, f = convolution_tile(
        tile_m,
        tile_f,
        x,
        w,
        sums,  # in the place of a bias, which these are without
        positions,
        rows,
        columns,
        x_step,
        out_rows,
        out_columns,
        LAYER,
        (False, False),
        BLOCKS,
        ARITHMETIC,
        part,
        PARTS,
    )
    if PDL:
        gdc_launch_dependents()
    put(sums + part.to(tl.int64) * positions * F, acc, m, f, positions, F, 0, F)


@triton.jit
def added_bn_relu(
    sums,
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
    F: tl.constexpr,
    FINISH: tl.constexpr,
    ENDS: tl.constexpr,
    PARTS: tl.constexpr,
    BLOCKS: tl.constexpr,
    PDL: tl.constexpr,
):
    """y[m, f] = max(0, b[f] + Σ sums[p, m, f] over the parts p, in their order).

    The filters are dealt to up to four outputs, as `conv_bn_relu` deals them.
    """
    BLOCK_M: tl.constexpr = BLOCKS[0]
    BLOCK_F: tl.constexpr = BLOCKS[1]
    if PDL:
        gdc_wait()
    tiles_f = tl.cdiv(F, BLOCK_F)
    m = (tl.program_id(0) // tiles_f) * BLOCK_M + tl.arange(0, BLOCK_M)
    f = (tl.program_id(0) % tiles_f) * BLOCK_F + tl.arange(0, BLOCK_F)
    mine = (m < positions)[:, None] & (f < F)[None, :]
    acc = tl.zeros((BLOCK_M, BLOCK_F), dtype=tl.float32)
    for part in tl.static_range(PARTS):  # unrolled, so that the loads wait together
        at = (m.to(tl.int64) + part * positions)[:, None] * F + f[None, :]
        acc += tl.load(sums + at, mask=mine, other=0.0)
    acc = finished(acc, bias, f, F, FINISH)
    if PDL:
        gdc_launch_dependents()
    ys, steps = (y0, y1, y2, y3), (y_step0, y_step1, y_step2, y_step3)
    dealt(acc, m, f, positions, ys, steps, ENDS)
