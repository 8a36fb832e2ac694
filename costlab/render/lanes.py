"""A table as lanes of text, one for each column and one for each bar, still of any width.

It does not know how wide the page is, nor how wide a character is drawn.
"""

from dataclasses import dataclass
from typing import Literal

from costlab.render.cells import (
    ASCII,
    SPOKEN,
    UNICODE,
    Glyphs,
    bar,
    literal,
    plain,
    quantity,
    repeated,
)
from costlab.render.surface import Surface
from costlab.render.table import LEVEL_KEY, Table, prominence, tails
from costlab.units import Units

Style = Literal["plain", "bold", "dim", "bar", "warning"]

NARROWEST_PATH = 16


@dataclass(frozen=True, slots=True)
class Lane:
    """The text of one column, cell by cell, aligned left or right.

    `indents` are the blanks before each of its cells. Cells may be broken into lines of `least`
    cells, prose between words and a path after a dot; not at all if that is None.
    """

    title: str
    cells: tuple[str, ...]
    style: Style = "plain"
    right: bool = False
    least: int | None = None
    prose: bool = False
    indents: tuple[str, ...] = ()


def glyphs_of(surface: Surface, *, accessible: bool) -> Glyphs:
    """The characters to draw with."""
    if accessible:
        return SPOKEN
    return ASCII if surface.ascii else UNICODE


def lanes(
    table: Table, surface: Surface, units: Units, glyphs: Glyphs, bar_width: int
) -> list[Lane]:
    """The lanes of a table, in the order of its columns; none for bars of width 0."""
    found = []
    if glyphs is SPOKEN and any(row.depth for row in table.rows):
        levels = tuple(str(row.depth) for row in table.rows)
        found.append(Lane(LEVEL_KEY, levels, right=True))
    for index, column in enumerate(table.columns):
        if column.kind == "path":
            found.append(_paths(table, index, surface, glyphs))
        elif column.numeric:
            found.append(_numbers(table, index, surface, units, glyphs))
        else:
            found.append(_words(table, index, surface, glyphs))
        if column.kind == "share" and glyphs is not SPOKEN:
            found.append(_bars(table, index, glyphs, bar_width))
    return [lane for lane in found if lane.title or any(lane.cells)]


def own(text: str, surface: Surface) -> str:
    """A text of ours as the surface can show it; it may quote a name, so it is made literal too."""
    return literal(plain(text) if surface.ascii else text, surface.encoding)


def _name(text: str, surface: Surface) -> str:
    """A name, which is the user's, as the surface can show it."""
    return literal(text, surface.encoding)


def _paths(table: Table, index: int, surface: Surface, glyphs: Glyphs) -> Lane:
    """Paths; those of the outline are indented, and shortened to what the parent lacks."""
    values = [row.cells[index] for row in table.rows]
    outline = index == table.outline and glyphs is not SPOKEN
    texts = tuple(tails(table)) if outline else values
    # The range that names a row of several is typography of ours, which a stream may not know.
    cells = tuple(
        (own if row.times > 1 else _name)(text, surface) + repeated(row.times, glyphs)
        if isinstance(text, str)
        else glyphs.nameless
        for text, row in zip(texts, table.rows, strict=True)
    )
    indents = tuple(glyphs.indent * row.depth if outline else "" for row in table.rows)
    column = table.columns[index]
    least = None if column.whole else NARROWEST_PATH
    return Lane(own(column.title, surface), cells, least=least, indents=indents)


def _numbers(table: Table, index: int, surface: Surface, units: Units, glyphs: Glyphs) -> Lane:
    """Numbers on the right and units on the left of one line between them."""
    column = table.columns[index]
    found = [quantity(column, row.cells[index], units=units, glyphs=glyphs) for row in table.rows]
    signs = [own(text.unit, surface) for text in found]
    before = max((len(text.number) for text in found), default=0)
    after = max(map(len, signs), default=0)
    cells = tuple(
        text.number.rjust(before) + sign.ljust(after)
        for text, sign in zip(found, signs, strict=True)
    )
    return Lane(own(column.title, surface), cells, right=True)


def _words(table: Table, index: int, surface: Surface, glyphs: Glyphs) -> Lane:
    """Words and shapes; beside blocks they are quieter than the numbers."""
    column = table.columns[index]
    cells = tuple(
        own(str(quantity(column, row.cells[index], glyphs=glyphs)), surface) for row in table.rows
    )
    title = own(column.title, surface)
    style: Style = "plain" if table.outline is None else "dim"
    return Lane(title, cells, style, least=column.prose or None, prose=column.prose > 0)


def _bars(table: Table, index: int, glyphs: Glyphs, width: int) -> Lane:
    """Bars, as long as each share is beside the largest; a total has none."""
    return Lane("", tuple(bar(x, width, glyphs) for x in prominence(table, index)), style="bar")
