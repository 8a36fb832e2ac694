"""The lanes of a table, as many and as wide as a page has room for.

It does not know colours or streams. A number is never cut: bars go first, then words and paths
fold, then the columns go that a reader can best do without.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from math import inf

from costlab.render.cells import Glyphs
from costlab.render.lanes import Lane, lanes
from costlab.render.surface import Surface
from costlab.render.table import Table, only
from costlab.units import Units

GAP = "  "
COMFORTABLE_PATH = 24
"""A path is not folded further than this to make room for a column that can be spared."""
COMFORTABLE_WORD = 16
"""Nor is a word cut to less than this."""

# A bar only pictures the number beside it.
BAR_WIDTHS = (10, 5, 0)


def fit(table: Table, surface: Surface, units: Units, glyphs: Glyphs) -> tuple[Table, list[Lane]]:
    """The table with the columns that fit, and its lanes.

    Where not even the columns that must be there fit, they stand as if there were room: lines that
    a terminal breaks are easier to read than paths of many short lines that it breaks as well.
    """

    def drawn(shown: Table, bars: int = BAR_WIDTHS[-1]) -> list[Lane]:
        return lanes(shown, surface, units, glyphs, bars)

    width = inf if surface.width is None else surface.width
    for bars in BAR_WIDTHS:
        found = [fold(lane, None) for lane in drawn(table, bars)]
        if span(found) <= width:
            return table, found
    width = int(width)
    shown = only(table, _kept(table, drawn, width))
    found = drawn(shown)
    folded = _squeeze(found, width)
    if span(folded) <= width:
        return shown, folded
    return shown, [fold(lane, None) for lane in found]


def _kept(table: Table, drawn: Callable[[Table], list[Lane]], width: int) -> set[str]:
    """The keys of the columns that there is room for, those first that can least be spared."""
    kept = {column.key for column in table.columns if not column.spare}
    for column in sorted(table.columns, key=lambda column: column.spare):
        more = kept | {column.key}
        if span(_squeeze(drawn(only(table, more)), width, comfortable=True)) <= width:
            kept = more
    return kept


def _squeeze(found: list[Lane], width: int, *, comfortable: bool = False) -> list[Lane]:
    """The lanes, folded as far as the width asks for it, the last ones first; or as is readable."""
    excess = span(found) - width
    squeezed = []
    for lane in reversed(found):
        natural = width_of(fold(lane, None))
        least = natural
        if lane.least is not None:
            readable = _readable(lane) if comfortable else 0
            least = min(natural, max(lane.least, cells(lane.title), readable))
        kept = max(natural - max(excess, 0), least)
        excess -= natural - kept
        squeezed.append(fold(lane, kept))
    return squeezed[::-1]


def _readable(lane: Lane) -> int:
    """The width to which a lane folds without being hard to read."""
    if not lane.prose:
        return COMFORTABLE_PATH
    words = (cells(word) for text in lane.cells for word in text.split(" "))
    return min(max(words, default=0), COMFORTABLE_WORD)


def span(found: list[Lane]) -> int:
    """Display cells of the widest line of a table."""
    return sum(width_of(fold(lane, None)) for lane in found) + len(GAP) * (len(found) - 1)


def fold(lane: Lane, width: int | None) -> Lane:
    """The lane with its cells indented, each in lines of at most this width, parted by newlines."""
    if lane.least is None and not lane.indents:
        return lane
    folded = []
    hang = "" if lane.prose else GAP
    for indent, text in zip(lane.indents or [""] * len(lane.cells), lane.cells, strict=True):
        if width is None or cells(indent + text) <= width:
            folded.append(indent + text)
            continue
        blank = indent[: width // 2]
        first, *others = _chunks(text, width - len(blank) - len(hang), " " if lane.prose else ".")
        folded.append("\n".join([blank + first, *(blank + hang + other for other in others)]))
    return replace(lane, cells=tuple(folded), indents=())


def _chunks(text: str, width: int, mark: str) -> Iterator[str]:
    """The text in pieces of at most this width, broken after a mark where there is one."""
    while cells(text) > width:
        end = width
        while cells(text[:end]) > width:
            end -= 1
        # A mark right behind a full line is a blank, which need not stand in it.
        after = text.rfind(mark, end // 3, end + (mark == " ")) + 1
        yield text[: after or end].rstrip()
        text = text[after or end :]
    yield text


def width_of(lane: Lane) -> int:
    """Display cells of the widest line in a lane."""
    return max(cells(line) for cell in (lane.title, *lane.cells) for line in cell.split("\n"))


def cells(text: str) -> int:
    """How many cells a terminal takes to show the text: two for a wide character."""
    from rich.cells import cell_len  # only a table in a terminal needs rich

    return cell_len(text)
