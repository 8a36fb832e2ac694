"""Inception-v3 as a table, written by hand: 299x299, batch 1, eval; the sample of these tests."""

from costlab.render.table import Column, Emphasis, Row, Table

TOTAL_MACS = 5_713_216_096
TOTAL_PARAMS = 27_161_264

COLUMNS = (
    Column("path", "block", "path"),
    Column("output", "output", "shape"),
    Column("params", "params", "count"),
    Column("macs", "MACs", "count"),
    Column("weight_bytes", "weights", "bytes"),
    Column("share", "of MACs", "share"),
)


def block(
    path: str,
    output: tuple[int, ...] | None,
    params: int,
    macs: int | None,
    depth: int = 0,
    emphasis: Emphasis = "normal",
) -> Row:
    """One row; weights are 4 bytes each."""
    share = None if macs is None else macs / TOTAL_MACS
    return Row((path, output, params, macs, 4 * params, share), depth, emphasis)


ROWS = (
    block("Conv2d_1a_3x3", (32, 149, 149), 928, 19_181_664),
    block("Conv2d_2a_3x3", (32, 147, 147), 9_280, 199_148_544),
    block("Conv2d_2b_3x3", (64, 147, 147), 18_560, 398_297_088),
    block("MaxPool_3a", (64, 73, 73), 0, 0),
    block("Conv2d_3b_1x1", (80, 73, 73), 5_280, 27_284_480),
    block("Conv2d_4a_3x3", (192, 71, 71), 138_624, 696_867_840),
    block("MaxPool_5a", (192, 35, 35), 0, 0),
    block("Mixed_5b", (256, 35, 35), 255_904, 312_345_600),
    block("Mixed_5c", (288, 35, 35), 277_472, 338_688_000),
    block("Mixed_5d", (288, 35, 35), 285_152, 348_096_000),
    block("Mixed_6a", (768, 17, 17), 1_153_280, 401_937_408),
    block("Mixed_6b", (768, 17, 17), 1_297_408, 374_063_104),
    block("Mixed_6b.branch7x7", (192, 17, 17), 385_920, 111_271_936, depth=1),
    block("Mixed_6b.branch7x7dbl", (192, 17, 17), 615_808, 177_561_600, depth=1),
    block("and 2 more", None, 2 * 147_840, 2 * 42_614_784, depth=1, emphasis="remainder"),
    block("Mixed_6c", (768, 17, 17), 1_691_008, 487_702_528),
    block("Mixed_6d", (768, 17, 17), 1_691_008, 487_702_528),
    block("Mixed_6e", (768, 17, 17), 2_141_952, 617_914_368),
    block("AuxLogits", None, 3_326_696, None),
    block("Mixed_7a", (1280, 8, 8), 1_698_304, 291_004_416),
    block("Mixed_7b", (2048, 8, 8), 5_044_608, 322_437_120),
    block("Mixed_7c", (2048, 8, 8), 6_076_800, 388_497_408),
    block("pool", (2048, 1, 1), 0, 0),
    block("fc", (1000,), 2_049_000, 2_048_000),
    block("total", None, TOTAL_PARAMS, TOTAL_MACS, emphasis="total"),
)

INCEPTION = Table(
    title="inception_v3 · eval · f32[1,3,299,299]",
    columns=COLUMNS,
    rows=ROWS,
    notes=("MACs: multiply-adds of convolutions and linear layers, batch included.",),
    warnings=("3,326,696 parameters are registered but not executed (AuxLogits).",),
)


def named(path: str) -> Table:
    """A table of one row whose path is this text, beside a number that must stay whole."""
    return Table("", COLUMNS, (block(path, (768, 17, 17), 1_297_408, 374_063_104),))
