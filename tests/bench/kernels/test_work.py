"""Operations and bytes of the kernels: closed forms, and the roofline that follows."""

from __future__ import annotations

import pytest

from costlab.bench.kernels.work import Lines, Shape, apart_s, pooled, shared
from costlab.bench.roofline import Rates
from tests.bench.kernels.pages import RATES

BF16 = 2


def same(grid: int, width: int, kernel: tuple[int, int], images: int = 256) -> Shape:
    """A convolution that keeps a square grid and its width."""
    rows, columns = kernel
    sides = rows // 2, columns // 2, rows // 2, columns // 2
    return Shape(images, (grid, grid), width, width, kernel, padding=sides)


def test_a_convolution() -> None:
    """Each weight is a multiply-add a position; input and weights are read once."""
    shape = Shape(8, (35, 35), 288, 384, (3, 3), (2, 2))
    assert shape.macs == 8 * 17 * 17 * 9 * 288 * 384
    assert shape.read(BF16) == 8 * 35 * 35 * 288 * 2
    assert shape.weights(BF16) == 9 * 288 * 384 * 2 + 384 * 4
    assert shape.written(BF16) == 8 * 17 * 17 * 384 * 2
    product = shape.product(BF16)
    assert (product.rows, product.columns, product.depth) == (8 * 17 * 17, 384, 9 * 288)


def test_lines_along_the_second_convolution_have_no_halo() -> None:
    """3×1 then 1×3 in rows: nothing is computed twice, and the inner result moves no bytes."""
    pair = Lines(same(35, 64, (3, 1)), same(35, 64, (1, 3)), lines=7)
    assert (pair.length, pair.count, pair.tiles) == (35, 256 * 35, 256 * 5)
    assert pair.recomputed == 1
    assert pair.macs == pair.first.macs + pair.second.macs
    inner = 256 * 35 * 35 * 64 * BF16
    assert pair.unfused(BF16) - pair.moved(BF16) == 2 * inner


def test_a_halo_is_computed_twice() -> None:
    """3×3 after 3×3 in bands of seven lines: nine of the inner result for each seven."""
    pair = Lines(same(35, 96, (3, 3)), same(35, 96, (3, 3)), lines=7)
    assert pair.halo == 2
    assert pair.macs == pair.first.macs * 9 / 7 + pair.second.macs


def test_columns() -> None:
    """1×7 then 7×1 is cut into columns."""
    pair = Lines(same(17, 192, (1, 7)), same(17, 192, (7, 1)), lines=15)
    assert not pair.rowwise
    assert pair.halo == 0


def test_the_roof_of_the_showcase() -> None:
    """3×1 → 1×3 at 35×35×64: memory-bound apart, and at the other roof nearly twice as fast."""
    pair = Lines(same(35, 64, (3, 1)), same(35, 64, (1, 3)), lines=7)
    flops, moved = 4 * 3 * 64 * 64 * 256 * 35 * 35, 2 * 256 * 35 * 35 * 64 * BF16
    assert pair.roof_s(BF16, RATES) == pytest.approx(flops / RATES.flops_per_s, rel=1e-9)
    bytes_bound = 2 * moved / RATES.bytes_per_s
    apart = apart_s((pair.first, pair.second), BF16, RATES)
    assert apart == pytest.approx(bytes_bound, rel=0.01)
    assert 1.8 < apart / pair.roof_s(BF16, RATES) < 2


def test_the_roof_falls_with_the_rates() -> None:
    """A device that computes half as fast takes twice as long where arithmetic binds."""
    pair = Lines(same(17, 192, (1, 7)), same(17, 192, (7, 1)), lines=15)
    slow = Rates(RATES.flops_per_s / 2, RATES.bytes_per_s, RATES.processors)
    assert pair.roof_s(BF16, slow) == 2 * pair.roof_s(BF16, RATES)


def test_an_input_that_is_shared_is_read_once() -> None:
    """Three 1×1 of one input as one launch read it once; a pooling reads and writes."""
    shapes = [Shape(2, (35, 35), 288, filters, (1, 1)) for filters in (64, 48, 64)]
    separate = sum(shape.moved(BF16) for shape in shapes)
    assert separate - shared(shapes, BF16) == 2 * shapes[0].read(BF16)
    assert pooled(2, (35, 35), 288, (17, 17)) == 2 * 288 * (35 * 35 + 17 * 17)
