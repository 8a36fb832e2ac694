"""The table as lines of text."""

import io
import re

import pytest
from rich.cells import cell_len

from costlab.render import terminal
from costlab.render.table import Column, Row, Table
from tests.render.inception import INCEPTION, TOTAL_MACS, named

DEEP = "model.backbone.encoder.stages.3.blocks.17.attention.qkv_projection.weight_norm"


def ends(text: str, pattern: str) -> set[int]:
    """The display columns in which what matches the pattern ends."""
    return {
        cell_len(line[: found.end()])
        for line in text.splitlines()
        for found in re.finditer(pattern, line)
    }


def test_a_pipe_keeps_its_natural_width() -> None:
    """Where rich would assume 80 columns, no number is cut and no line is broken."""
    text = terminal.render(named(DEEP), io.StringIO(), units="exact", environ={})
    assert max(map(len, text.splitlines())) > 80
    assert DEEP in text
    assert "374,063,104" in text


@pytest.mark.parametrize("columns", [1, 20, 40, 60, 79, 80, 81, 90, 100, 120])
def test_no_width_cuts_a_number(columns: int) -> None:
    """Whatever COLUMNS says, every number of every row is there in full."""
    text = terminal.render(
        INCEPTION, io.StringIO(), units="exact", environ={"COLUMNS": str(columns)}
    )
    for row in INCEPTION.rows:
        for value in row.cells[2:4]:
            assert value is None or f" {value:,} " in text
    assert "…" not in text


def test_columns_folds_only_the_path() -> None:
    """At 80 columns a long path folds and the lines fit; joined again, it is whole."""
    text = terminal.render(named(DEEP), io.StringIO(), environ={"COLUMNS": "80"})
    lines = text.splitlines()
    assert max(map(cell_len, lines)) <= 80
    assert len(lines) > 3
    width = lines[0].index("output")
    assert "".join(line[:width].strip() for line in lines[2:]) == DEEP
    assert "374 M" in text


def test_a_wide_enough_page_folds_nothing() -> None:
    """The guard above can fail: at 200 columns the path stands in one line."""
    text = terminal.render(named(DEEP), io.StringIO(), environ={"COLUMNS": "200"})
    assert len(text.splitlines()) == 3
    assert DEEP in text


def test_what_cannot_fit_is_not_folded() -> None:
    """Where even folding does not help, paths stay whole; only the bars are gone."""
    natural = terminal.render(named(DEEP), environ={})
    narrow = terminal.render(named(DEEP), environ={"COLUMNS": "30"})
    assert narrow.splitlines()[2] == natural.splitlines()[2].rstrip(" █")


def test_bars_shrink_before_a_path_folds() -> None:
    """A page too narrow for the bars takes shorter ones, then none, and keeps its lines."""
    full = max(map(len, re.findall("─+", terminal.render(INCEPTION, environ={}))))
    for columns, longest in ((full, 10), (full - 1, 5), (full - 6, 0)):
        text = terminal.render(INCEPTION, environ={"COLUMNS": str(columns)})
        assert max((len(bar) for bar in re.findall("█+", text)), default=0) == longest
        assert "  branch7x7dbl  " in text


@pytest.mark.parametrize("units", ["si", "exact"])
@pytest.mark.parametrize("ascii_only", [False, True])
def test_numbers_align(*, units: str, ascii_only: bool) -> None:
    """Every percent sign stands in one display column, and so does every count."""
    table = Table(
        "",
        INCEPTION.columns,
        (*INCEPTION.rows, Row(("卷积.ブロック", (1,), 7, 8, 9, 0.5)), *named("é" * 30).rows),
    )
    text = terminal.render(
        table, units="exact" if units == "exact" else "si", ascii=ascii_only, environ={}
    )
    assert len(ends(text, " %")) == 1
    if units == "si":
        assert len(ends(text, r"\d [kMG](?= |$)")) == 2  # params and MACs
    else:
        assert len(ends(text, r"\d(?= B)")) == 1


def test_misalignment_would_show() -> None:
    """The guard above can fail: a number that is one cell off ends elsewhere."""
    assert len(ends("a  1.0 %\nb   2.0 %", " %")) == 2
    assert len(ends("é  1.0 %\n卷 2.0 %", " %")) == 1


def test_colour_changes_no_character() -> None:
    """Without its escapes, the coloured table is the plain one."""
    coloured = terminal.render(INCEPTION, color="always", environ={})
    plain = terminal.render(INCEPTION, color="never", environ={})
    assert "\x1b[1m" in coloured
    assert "\x1b" not in plain
    assert re.sub(r"\x1b\[\d*m", "", coloured) == plain


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_any_encoding_can_write_it(encoding: str) -> None:
    """What is rendered for a stream can be written to it, with strict errors."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="strict")
    for name in ("Mixed_6b", "卷积", "bloc_é", "\ud800"):
        text = terminal.render(named(name), stream, environ={})
        stream.write(text)
        assert "768x17x17" in text
        assert "#" in text


def test_the_unicode_table_is_not_ascii() -> None:
    """The guard above can fail: the table for UTF-8 cannot be written in ASCII."""
    with pytest.raises(UnicodeEncodeError):
        terminal.render(INCEPTION, environ={}).encode("ascii")


def test_latin_1_keeps_its_letters() -> None:
    """A stream without our bars may still have the letters of a name."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    assert "bloc_é" in terminal.render(named("bloc_é"), stream, environ={})


def test_accessible_has_words_for_pictures() -> None:
    """A screen reader gets levels, words and full paths; no bar, no rule."""
    text = terminal.render(INCEPTION, accessible=True, environ={})
    assert not set(text) & set("─█▏×\N{EN DASH}")
    assert "768 by 17 by 17" in text
    assert "    1  Mixed_6b.branch7x7dbl  " in text
    assert "none" in text


def test_notes_fold_between_words() -> None:
    """A note is prose: it folds on a narrow page, and a number in it stays whole."""
    text = terminal.render(INCEPTION, environ={"COLUMNS": "40"})
    assert "\nwarning: 3,326,696 parameters are\n" in text


@pytest.mark.parametrize("rows", [(), (Row((None, None)),), (Row(("a", 1), 9),)])
def test_small_tables(rows: tuple[Row, ...]) -> None:
    """A table of nothing, of absences or of one deep row is still a table."""
    columns = (Column("path", "block", "path"), Column("macs", "MACs", "count", unit="MAC"))
    for width in (None, 5):
        assert terminal.render(Table("", columns, rows), width=width, environ={}).startswith("bl")


def test_units_follow_their_numbers() -> None:
    """The unit of a column stands in each cell, after the prefix."""
    columns = (Column("macs", "cost", "count", unit="MAC"),)
    table = Table("", columns, (Row((TOTAL_MACS,)),))
    assert "5.71 GMAC" in terminal.render(table, environ={})
    assert "5,713,216,096 MAC" in terminal.render(table, units="exact", environ={})
