"""A table as lines of text: aligned, indented by depth, in colour where the stream shows it.

It does not know what the numbers mean, nor which of them there is room for.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TextIO

from costlab.cost import IN_SHORT
from costlab.render.cells import Glyphs
from costlab.render.fitting import GAP, cells, fit, span, width_of
from costlab.render.lanes import Lane, Style, glyphs_of, own
from costlab.render.surface import Color, Surface, survey
from costlab.render.table import Emphasis, Table
from costlab.units import Units

NARROWEST_PAGE = 80

# Select Graphic Rendition, ECMA-48 §8.3.117: the colours that a user's theme sets.
_SGR: dict[Style, str] = {"plain": "", "bold": "1", "dim": "2", "bar": "36", "warning": "33"}
_ROW_STYLE: dict[Emphasis, Style] = {"total": "bold", "dim": "dim", "remainder": "dim"}

Line = list[tuple[str, Style]]


def render(
    table: Table,
    stream: TextIO | None = None,
    *,
    units: Units = "si",
    color: Color = "auto",
    width: int | None = None,
    ascii: bool = False,
    accessible: bool = False,
    defined: bool = False,
    environ: Mapping[str, str] | None = None,
) -> str:
    """The table as the stream can show it; nothing is written.

    Without a stream: as into a pipe that takes UTF-8. Definitions are longer than most tables, and
    are told where they stand unless they are to be `defined` here.

    >>> from costlab.render.table import Column, Row
    >>> columns = Column("path", "block", "path"), Column("macs", "MACs", "count")
    >>> rows = Row(("Mixed_6b", 374_063_104)), Row(("total", 5_713_216_096), emphasis="total")
    >>> print(render(Table("", columns, rows), environ={}))
    block       MACs
    ────────────────
    Mixed_6b   374 M
    ────────────────
    total     5.71 G
    <BLANKLINE>
    """
    surface = survey(stream, color=color, width=width, ascii=ascii, environ=environ)
    surface = replace(surface, width=surface.width or table.page)
    glyphs = glyphs_of(surface, accessible=accessible)
    shown, found = fit(table, surface, units, glyphs)
    page = surface.width or max(span(found), NARROWEST_PAGE)
    parts: tuple[Iterable[Line], ...] = (
        _prose([table.title] if table.title else [], "bold", surface, page),
        _grid(shown, found, glyphs),
        (
            *_prose(_remedy(table, shown), "plain", surface, page),
            *_prose(table.notes, "dim", surface, page),
            *_prose(_definitions(table, defined=defined), "dim", surface, page),
            *_prose([f"warning: {text}" for text in table.warnings], "warning", surface, page),
        ),
    )
    blocks = ("".join(_paint(line, surface) for line in part) for part in parts)
    return "\n".join(block for block in blocks if block)


def _remedy(table: Table, shown: Table) -> Iterator[str]:
    """What there was no room for, and how to see it."""
    left_out = [column.title for column in table.columns if column not in shown.columns]
    if left_out:
        choice = f", {table.choice} those of your choice" if table.choice else ""
        named = ", ".join(left_out)
        wide = ", COLUMNS=200 or CSV shows" if table.page else " or a pipe shows"
        yield f"No room for {named}. A wider terminal{wide} all columns{choice}."


def _definitions(table: Table, *, defined: bool) -> tuple[str, ...]:
    return table.definitions if defined or not table.definitions else (IN_SHORT,)


def _grid(table: Table, found: list[Lane], glyphs: Glyphs) -> Iterator[Line]:
    """Header, rows, and a rule below the header and around the totals."""
    widths = [width_of(lane) for lane in found]
    rule: Line = [(glyphs.rule * span(found), "dim")]
    rules = [rule] if glyphs.rule else []
    yield _join(
        [(_pad(lane.title, w, lane), "bold") for lane, w in zip(found, widths, strict=True)]
    )
    yield from rules
    before: Emphasis | None = None
    for index, row in enumerate(table.rows):
        if before is not None and (row.emphasis == "total") != (before == "total"):
            yield from rules
        before = row.emphasis
        folded = [lane.cells[index].split("\n") for lane in found]
        for part in range(max(map(len, folded), default=0)):
            texts = [lines[part] if part < len(lines) else "" for lines in folded]
            yield _join(
                [
                    (_pad(text, w, lane), _ROW_STYLE.get(row.emphasis, lane.style))
                    for text, w, lane in zip(texts, widths, found, strict=True)
                ]
            )


def _prose(texts: Iterable[str], style: Style, surface: Surface, page: int) -> Iterator[Line]:
    """Sentences, broken between words at the width of the page: the surface's, or the table's."""
    for text in texts:
        line = ""
        for word in own(text, surface).split(" "):
            if line and cells(f"{line} {word}") > page:
                yield [(line, style)]
                line = word
            else:
                line = f"{line} {word}" if line else word
        yield [(line, style)]


def _join(cells: Line) -> Line:
    """Cells in one line, a gap between them and nothing after the last that has text."""
    while cells and not cells[-1][0].strip():
        cells = cells[:-1]
    if not cells:
        return []
    text, style = cells[-1]
    gaps: Line = [(GAP, "plain")] * (len(cells) - 1)
    pairs = zip(cells, gaps, strict=False)
    return [*(part for pair in pairs for part in pair), (text.rstrip(), style)]


def _paint(line: Line, surface: Surface) -> str:
    """The line with its styles, or without where the surface has no colour."""
    if not surface.color:
        return "".join(text for text, _ in line) + "\n"
    return "".join(_styled(text, _SGR[style]) for text, style in line) + "\n"


def _styled(text: str, code: str) -> str:
    """The text between an escape that sets a style and one that resets it; blanks stay bare."""
    if not code or not text.strip():
        return text
    return f"\x1b[{code}m{text}\x1b[0m"


def _pad(text: str, width: int, lane: Lane) -> str:
    """The text with blanks to the width of its lane."""
    blanks = " " * (width - cells(text))
    return blanks + text if lane.right else text + blanks
