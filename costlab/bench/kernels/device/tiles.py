"""Tiles of a convolution as an implicit matrix product: what every kernel here is made of.

It knows no tensor: pointers, sizes and steps are given.

y[m, f] = Σ x[image(m), row(m)·s + kh − top, column(m)·s + kw − left, c] · w[(kh, kw, c), f]

for a tile of positions m and filters f. The patches of x are never written down: each step of the
sum computes where its part of them lies (Chetlur et al. 2014, "cuDNN", arXiv:1410.0759, §3.1). The
sum runs over the taps of the kernel, and within a tap over channels, in one loop, so that loads are
pipelined across taps as well.

What is known when a kernel is compiled comes in tuples, which are the same for all kernels:

- `LAYER`: channels C, filters F, rows KH and columns KW of a patch, strides SH and SW, and what is
  padded at the TOP and LEFT;
- `FINISH`: whether there is a BIAS, and a RELU;
- `BLOCKS`: positions, filters and channels of a tile;
- `ARITHMETIC`: whether taps and channels are PACKED, the PRECISION of float32, and whether products
  are WIDE.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def product(a, b, acc, ARITHMETIC: tl.constexpr):
    """`acc` + a·b in float32.

    What is wide is multiplied in float32, since the interpreter's product of bfloat16 (triton 3.6)
    takes the bits of its operands for whole numbers; a GPU gives the same but for the order of the
    sum.
    """
    PRECISION: tl.constexpr = ARITHMETIC[1]
    WIDE: tl.constexpr = ARITHMETIC[2]
    if WIDE:
        return tl.dot(a.to(tl.float32), b.to(tl.float32), acc, input_precision="ieee")
    return tl.dot(a, b, acc, input_precision=PRECISION)


@triton.jit
def summed(
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
    bias,
    f,
    part,
    PARTS: tl.constexpr,
    LAYER: tl.constexpr,
    FINISH: tl.constexpr,
    BLOCK_K: tl.constexpr,
    ARITHMETIC: tl.constexpr,
):
    """The finished sums over all taps and channels, for the positions and filters of a tile.

    `base` is where the tap (0, 0) of each position begins, and (`row`, `column`) where that tap
    lies: outside of `rows` × `columns` it is padding, and nothing is read. What is packed has taps
    and channels in one axis, so that three channels do not fill a step of sixteen with zeros. Of a
    sum in `PARTS`, only the steps of one `part` are taken; the last parts may have fewer, or none.
    """
    C: tl.constexpr = LAYER[0]
    F: tl.constexpr = LAYER[1]
    KH: tl.constexpr = LAYER[2]
    KW: tl.constexpr = LAYER[3]
    PACKED: tl.constexpr = ARITHMETIC[0]
    acc = tl.zeros((base.shape[0], f.shape[0]), dtype=tl.float32)
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
            acc = product(a, b, acc, ARITHMETIC)
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
            acc = product(a, b, acc, ARITHMETIC)
    return finished(acc, bias, f, F, FINISH)


@triton.jit
def finished(acc, bias, f, F: tl.constexpr, FINISH: tl.constexpr):
    """The sums with the bias of their filters if there is one, and no less than 0 under ReLU."""
    BIAS: tl.constexpr = FINISH[0]
    RELU: tl.constexpr = FINISH[1]
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
    LAYER: tl.constexpr,
    FINISH: tl.constexpr,
    BLOCKS: tl.constexpr,
    ARITHMETIC: tl.constexpr,
    part=0,
    PARTS: tl.constexpr = 1,
):
    """The finished sums of a tile, or one of their parts, with its positions and filters.

    Places in memory are counted in 64 bits: 256 images of 147×147×64 come close to 2³¹ elements.
    """
    m = tile_m * BLOCKS[0] + tl.arange(0, BLOCKS[0])
    f = tile_f * BLOCKS[1] + tl.arange(0, BLOCKS[1])
    image, row, column = spread(m, out_rows, out_columns)
    row = row * LAYER[4] - LAYER[6]
    column = column * LAYER[5] - LAYER[7]
    base = (image.to(tl.int64) * rows * columns + row * columns + column) * x_step
    acc = summed(
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
        bias,
        f,
        part,
        PARTS,
        LAYER,
        FINISH,
        BLOCKS[2],
        ARITHMETIC,
    )
    return acc, m, f


@triton.jit
def put(y, acc, m, f, positions, y_step, FROM: tl.constexpr, TO: tl.constexpr):
    """Writes filters `FROM` to `TO` of a tile to a slice of channels, `y_step` a position."""
    at = m.to(tl.int64)[:, None] * y_step + (f - FROM)[None, :]
    mine = (m < positions)[:, None] & ((f >= FROM) & (f < TO))[None, :]
    tl.store(y + at, acc.to(y.dtype.element_ty), mask=mine)


@triton.jit
def dealt(acc, m, f, positions, ys, steps, ENDS: tl.constexpr):
    """Writes a tile's filters to the outputs in order, to each those below its end."""
    put(ys[0], acc, m, f, positions, steps[0], 0, ENDS[0])
    if ENDS[0] < ENDS[3]:
        put(ys[1], acc, m, f, positions, steps[1], ENDS[0], ENDS[1])
    if ENDS[1] < ENDS[3]:
        put(ys[2], acc, m, f, positions, steps[2], ENDS[1], ENDS[2])
    if ENDS[2] < ENDS[3]:
        put(ys[3], acc, m, f, positions, steps[3], ENDS[2], ENDS[3])
