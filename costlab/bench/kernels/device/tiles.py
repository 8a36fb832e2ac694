"""Tiles of a convolution as an implicit matrix product: what every kernel here is made of.

It knows no tensor: pointers, sizes and steps are given.

y[m, f] = Σ x[image(m), row(m)·s + kh − top, column(m)·s + kw − left, c] · w[(kh, kw, c), f]

for a tile of positions m and filters f. The patches of x are never written down: each step of the
sum computes where its part of them lies (Chetlur et al. 2014, "cuDNN", arXiv:1410.0759, §3.1). The
sum runs over the taps of the kernel, and within a tap over channels, in one loop, so that loads are
pipelined across taps as well.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def product(a, b, acc, PRECISION: tl.constexpr, WIDE: tl.constexpr):
    """`acc` + a·b in float32.

    `WIDE` multiplies in float32, since the interpreter's product of bfloat16 (triton 3.6) takes the
    bits of its operands for whole numbers; a GPU gives the same but for the order of the sum.
    """
    if WIDE:
        return tl.dot(a.to(tl.float32), b.to(tl.float32), acc, input_precision="ieee")
    return tl.dot(a, b, acc, input_precision=PRECISION)


@triton.jit
def summed(
    acc,
    x,
    base,
    row,
    column,
    alive,
    rows,
    columns,
    row_step,
    column_step,
    w,
    f,
    part,
    PARTS: tl.constexpr,
    C: tl.constexpr,
    F: tl.constexpr,
    KH: tl.constexpr,
    KW: tl.constexpr,
    BLOCK_K: tl.constexpr,
    PACKED: tl.constexpr,
    PRECISION: tl.constexpr,
    WIDE: tl.constexpr,
):
    """`acc` and the sum over all taps and channels, for the positions and filters of a tile.

    `base` is where the tap (0, 0) of each position begins, and (`row`, `column`) where that tap
    lies: outside of `rows` × `columns` it is padding, and nothing is read. `PACKED` puts taps and
    channels in one axis, so that three channels do not fill a step of sixteen with zeros. Of a sum
    in `PARTS`, only the steps of one `part` are taken; the last parts may have fewer, or none.
    """
    k = tl.arange(0, BLOCK_K)
    CHUNKS: tl.constexpr = (C + BLOCK_K - 1) // BLOCK_K
    STEPS: tl.constexpr = (KH * KW * C + BLOCK_K - 1) // BLOCK_K if PACKED else KH * KW * CHUNKS
    EACH: tl.constexpr = (STEPS + PARTS - 1) // PARTS
    if PACKED:
        for step in range(EACH):
            at = (part * EACH + step) * BLOCK_K + k
            known = at < KH * KW * C
            tap = at // C
            kh = tap // KW
            kw = tap % KW
            r = row[:, None] + kh[None, :]
            s = column[:, None] + kw[None, :]
            inside = (r >= 0) & (r < rows) & (s >= 0) & (s < columns)
            inside = inside & alive[:, None] & known[None, :]
            apart = kh * row_step + kw * column_step + at % C
            a = tl.load(x + base[:, None] + apart[None, :], mask=inside, other=0.0)
            b = tl.load(
                w + at[:, None] * F + f[None, :],
                mask=known[:, None] & (f < F)[None, :],
                other=0.0,
            )
            acc = product(a, b, acc, PRECISION, WIDE)
    else:
        for step in range(EACH):
            at = part * EACH + step
            tap = at // CHUNKS
            kh = tap // KW
            kw = tap % KW
            c = (at % CHUNKS) * BLOCK_K + k
            known = c < C
            if STEPS % PARTS != 0:
                known = known & (at < STEPS)
            r = row + kh
            s = column + kw
            inside = alive & (r >= 0) & (r < rows) & (s >= 0) & (s < columns)
            start = base + kh * row_step + kw * column_step
            a = tl.load(
                x + start[:, None] + c[None, :],
                mask=inside[:, None] & known[None, :],
                other=0.0,
            )
            b = tl.load(
                w + (tap * C + c)[:, None] * F + f[None, :],
                mask=known[:, None] & (f < F)[None, :],
                other=0.0,
            )
            acc = product(a, b, acc, PRECISION, WIDE)
    return acc


@triton.jit
def finished(acc, bias, f, F: tl.constexpr, BIAS: tl.constexpr, RELU: tl.constexpr):
    """The sums with the bias of their filters, and no less than 0 if `RELU`."""
    if BIAS:
        acc += tl.load(bias + f, mask=f < F, other=0.0)[None, :]
    if RELU:
        # What is no number stays none, as torch has it: by default Triton would make it 0.
        acc = tl.maximum(acc, 0.0, propagate_nan=tl.PropagateNan.ALL)
    return acc


@triton.jit
def grouped(pid, tiles_m, tiles_f, GROUP: tl.constexpr):
    """Tile of positions and tile of filters of a program; neighbours share what they read in L2."""
    width = GROUP * tiles_f
    first = (pid // width) * GROUP
    size = tl.minimum(tiles_m - first, GROUP)
    return first + (pid % width) % size, (pid % width) // size


@triton.jit
def spread(m, rows, columns):
    """Image, row and column of positions that are numbered through images, rows and columns."""
    place = m % (rows * columns)
    return m // (rows * columns), place // columns, place % columns


@triton.jit
def convolution_tile(
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
    BLOCK_M: tl.constexpr,
    BLOCK_F: tl.constexpr,
    BLOCK_K: tl.constexpr,
    PACKED: tl.constexpr,
    PRECISION: tl.constexpr,
    WIDE: tl.constexpr,
    part=0,
    PARTS: tl.constexpr = 1,
):
    """The finished sums of a tile, or one of their parts, with its positions and filters.

    Places in memory are counted in 64 bits: 256 images of 147×147×64 come close to 2³¹ elements.
    """
    m = tile_m * BLOCK_M + tl.arange(0, BLOCK_M)
    f = tile_f * BLOCK_F + tl.arange(0, BLOCK_F)
    image, row, column = spread(m, out_rows, out_columns)
    row = row * SH - TOP
    column = column * SW - LEFT
    base = (image.to(tl.int64) * rows * columns + row * columns + column) * x_step
    acc = tl.zeros((BLOCK_M, BLOCK_F), dtype=tl.float32)
    acc = summed(
        acc,
        x,
        base,
        row,
        column,
        m < positions,
        rows,
        columns,
        columns * x_step,
        x_step,
        w,
        f,
        part,
        PARTS,
        C,
        F,
        KH,
        KW,
        BLOCK_K,
        PACKED,
        PRECISION,
        WIDE,
    )
    return finished(acc, bias, f, F, BIAS, RELU), m, f


@triton.jit
def put(y, acc, m, f, positions, y_step, FROM: tl.constexpr, TO: tl.constexpr):
    """Writes filters `FROM` to `TO` of a tile to a slice of channels, `y_step` a position."""
    at = m.to(tl.int64)[:, None] * y_step + (f - FROM)[None, :]
    mine = (m < positions)[:, None] & ((f >= FROM) & (f < TO))[None, :]
    tl.store(y + at, acc.to(y.dtype.element_ty), mask=mine)


@triton.jit
def dealt(
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
    F: tl.constexpr,
    E0: tl.constexpr,
    E1: tl.constexpr,
    E2: tl.constexpr,
):
    """Writes a tile's filters below `E0` to `y0`, those below `E1` to `y1`, and so on."""
    put(y0, acc, m, f, positions, y_step0, 0, E0)
    if E0 < F:
        put(y1, acc, m, f, positions, y_step1, E0, E1)
    if E1 < F:
        put(y2, acc, m, f, positions, y_step2, E1, E2)
    if E2 < F:
        put(y3, acc, m, f, positions, y_step3, E2, F)
