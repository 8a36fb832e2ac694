"""A table for a notebook: one fragment of HTML that needs nothing else; or tables as a page.

A fragment does not know the page around it: its colours follow the text colour, light or dark.
"""

from collections.abc import Iterator, Sequence
from html import escape

from costlab.render.cells import literal, quantity, repeated
from costlab.render.table import Column, Table, Value, prominence, tails
from costlab.units import Units, exact

_STYLE = """\
.costlab {overflow-x: auto}
.costlab table {border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 0.9em}
.costlab caption {text-align: left; font-weight: bold; padding: 0.4em 0}
.costlab th, .costlab td {padding: 0.15em 0.8em; text-align: left; white-space: nowrap}
.costlab td {vertical-align: top}
.costlab .number {text-align: right}
.costlab .prose {white-space: normal; min-width: 14em}
.costlab .path {white-space: normal; overflow-wrap: anywhere; min-width: 10em}
.costlab thead th, .costlab .total td {border-top: 0; border-bottom: 1px solid currentColor}
.costlab .total td {border-top: 1px solid currentColor; border-bottom: 0; font-weight: bold}
.costlab .dim td, .costlab .remainder td, .costlab .note {opacity: 0.65}
.costlab .note, .costlab .warning {max-width: 60em; margin: 0.4em 0; font-size: 0.9em}
"""

_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>body {{font-family: system-ui, sans-serif; margin: 1.5em}}</style>
</head>
<body>
{body}</body>
</html>
"""

LONG = 40
"""Characters of a text that may fold; a shorter one is as well on one line."""

# A blue that is legible below black and below white text alike.
_BAR = "rgba(66, 133, 244, 0.35)"


def render(table: Table, *, units: Units = "si") -> str:
    """The table as an HTML fragment; every number carries its exact value as a title.

    >>> from costlab.render.table import Column, Row
    >>> columns = (Column("macs", "MACs", "count"),)
    >>> '<td class="number" title="374,063,104">374 M</td>' in render(
    ...     Table("", columns, (Row((374_063_104,)),))
    ... )
    True
    """
    caption = [f"<caption>{_text(table.title)}</caption>"] if table.title else []
    classes = [_class(table, index) for index in range(len(table.columns))]
    titles = "".join(
        f'<th scope="col" class="{kind}">{_text(column.title)}</th>'
        for column, kind in zip(table.columns, classes, strict=True)
    )
    lines = [
        '<div class="costlab">',
        f"<style>\n{_STYLE}</style>",
        "<table>",
        *caption,
        f"<thead><tr>{titles}</tr></thead>",
        "<tbody>",
        *_rows(table, classes, units),
        "</tbody>",
        "</table>",
        *(f'<p class="note">{_text(note)}</p>' for note in (*table.notes, *table.definitions)),
        *(f'<p class="warning">Warning: {_text(text)}</p>' for text in table.warnings),
        "</div>",
    ]
    return "\n".join(lines) + "\n"


def page(tables: Sequence[Table], *, units: Units = "si") -> str:
    """The tables as a page of their own, light or dark as its reader has it.

    >>> "<title>a &lt; b</title>" in page([Table("a < b", (), ())])
    True
    """
    title = next((table.title for table in tables if table.title), "costlab")
    body = "\n".join(render(table, units=units) for table in tables)
    return _PAGE.format(title=_text(title), body=body)


def _rows(table: Table, classes: Sequence[str], units: Units) -> Iterator[str]:
    """The rows, names indented by depth, shares with a bar behind them."""
    bars = [prominence(table, index) for index in range(len(table.columns))]
    for number, (row, tail) in enumerate(zip(table.rows, tails(table), strict=True)):
        cells = []
        for index, (column, value) in enumerate(zip(table.columns, row.cells, strict=True)):
            text, style = str(quantity(column, value, units=units)), ""
            text = text.strip(" ") if column.sized else text
            if index == table.outline and tail is not None:
                text = tail + repeated(row.times)
                style = f"padding-left: {0.8 + 1.2 * row.depth:.1f}em"
            elif column.kind == "share":
                style = _bar(bars[index][number])
            attributes = _title(column, value) + (f' style="{style}"' if style else "")
            cells.append(f'<td class="{classes[index]}"{attributes}>{_text(text)}</td>')
        yield f'<tr class="{row.emphasis}">{"".join(cells)}</tr>'


def _bar(fraction: float) -> str:
    """A fraction of a cell as its background, filled from the left."""
    end = f"{fraction:.1%}"
    gradient = f"background: linear-gradient(to right, {_BAR} {end}, transparent {end})"
    return gradient if fraction else ""


def _title(column: Column, value: Value) -> str:
    """The title attribute that tells all of a value that its cell rounds or shortens."""
    if value is None or isinstance(value, tuple) or column.kind == "text":
        return ""
    text = exact(value) if isinstance(value, int) else str(value)
    return f' title="{_text(text)}"'


def _class(table: Table, index: int) -> str:
    """The class of a column's cells: what they are, and whether they may fold."""
    column = table.columns[index]
    if column.right:
        return "number"
    if not column.prose:
        return column.kind
    texts = (row.cells[index] for row in table.rows)
    return "prose" if any(len(text) > LONG for text in texts if isinstance(text, str)) else "text"


def _text(text: str) -> str:
    """A text of which HTML changes nothing."""
    return escape(literal(text))
