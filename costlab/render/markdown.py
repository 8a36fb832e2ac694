"""A table for a pull request or a README: a GitHub pipe table.

It does not know widths: GitHub aligns the columns.
"""

import re

from costlab.render.cells import literal, quantity, repeated
from costlab.render.table import Emphasis, Table, tails
from costlab.units import Units

_EMPHASIS: dict[Emphasis, str] = {"total": "**", "dim": "_", "remainder": "_"}

# What a code span shows as it is, in a table cell too.
_TAME = re.compile(r"[\w.…:/<>@#\[\](){}=,+*-]+")

# All that could begin a construct of CommonMark, or of GitHub's: tables, mentions, mathematics.
# An entity shows the character and is never structure (CommonMark 0.31.2, §2.5).
_SPECIAL = re.compile(r"[\\`*~<>&|@#$]|(?<![^\W_])_|_(?![^\W_])|(?<=\])[(\[:]|:(?=\S)")

# What could begin a list, a heading or a block of code at the start of a paragraph.
_START = re.compile(r"[-+= ]+|\d+[.)]")


def render(table: Table, *, units: Units = "si") -> str:
    """The table as GitHub-flavoured Markdown; the tree of blocks by indentation.

    >>> from costlab.render.table import Column, Row
    >>> columns = Column("path", "block", "path"), Column("macs", "MACs", "count")
    >>> print(render(Table("", columns, (Row(("Mixed_6b", 374_063_104)),)), units="exact"))
    | block | MACs |
    | :--- | ---: |
    | `Mixed_6b` | 374,063,104 |
    <BLANKLINE>
    """
    titles = [_prose(column.title.strip(" ")) for column in table.columns]
    rules = ["---:" if column.right else ":---" for column in table.columns]
    grid = [_line(titles), _line(rules), *map(_line, _rows(table, units))]
    parts = (
        [f"**{_prose(table.title)}**"] if table.title else [],
        ["\n".join(grid)],
        [_paragraph(note) for note in (*table.notes, *table.definitions)],
        [f"**Warning:** {_prose(warning)}" for warning in table.warnings],
    )
    return "\n\n".join(text for part in parts for text in part) + "\n"


def _rows(table: Table, units: Units) -> list[list[str]]:
    """The cells of each row as Markdown."""
    rows = []
    for row, tail in zip(table.rows, tails(table), strict=True):
        mark = _EMPHASIS.get(row.emphasis, "")
        cells = []
        for index, (column, value) in enumerate(zip(table.columns, row.cells, strict=True)):
            if column.kind == "path" and isinstance(value, str):
                name = tail if index == table.outline and tail is not None else value
                text = _marked(_prose(name), mark) if mark else _code(name)
                if index == table.outline:
                    text = "&nbsp;" * 4 * row.depth + text + repeated(row.times)
                cells.append(text)
            else:
                cells.append(_marked(_prose(str(quantity(column, value, units=units))), mark))
        rows.append(cells)
    return rows


def _line(cells: list[str]) -> str:
    """One line of a pipe table."""
    return f"| {' | '.join(cells)} |"


def _marked(text: str, mark: str) -> str:
    """The text in bold or italics; an empty one stays empty."""
    text = text.strip()
    return f"{mark}{text}{mark}" if text else text


def _code(name: str) -> str:
    """A name in a code span; one that a span could not hold, in entities.

    >>> _code("Mixed_6b.branch7x7"), _code("a|b")
    ('`Mixed_6b.branch7x7`', '<code>a&#124;b</code>')
    """
    name = literal(name)
    return f"`{name}`" if _TAME.fullmatch(name) else f"<code>{_entities(name)}</code>"


def _prose(text: str) -> str:
    """A text of which Markdown changes nothing.

    >>> _prose("f32[1,3,299,299] <b>")
    'f32[1,3,299,299] &#60;b&#62;'
    """
    return _SPECIAL.sub(lambda found: _entities(found[0]), literal(text))


def _paragraph(text: str) -> str:
    """A text of which Markdown changes nothing, not even at its start.

    >>> _paragraph("1. batch included")
    '1&#46; batch included'
    """
    start = _START.match(text)
    end = start.end() if start else 0
    return _entities(text[:end]) + _prose(text[end:])


def _entities(text: str) -> str:
    """Each character that is no letter or digit as a numeric entity."""
    return "".join(c if c.isalnum() else f"&#{ord(c)};" for c in text)
