"""A table as lines of text: aligned, indented by depth, in colour where the stream shows it.

It does not know what the numbers mean. A number is never cut: only a path folds.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TextIO

from costlab.render.cells import Glyphs
from costlab.render.lanes import Lane, Style, glyphs_of, lanes, own
from costlab.render.surface import Color, Surface, survey
from costlab.render.table import Emphasis, Table
from costlab.units import Units

GAP = "  "
NARROWEST_PATH = 16
NARROWEST_PAGE = 80

# A bar only pictures the number beside it: it shrinks before a path folds, and goes last.
BAR_WIDTHS = (10, 5, 0)

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
    environ: Mapping[str, str] | None = None,
) -> str:
    """The table as the stream can show it; nothing is written.

    Without a stream: as into a pipe that takes UTF-8.

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
    glyphs = glyphs_of(surface, accessible=accessible)
    wide, narrow, bare = (lanes(table, surface, units, glyphs, bars) for bars in BAR_WIDTHS)
    found = _fit((wide, narrow), (narrow, bare), surface.width)
    page = surface.width or max(_span(found), NARROWEST_PAGE)
    parts: tuple[Iterable[Line], ...] = (
        _prose([table.title] if table.title else [], "bold", surface, page),
        _grid(table, found, glyphs),
        (
            *_prose(table.notes, "dim", surface, page),
            *_prose([f"warning: {text}" for text in table.warnings], "warning", surface, page),
        ),
    )
    blocks = ("".join(_paint(line, surface) for line in part) for part in parts)
    return "\n".join(block for block in blocks if block)


def _grid(table: Table, found: list[Lane], glyphs: Glyphs) -> Iterator[Line]:
    """Header, rows, and a rule below the header and around the totals."""
    widths = [_width(lane) for lane in found]
    rule: Line = [(glyphs.rule * _span(found), "dim")]
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


def _fit(
    whole: tuple[list[Lane], ...], folding: tuple[list[Lane], ...], width: int | None
) -> list[Lane]:
    """The first lanes that fit in the width: whole ones, then folded ones; else the first."""
    if width is not None:
        for found in whole:
            if _span(found) <= width:
                return [_fold(lane, None) for lane in found]
        for found in folding:
            folded = _squeeze(found, width)
            if _span(folded) <= width:
                return folded
    return [_fold(lane, None) for lane in whole[0]]


def _squeeze(found: list[Lane], width: int) -> list[Lane]:
    """The lanes with their paths folded, the first ones first, as far as the width asks for it."""
    excess = _span(found) - width
    squeezed = []
    for lane in found:
        natural = _width(_fold(lane, None))
        least = min(natural, max(NARROWEST_PATH, _cells(lane.title))) if lane.folds else natural
        kept = max(natural - max(excess, 0), least)
        excess -= natural - kept
        squeezed.append(_fold(lane, kept))
    return squeezed


def _span(found: list[Lane]) -> int:
    """Display cells of the widest line of a table."""
    return sum(_width(_fold(lane, None)) for lane in found) + len(GAP) * (len(found) - 1)


def _fold(lane: Lane, width: int | None) -> Lane:
    """The lane with its cells indented, each in lines of at most this width, parted by newlines."""
    if not lane.folds:
        return lane
    cells = []
    for indent, text in zip(lane.indents, lane.cells, strict=True):
        if width is None or _cells(indent + text) <= width:
            cells.append(indent + text)
            continue
        blank = indent[: width // 2]
        first, *others = _chunks(text, width - len(blank) - len(GAP))
        cells.append("\n".join([blank + first, *(blank + GAP + other for other in others)]))
    return replace(lane, cells=tuple(cells), indents=("",) * len(cells))


def _chunks(text: str, width: int) -> Iterator[str]:
    """The text in pieces of at most this width, broken after a dot where there is one."""
    while _cells(text) > width:
        end = width
        while _cells(text[:end]) > width:
            end -= 1
        dot = text.rfind(".", end // 3, end) + 1
        yield text[: dot or end]
        text = text[dot or end :]
    yield text


def _prose(texts: Iterable[str], style: Style, surface: Surface, page: int) -> Iterator[Line]:
    """Sentences, broken between words at the width of the page: the surface's, or the table's."""
    for text in texts:
        line = ""
        for word in own(text, surface).split(" "):
            if line and _cells(f"{line} {word}") > page:
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
    blanks = " " * (width - _cells(text))
    return blanks + text if lane.right else text + blanks


def _width(lane: Lane) -> int:
    """Display cells of the widest line in a lane."""
    return max(_cells(line) for cell in (lane.title, *lane.cells) for line in cell.split("\n"))


def _cells(text: str) -> int:
    """How many cells a terminal takes to show the text: two for a wide character."""
    from rich.cells import cell_len  # only a table in a terminal needs rich

    return cell_len(text)
