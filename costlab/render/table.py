"""A table of raw numbers, with the kind of each column; every renderer reads this one type.

It does not know what the numbers are about, nor how they will look.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Literal

from costlab.units import DIGITS, Kind

Value = int | float | str | tuple[int, ...] | None
Emphasis = Literal["normal", "total", "dim", "remainder"]

POINTS = "points"
LEVEL_KEY = "level"
ROW_KEY = "row"
NUMERIC: frozenset[Kind] = frozenset({"count", "bytes", "share", "ratio", "seconds"})

# bool is an int to isinstance, and never a cost.
_TYPES: dict[Kind, tuple[type, ...]] = {
    "count": (int,),
    "bytes": (int,),
    "share": (int, float),
    "ratio": (int, float),
    "seconds": (int, float),
    "text": (str,),
    "path": (str,),
    "shape": (tuple,),
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column: a key for programs, a title for people, and the kind of its values.

    Units: `unit` follows the SI prefix of a count ("5.71 GMAC"); the other kinds have their own,
    but a share whose unit is `POINTS` leaves the per cent sign to a title above it.
    An `exact` column shows every digit, whatever units are asked for. On a narrow page text
    folds between words to lines of `prose` cells, if that is not 0, and a path that is not to stay
    `whole` folds too; columns are left out, those with the largest `spare` first, with 0 never.
    Beside each share of a whole stands a `bar`. Texts that are numbers with more to them, such as a
    sign, are `sized`: they end in one line where a page aligns columns. A number that a `sparse`
    column lacks does not apply to the row: its cell stays empty, and is not said to be missing.
    """

    key: str
    title: str
    kind: Kind
    unit: str = ""
    digits: int = DIGITS
    exact: bool = False
    prose: int = 0
    whole: bool = False
    spare: int = 0
    bar: bool = True
    sized: bool = False
    sparse: bool = False

    @property
    def numeric(self) -> bool:
        """Whether its values are numbers, to be aligned on the right and never cut."""
        return self.kind in NUMERIC

    @property
    def right(self) -> bool:
        """Whether a page aligns its cells on the right."""
        return self.numeric or self.sized


@dataclass(frozen=True, slots=True)
class Row:
    """One row: raw values, None where there is none, and its depth in the tree of blocks.

    `times` is how many equal things it is the sum of; more than one stands behind its name.
    """

    cells: tuple[Value, ...]
    depth: int = 0
    emphasis: Emphasis = "normal"
    times: int = 1


@dataclass(frozen=True, slots=True)
class Table:
    """Columns and rows of raw values, with what is to be said above and below them.

    The cell of a `path` column is the full path; renderers shorten it to what its parent lacks.
    `choice` is the option, if there is one, that chooses columns; `definitions` say in full what
    the numbers are, where there is room for that. `page` is how wide its lines may be where nothing
    else says so, as in a pipe; None for as wide as they get.

    Raises: ValueError, if a row does not fit the columns.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    choice: str = ""
    definitions: tuple[str, ...] = ()
    page: int | None = None

    def __post_init__(self) -> None:
        """Refuse a row that a renderer could only show wrongly."""
        keys = [column.key for column in self.columns]
        for key in keys:
            if keys.count(key) > 1 or key in {LEVEL_KEY, ROW_KEY}:
                message = f"column key {key!r} is taken in table {self.title!r}; choose another"
                raise ValueError(message)
        for number, row in enumerate(self.rows):
            self._check(number, row)

    def _check(self, number: int, row: Row) -> None:
        """Refuse a row with a missing, superfluous or wrongly typed cell."""
        place = f"row {number} of table {self.title!r}"
        if len(row.cells) != len(self.columns):
            message = f"{place} has {len(row.cells)} cells for {len(self.columns)} columns"
            raise ValueError(message)
        if row.depth < 0:
            message = f"{place} has depth {row.depth}; the outermost is 0"
            raise ValueError(message)
        for column, value in zip(self.columns, row.cells, strict=True):
            if not fits(column.kind, value):
                message = f"{place}: {value!r} is no {column.kind} (column {column.key!r})"
                raise ValueError(message)

    @property
    def outline(self) -> int | None:
        """The index of the column that shows the tree: the first path; None if there is none."""
        kinds = [column.kind for column in self.columns]
        return kinds.index("path") if "path" in kinds else None


def defined_once(tables: Sequence[Table]) -> list[Table]:
    """Tables that are read one after the other: only the last of them has definitions."""
    last = max((place for place, table in enumerate(tables) if table.definitions), default=0)
    return [
        table if place >= last else replace(table, definitions=())
        for place, table in enumerate(tables)
    ]


def only(table: Table, kept: Collection[str]) -> Table:
    """The table with the columns of these keys, without the rows that say nothing in any of them.

    >>> columns = Column("path", "block", "path"), Column("macs", "MACs", "count")
    >>> rows = Row(("fc", 2_048_000)), Row((None, 5)), Row((None, None))
    >>> [row.cells for row in only(Table("", columns, rows), {"path"}).rows]
    [('fc',), (None,)]
    """
    columns = [index for index, column in enumerate(table.columns) if column.key in kept]
    rows = []
    for row in table.rows:
        cells = tuple(row.cells[index] for index in columns)
        if any(cell is not None for cell in cells) or all(cell is None for cell in row.cells):
            rows.append(replace(row, cells=cells))
    return replace(
        table, columns=tuple(table.columns[index] for index in columns), rows=tuple(rows)
    )


def stacked(tables: list[Table], key: str, title: str) -> Table:
    """Tables of the same columns as one, with the title of each in a column before them.

    >>> one = Table("A", (Column("n", "n", "count"),), (Row((1,)),))
    >>> stacked([one, replace(one, title="B")], "part", "part").rows[1].cells
    ('B', 1)

    Raises:
        ValueError: there are no tables, or their columns differ.
    """
    columns = {table.columns for table in tables}
    if len(columns) != 1:
        message = "only tables of the same columns can be stacked"
        raise ValueError(message)
    return Table(
        "",
        (Column(key, title, "text"), *columns.pop()),
        tuple(
            replace(row, cells=(table.title, *row.cells)) for table in tables for row in table.rows
        ),
    )


def fits(kind: Kind, value: Value) -> bool:
    """Whether a value may stand in a column of this kind.

    >>> fits("count", 5_713_216_096), fits("count", 5.7), fits("count", True), fits("count", None)
    (True, False, False, True)
    """
    if value is None:
        return True
    if isinstance(value, tuple):
        return kind == "shape" and all(type(size) is int for size in value)
    return isinstance(value, _TYPES[kind]) and not isinstance(value, bool)


def tails(table: Table) -> Iterator[str | None]:
    """What each row's path adds to that of its parent, the nearest row above of lesser depth.

    >>> path = Column("path", "block", "path")
    >>> rows = Row(("Mixed_6b",)), Row(("Mixed_6b.branch1x1",), depth=1)
    >>> list(tails(Table("", (path,), rows)))
    ['Mixed_6b', 'branch1x1']
    """
    parents: list[tuple[int, str]] = []
    for row in table.rows:
        path = row.cells[table.outline] if table.outline is not None else None
        if not isinstance(path, str):
            yield None
            continue
        while parents and parents[-1][0] >= row.depth:
            parents.pop()
        prefix = f"{parents[-1][1]}." if parents else ""
        yield path.removeprefix(prefix) if path != prefix else path
        parents.append((row.depth, path))


def prominence(table: Table, index: int) -> tuple[float, ...]:
    """Each share of a column beside the largest, 0 to 1, for bars; totals and losses are 0.

    >>> share = Column("share", "of MACs", "share")
    >>> prominence(Table("", (share,), (Row((0.05,)), Row((0.1,)), Row((1.0,), 0, "total"))), 0)
    (0.5, 1.0, 0.0)
    """
    shares = [
        value
        if isinstance(value := row.cells[index], int | float)
        and row.emphasis != "total"
        and table.columns[index].bar
        and isfinite(value)
        and value > 0
        else 0.0
        for row in table.rows
    ]
    largest = max(shares, default=0.0) or 1.0
    return tuple(share / largest for share in shares)
