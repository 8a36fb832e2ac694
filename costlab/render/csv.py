"""A table for programs: comma-separated, with raw exact numbers under the keys of the columns.

It does not know units, titles or notes.
"""

import csv
import io

from costlab.render.cells import literal
from costlab.render.table import LEVEL_KEY, ROW_KEY, Table, Value
from costlab.units import Units, shape


def render(table: Table, *, units: Units = "si") -> str:
    """The table as CSV: full paths, exact integers, floats as Python repeats them.

    The last two columns, `level` and `row`, tell a part from the whole, so that a column can be
    summed: over `level` 0 where `row` is not `total`.

    >>> from costlab.render.table import Column, Row
    >>> columns = Column("path", "block", "path"), Column("macs", "MACs", "count")
    >>> print(render(Table("", columns, (Row(("Mixed_6b", 374_063_104)),))))
    path,macs,level,row
    Mixed_6b,374063104,0,normal
    <BLANKLINE>
    """
    del units  # a program reads every digit
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*(column.key for column in table.columns), LEVEL_KEY, ROW_KEY])
    for row in table.rows:
        writer.writerow([*map(_field, row.cells), row.depth, row.emphasis])
    return text.getvalue()


def _field(value: Value) -> str:
    """A value with every digit; a name keeps to its line, its control characters as escapes."""
    if value is None:
        return ""
    if isinstance(value, str):
        return literal(value)
    if isinstance(value, tuple):
        return shape(value, "x")
    # The repr of the plain type: numpy's float64 is a float, but writes "np.float64(0.5)".
    return repr(float(value)) if isinstance(value, float) else repr(int(value))
