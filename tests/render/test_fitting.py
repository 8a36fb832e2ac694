"""What a narrow page shows: fewer columns, never less of a number."""

import io
import re

import pytest
from rich.cells import cell_len

import costlab
from costlab.render import terminal
from costlab.render.catalogue import catalogue_table
from costlab.render.counters import counters_table
from costlab.render.table import Column, Row, Table
from costlab.render.views import Show, report_table
from costlab.report import Counter, Report
from costlab.zoo import CATALOGUE, find, traced

WIDTHS = (30, 40, 50, 60, 70, 80, 84, 85, 100, 140)
FIGURE = re.compile(r"(?<![\w.])[\d,.]+ ?(?:[kMGT]|[KMG]iB|%)?(?![\w.])")


@pytest.fixture(scope="module")
def report() -> Report:
    """Inception-v3, with two counters, of which one failed at length."""
    from dataclasses import replace

    found = costlab.analyze(find("inception_v3").build(), "f32[1,3,299,299]", mode="eval")
    macs = found.total.macs
    counters = (
        Counter("fvcore", "0.1.5", macs + 7, (("adaptive pool: 1 an input element", 7),)),
        Counter("FlopCounterMode", "2.13.0", None, error="RuntimeError: " + "a long reason " * 12),
    )
    return replace(found, counters=counters)


@pytest.fixture(scope="module")
def tables(report: Report) -> dict[str, Table]:
    """The tables that commands show."""
    return {
        "report": report_table(report),
        "deep": report_table(report, Show(depth=3)),
        "cross-check": counters_table(report),
        "list": catalogue_table({"inception_v3": find("inception_v3")}, traced()),
    }


def rendered(table: Table, width: int | None, *, exact: bool = False, plain: bool = False) -> str:
    """The table on a page of this width."""
    units = "exact" if exact else "si"
    return terminal.render(table, width=width, units=units, ascii=plain, environ={})  # type: ignore[arg-type]  # one of two literals


def grid(text: str) -> list[str]:
    """The lines of the header and the rows."""
    return re.split(r"\n\n", text)[1].split("\n")


def header(text: str) -> list[str]:
    """The titles of the columns that are shown."""
    return re.split(" {2,}", grid(text)[0].strip())


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["report", "deep", "cross-check", "list"])
def test_no_line_is_too_long(
    tables: dict[str, Table], name: str, width: int, *, plain: bool
) -> None:
    """From 50 columns on every line fits, and what is left out is named."""
    text = rendered(tables[name], width, plain=plain)
    lines = [line for line in text.splitlines() if not line.startswith("warning")]
    if width >= 50:
        assert max(map(cell_len, lines)) <= width
    shown = set(header(text))
    left_out = {column.title for column in tables[name].columns} - shown
    told = re.search(r"No room for (.*?)\. A wider terminal or a pipe shows", " ".join(lines))
    assert set(told[1].split(", ") if told else ()) == left_out


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["report", "deep", "cross-check", "list"])
def test_a_number_is_whole_or_not_there(
    tables: dict[str, Table], name: str, width: int, *, exact: bool
) -> None:
    """Each number of a column that is shown stands there as it does on a page without end."""
    whole = figures(rendered(tables[name], None, exact=exact))
    narrow = figures(rendered(tables[name], width, exact=exact))
    assert narrow <= whole
    assert narrow


def figures(text: str) -> set[str]:
    """The numbers of the rows, with their units."""
    return {found.strip() for found in FIGURE.findall("\n".join(grid(text)))}


def test_a_number_that_is_cut_would_be_found() -> None:
    """The guard above can fail: half a number is another one."""
    assert figures("\n\n5.71 G  5,713,216,096") == {"5.71 G", "5,713,216,096"}
    assert not figures("\n\n5,713,216") <= figures("\n\n5,713,216,096")


def test_bars_go_first_and_columns_by_rank(tables: dict[str, Table]) -> None:
    """At 85 columns all is there; then bars go, then activations, bytes, output, share, params."""
    titles = ["block", "output", "params", "MACs", "of MACs", "activations", "bytes"]
    at = {width: rendered(tables["report"], width) for width in range(20, 90)}
    assert {width for width, text in at.items() if header(text) == titles} == set(range(73, 90))
    assert "█" not in at[73]
    assert "██████████" in at[85]
    gone: list[str] = []
    for width in range(89, 19, -1):
        gone += [title for title in titles if title not in {*header(at[width]), *gone}]
    assert gone == ["activations", "bytes", "output", "of MACs", "params"]
    assert header(at[20]) == ["block", "MACs"]


def test_what_is_asked_for_is_shown(report: Report) -> None:
    """Columns that are named are shown, if need be the first of them; the one sorted by stays."""
    asked = ("activations", "bytes", "macs", "output", "kind")
    some = rendered(report_table(report, Show(columns=asked[:3])), 50)
    assert header(some) == ["block", "activations", "bytes", "MACs"]
    all_of_them = rendered(report_table(report, Show(columns=asked)), 50)
    assert header(all_of_them) == ["block", "activations", "bytes", "MACs"]
    assert "No room for output, kind." in all_of_them
    in_order = rendered(report_table(report, Show(sort="activations")), 60)
    assert "activations" in header(in_order)
    assert "No room for output, bytes." in in_order


def test_a_list_is_a_line_a_network(tables: dict[str, Table]) -> None:
    """Without the columns of published figures, a network is one line; in a pipe it always is."""
    text = rendered(tables["list"], 44)
    assert "published" not in header(text)
    assert len(grid(text)) == 3
    assert len(grid(rendered(tables["list"], None))) == 3


@pytest.mark.parametrize("width", [20, 50, 60, 70, 80])
def test_a_network_s_name_stays_whole(width: int) -> None:
    """It can be typed only whole; columns go instead."""
    lines = rendered(catalogue_table(CATALOGUE, traced()), width).splitlines()
    for name in CATALOGUE:
        assert any(line.startswith(f"{name} ") for line in lines)


def test_a_path_is_no_narrower_than_it_must_be() -> None:
    """A path folds to 24 cells for a column that can be spared, and further for what must stay."""
    columns = (
        Column("path", "block", "path"),
        Column("macs", "MACs", "count"),
        Column("bytes", "bytes", "bytes", spare=1),
    )
    path = "model.backbone.encoder.stages.3.blocks.17.attention"
    table = Table("a title", columns, (Row((path, 374_063_104, 5)),))
    assert header(rendered(table, 38)) == ["block", "MACs", "bytes"]
    assert header(rendered(table, 30)) == ["block", "MACs"]
    assert max(map(len, grid(rendered(table, 25)))) <= 25


def test_reasons_fold_between_words(tables: dict[str, Table]) -> None:
    """A long reason of a failure folds; no word of it is lost, on any page that holds a word."""
    for width in (50, 60, 80):
        lines = grid(rendered(tables["cross-check"], width))
        start = lines[0].index("why")
        words = " ".join(line[start:].strip() for line in lines[2:]).split()
        assert " ".join(words).count("a long reason") == 12


def test_a_pipe_leaves_nothing_out(tables: dict[str, Table]) -> None:
    """In a pipe there is room for everything."""
    for table in tables.values():
        text = terminal.render(table, io.StringIO(), environ={})
        assert header(text) == [column.title for column in table.columns]
        assert "No room" not in text


def test_room_is_given_by_rank_and_not_by_place() -> None:
    """A column that can less be spared is kept, and one that is narrower fills what is left."""
    columns = (
        Column("name", "name", "path"),
        Column("a", "first and wide", "count", spare=2),
        Column("b", "second", "count", spare=1),
        Column("c", "c", "count", spare=3),
    )
    table = Table("a title", columns, (Row(("x", 1, 2, 3)),))
    assert header(rendered(table, 40)) == ["name", "first and wide", "second", "c"]
    assert header(rendered(table, 27)) == ["name", "second", "c"]
    assert header(rendered(table, 12)) == ["name", "second"]
