"""One golden file a format, and its columns added up again."""

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from costlab.render import FORMATS, html, terminal
from costlab.render.table import Column, Row, Table
from tests.conftest import GOLDEN, Golden, compare
from tests.render.inception import INCEPTION, TOTAL_MACS, TOTAL_PARAMS

SUFFIX = {"text": "txt", "markdown": "md", "csv": "csv", "html": "html"}


@pytest.mark.parametrize("name", FORMATS)
def test_golden(golden: Golden, name: str) -> None:
    """Each format is as it was when it was last looked at."""
    golden(f"inception_v3.{SUFFIX[name]}", FORMATS[name](INCEPTION))


def test_golden_exact(golden: Golden) -> None:
    """Exact Markdown, for the sums below."""
    golden("inception_v3_exact.md", FORMATS["markdown"](INCEPTION, units="exact"))


def test_golden_ascii(golden: Golden) -> None:
    """The table of a stream without Unicode."""
    golden("inception_v3_ascii.txt", terminal.render(INCEPTION, ascii=True))


def test_golden_accessible(golden: Golden) -> None:
    """The table for a screen reader."""
    golden("inception_v3_accessible.txt", terminal.render(INCEPTION, accessible=True))


def test_csv_adds_up() -> None:
    """In the CSV, the blocks of level 0 add up to the total, and those of Mixed_6b to it."""
    with (GOLDEN / "inception_v3.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    total = next(row for row in rows if row["row"] == "total")
    mixed_6b = next(row for row in rows if row["path"] == "Mixed_6b")
    assert (int(total["params"]), int(total["macs"])) == (TOTAL_PARAMS, TOTAL_MACS)
    blocks = [row for row in rows if row["level"] == "0" and row["row"] != "total"]
    children = [row for row in rows if row["level"] == "1"]
    for key in ("params", "macs", "weight_bytes"):
        assert sum(int(row[key] or 0) for row in blocks) == int(total[key])
        assert sum(int(row[key]) for row in children) == int(mixed_6b[key])
    assert sum(float(row["share"] or 0) for row in blocks) == pytest.approx(1.0, abs=1e-12)


def test_a_page_says_what_it_is() -> None:
    """A page of its own has one head: its characters, and colours as its reader has them."""
    page = html.page([INCEPTION, INCEPTION])
    head, body = page.split("</head>")
    assert head.startswith("<!doctype html>")
    assert '<meta charset="utf-8">' in head
    assert '<meta name="color-scheme" content="light dark">' in head
    assert f"<title>{INCEPTION.title}</title>" in head
    assert body.count("<table>") == 2
    assert page.count("<html") == page.count("<body>") == 1


def test_short_texts_leave_room_for_others() -> None:
    """Only a column of which a text is long is wide and folds in HTML."""
    columns = (Column("unit", "unit", "text", prose=8), Column("why", "why", "text", prose=8))
    long = " ".join(["word"] * 9)
    shown = html.render(Table("", columns, (Row(("MACs", "short")), Row(("MACs", long)))))
    assert '<td class="text">MACs</td><td class="prose">short</td>' in shown


def test_csv_of_a_numpy_float() -> None:
    """A float of another library is written as a float, without the name of its type."""
    table = Table("", (Column("share", "share", "share"),), (Row((np.float64(0.5),)),))
    assert FORMATS["csv"](table) == "share,level,row\n0.5,0,normal\n"


def test_markdown_adds_up() -> None:
    """In the exact Markdown, the blocks of level 0 add up to the total."""
    lines = (GOLDEN / "inception_v3_exact.md").read_text(encoding="utf-8").splitlines()
    grid = [line.strip("| ").split(" | ") for line in lines if line.startswith("|")][2:]
    for index in (2, 3, 4):
        *parts, total = [
            int(cell.strip("*").replace(",", "").removesuffix(" B"))
            for name, cell in ((row[0], row[index]) for row in grid)
            if not name.startswith("&nbsp;") and cell != "\N{EN DASH}"
        ]
        assert sum(parts) == total


def test_a_golden_file_can_differ(tmp_path: Path) -> None:
    """A changed text fails, a missing file fails, and the flag mends both."""
    path = tmp_path / "a.txt"
    with pytest.raises(AssertionError, match="missing"):
        compare(path, "a\n", regenerate=False)
    compare(path, "a\n", regenerate=True)
    with pytest.raises(AssertionError, match="differs"):
        compare(path, "b\n", regenerate=False)


def loaded(code: str) -> set[str]:
    """The modules that are loaded once this code has run in a Python of its own."""
    command = [sys.executable, "-c", f"import sys; {code}; print(*sys.modules)"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_rich_loads_only_for_a_terminal() -> None:
    """Importing the renderers loads neither rich nor torch."""
    assert not loaded("import costlab.render") & {"rich", "torch"}


def test_rich_would_show() -> None:
    """The guard above can fail: a table for a terminal does load rich."""
    code = "from tests.render.inception import INCEPTION; from costlab.render import terminal"
    assert "rich" in loaded(f"{code}; terminal.render(INCEPTION)")
