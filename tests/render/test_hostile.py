"""Names and values that a model may bring: shown as they are, never obeyed."""

import csv as stdlib_csv
import io
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from costlab.render import FORMATS, csv, html, markdown, terminal
from costlab.render.cells import literal
from costlab.render.table import Column, Row, Table, Value
from costlab.units import Kind
from tests.render.inception import named

HOSTILE = [
    "[bold]red[/bold]",
    "a|b",
    "`code` ``x``",
    "<script>alert(1)</script>",
    "*a* _b_ **c** ~~d~~",
    "[link](http://example.org)",
    "\\| \\",
    "&amp; &#124;",
    '" onmouseover="x',
    "a,b;c",
    "- item",
    ":smile:",
    "卷积.ブロック",
    "",
]
CONTROL = [
    "two\nlines",
    "\x1b[31mred",
    "tab\tbed",
    "\r",
    "\x9b31m",
    "\u202eright",
    "a\u2028b",
    "\x00",
]

numbers = st.one_of(st.none(), st.integers(), st.floats())
values: dict[Kind, st.SearchStrategy[Value]] = {
    "path": st.one_of(st.none(), st.text(), st.sampled_from(HOSTILE + CONTROL)),
    "text": st.one_of(st.none(), st.text(), st.sampled_from(HOSTILE + CONTROL)),
    "shape": st.one_of(st.none(), st.lists(st.integers(), max_size=5).map(tuple)),
    "count": st.one_of(st.none(), st.integers()),
    "bytes": st.one_of(st.none(), st.integers()),
    "share": numbers,
    "ratio": numbers,
    "seconds": numbers,
}
columns = tuple(Column(kind, kind, kind) for kind in values)
rows = st.builds(
    Row,
    st.tuples(*values.values()),
    st.integers(min_value=0, max_value=50),
    st.sampled_from(["normal", "total", "dim", "remainder"]),
)
tables = st.builds(
    Table, st.text(), st.just(columns), st.lists(rows, max_size=4).map(tuple), st.tuples(st.text())
)

MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])


class Cells(HTMLParser):
    """The text of each cell of a fragment, and every tag and attribute in it."""

    def __init__(self) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.names: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A cell begins."""
        self.names |= {tag, *(name for name, _ in attrs)}
        if tag in {"td", "th"}:
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        """The text of the latest cell."""
        if self.cells:
            self.cells[-1] += data


def shown(name: str) -> str:
    """The text of the first cell of the body, as a browser shows the rendered Markdown."""
    parser = Cells()
    parser.feed(MARKDOWN.render(markdown.render(named(name))))
    assert len(parser.cells) == 12, "the row has lost or gained a cell"
    assert parser.names <= {"table", "thead", "tbody", "tr", "th", "td", "code", "style"}
    return parser.cells[6]


@pytest.mark.parametrize("name", HOSTILE + CONTROL)
def test_markdown_shows_the_name(name: str) -> None:
    """A Markdown renderer gives back the very name, in one cell, without any element of its own."""
    assert shown(name).strip() == literal(name).strip()


def test_unescaped_markdown_would_show() -> None:
    """The guard above can fail: a bare pipe makes another cell."""
    parser = Cells()
    parser.feed(MARKDOWN.render("| a |\n| - |\n| <b>a|b |\n"))
    assert parser.cells[1] != "<b>a|b"


@given(st.text())
def test_markdown_shows_any_name(name: str) -> None:
    """No text is taken for Markdown."""
    assert shown(name).strip() == literal(name).strip()


@given(st.one_of(st.sampled_from(HOSTILE + CONTROL), st.text()))
def test_markdown_shows_any_text(text: str) -> None:
    """No title, kind or label of a total is taken for Markdown, nor makes another cell."""
    columns = (Column("kind", text, "text"), Column("path", text, "path"))
    table = Table("", columns, (Row((text, text)), Row((text, text), emphasis="total")))
    parser = Cells()
    parser.feed(MARKDOWN.render(markdown.render(table)))
    assert {cell.strip() for cell in parser.cells} == {literal(text).strip()}
    assert len(parser.cells) == 6
    assert parser.names <= {"table", "thead", "tbody", "tr", "th", "td", "code", "strong", "style"}


@given(st.text())
def test_markdown_shows_any_note(note: str) -> None:
    """No note is taken for Markdown: it is one paragraph of text."""
    page = markdown.render(Table("", (), (), notes=(note,)))
    parser = Cells()
    parser.cells = [""]
    parser.feed(MARKDOWN.render(page.split("\n\n", 1)[-1]))
    assert parser.names <= {"p"}
    assert parser.cells[0].strip() == literal(note).strip()


@pytest.mark.parametrize("name", HOSTILE + CONTROL)
def test_html_shows_the_name(name: str) -> None:
    """A browser shows the very name; no tag or attribute comes from it."""
    parser = Cells()
    parser.feed(html.render(named(name)))
    assert parser.cells[6] == literal(name)
    assert not parser.names & {"script", "onmouseover", "b"}


@pytest.mark.parametrize("name", HOSTILE + CONTROL)
def test_csv_shows_the_name(name: str) -> None:
    """A CSV reader gives back the name, in one line."""
    text = csv.render(named(name))
    assert len(text.splitlines()) == 2
    assert next(stdlib_csv.DictReader(io.StringIO(text)))["path"] == literal(name)


@pytest.mark.parametrize("name", HOSTILE + CONTROL)
def test_the_terminal_shows_the_name(name: str) -> None:
    """The name stands at the start of its line, markup and all; nothing else starts a line."""
    lines = terminal.render(named(name), environ={}).splitlines()
    assert lines[2].startswith(literal(name))
    assert len(lines) == 3


@given(tables, st.sampled_from(sorted(FORMATS)))
def test_no_cell_raises_or_escapes(table: Table, name: str) -> None:
    """Any valid table renders in any format, and no control character of a cell comes through."""
    for units in ("si", "exact"):
        text = FORMATS[name](table, units="exact" if units == "exact" else "si")
        assert text.replace("\n", "").isprintable()


@given(tables, st.integers(min_value=1, max_value=200), st.booleans(), st.booleans())
def test_no_width_raises(table: Table, width: int, spoken: bool, narrow: bool) -> None:
    """Any valid table renders at any width, in any look."""
    text = terminal.render(table, width=width, accessible=spoken, ascii=narrow, environ={})
    assert text.isascii() or not narrow


def test_a_raw_escape_would_show() -> None:
    """The guard above can fail: an escape that is not made literal is not printable."""
    assert not "\x1b[31mred".isprintable()
    assert literal("\x1b[31mred").isprintable()
