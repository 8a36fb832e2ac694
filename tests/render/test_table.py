"""The table of raw numbers."""

import pytest

from costlab.render.table import Column, Row, Table, Value, prominence, tails
from tests.render.inception import INCEPTION

PATH = Column("path", "block", "path")
MACS = Column("macs", "MACs", "count")


def test_a_row_has_as_many_cells_as_columns() -> None:
    """A row that lacks a cell is refused, with its place."""
    with pytest.raises(ValueError, match="row 1 of table 'T' has 1 cells for 2 columns"):
        Table("T", (PATH, MACS), (Row(("a", 1)), Row(("b",))))


@pytest.mark.parametrize("value", ["5.71 G", 5.7, True, (1,)])
def test_a_count_is_an_exact_int(value: Value) -> None:
    """A count that is formatted, rounded or of another type is refused."""
    with pytest.raises(ValueError, match="is no count"):
        Table("T", (MACS,), (Row((value,)),))


@pytest.mark.parametrize("key", ["macs", "level", "row"])
def test_keys_are_unique(key: str) -> None:
    """A key names one column, and none that the CSV adds."""
    with pytest.raises(ValueError, match="is taken"):
        Table("T", (MACS, Column(key, "more", "count")), ())


def test_depth_is_not_negative() -> None:
    """Nothing lies outside the outermost."""
    with pytest.raises(ValueError, match="depth -1"):
        Table("T", (PATH,), (Row(("a",), depth=-1),))


def test_tails_drop_what_the_parent_says() -> None:
    """A name drops its parent's, only at a dot, and only below its parent."""
    paths = [("a", 0), ("a.b", 1), ("a.b.c", 2), ("ab.d", 1), ("a.b", 0)]
    table = Table("", (PATH,), tuple(Row((path,), depth) for path, depth in paths))
    assert list(tails(table)) == ["a", "b", "c", "ab.d", "a.b"]


def test_tails_without_a_path() -> None:
    """A table without a path has no tails."""
    assert list(tails(Table("", (MACS,), (Row((1,)),)))) == [None]


def test_prominence_is_beside_the_largest_part() -> None:
    """The largest block has 1, the total 0, whatever its share."""
    lengths = prominence(INCEPTION, 5)
    names = [row.cells[0] for row in INCEPTION.rows]
    assert lengths[names.index("Conv2d_4a_3x3")] == 1.0
    assert lengths[names.index("total")] == 0.0
