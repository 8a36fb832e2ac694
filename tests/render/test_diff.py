"""A difference as tables: what is shown, how deep, and that no name breaks a page."""

import csv
import io
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from costlab.budgets.difference import BlockChange, Cause, Change, Delta, Difference
from costlab.budgets.wording import growth, headline
from costlab.cost import METRICS
from costlab.render import FORMATS, html, markdown, terminal
from costlab.render.cells import literal
from costlab.render.csv import render as render_csv
from costlab.render.diff import MARKS, diff_data, diff_markdown, diff_tables
from costlab.report import Total

MACS = 1_000_000


def block(
    path: str,
    macs: int = MACS,
    change: Change = "changed",
    *children: BlockChange,
    causes: tuple[Cause, ...] | None = None,
) -> BlockChange:
    """A block that costs so much more, for one reason."""
    told = (Cause("out channels 8 → 16", macs),) if causes is None else causes
    deltas = {name: Delta(MACS, MACS + macs if name == "macs" else MACS) for name in METRICS}
    return BlockChange(path, "Conv2d", change, deltas, "", told, children)


def differing(*blocks: BlockChange, base: str = "main", head: str = "branch") -> Difference:
    """A difference of these blocks."""
    amount = sum(change.deltas["macs"].amount for change in blocks)
    totals = {name: Delta(10 * MACS, 10 * MACS) for name in Total.__slots__}
    totals["macs"] = Delta(10 * MACS, 10 * MACS + amount)
    return Difference(base, head, totals, blocks, headline((base, head), totals, blocks), {})


def text(found: Difference, depth: int | None = None) -> str:
    """The tables as into a pipe."""
    return "\n".join(terminal.render(table, environ={}) for table in diff_tables(found, depth))


PAGE = f"""\
branch against main: +1.00 M MACs (+10.0 %), to 11.0 M. Most of it is in stem:
out channels 8 → 16.

metric               base      head   change  percent
{"─" * 53}
MACs               10.0 M    11.0 M  +1.00 M  +10.0 %
FLOPs              10.0 M    10.0 M     same
params             10.0 M    10.0 M     same
params executed    10.0 M    10.0 M     same
activations        10.0 M    10.0 M     same
peak activation  9.54 MiB  9.54 MiB     same
bytes            9.54 MiB  9.54 MiB     same
depth              10.0 M    10.0 M     same

What changed, and why

   block     MACs   percent  params  why
{"─" * 56}
~  stem   +1.00 M  +100.0 %       0  out channels 8 → 16
+  new       +500    +0.1 %       0  out channels 8 → 16

~ changed, + added, - removed, = renamed; blocks that are the same are left out.
"""


def test_a_table_and_a_tree() -> None:
    """The headline, a row a metric, and a row a change with its mark, size and reason."""
    assert text(differing(block("stem"), block("new", 500, "added"))) == PAGE


def test_signed_numbers_end_in_one_line() -> None:
    """On a page, too, changes stand below each other, digit below digit."""
    totals, tree = diff_tables(differing(block("stem")))
    assert [column.title.strip() for column in totals.columns if column.right] == [
        *("base", "head", "change", "percent")
    ]
    assert [column.key for column in tree.columns if column.right] == ["macs", "percent", "params"]
    rules = markdown.render(totals).splitlines()[3]
    assert rules == "| :--- | ---: | ---: | ---: | ---: |"
    assert '<td class="number">same</td>' in html.render(totals)


def test_no_tree_of_nothing() -> None:
    """Two that are the same have a headline and a table, and no tree."""
    found = differing()
    assert len(diff_tables(found)) == 1
    assert found.headline == "No difference: main and branch both take 10.0 M MACs."
    assert "<details>" not in diff_markdown(found)


def test_digits_that_tell_apart() -> None:
    """Where two rounded totals look the same, every digit is shown."""
    page = text(differing(block("stem", 5)))
    assert "10,000,000  10,000,005" in page
    assert "+<0.1 %" in page


def paths(found: Difference, depth: int | None = None) -> list[str | None]:
    """The blocks of the tree, by path."""
    _, tree = diff_tables(found, depth)
    return [str(row.cells[1]) for row in tree.rows]


def wrapped(path: str) -> BlockChange:
    """A module around one convolution, with a normalization that costs no multiply-adds."""
    idle = block(f"{path}.bn", 0, causes=(Cause("elements 8 → 16", 0),))
    return block(path, MACS, "changed", block(f"{path}.conv"), idle)


def test_a_wrapper_is_one_row() -> None:
    """What a module inherits from its one layer is told once; what costs nothing is left out."""
    found = differing(block("stem", 2 * MACS, "changed", wrapped("stem.a"), wrapped("stem.b")))
    assert paths(found) == ["stem", "stem.a", "stem.b"]


def test_the_depth() -> None:
    """As deep as one asks; by itself, as deep as there is room for, and the rest is counted."""
    deep = block("a", 9, "changed", block("a.b", 4), block("a.c", 5))
    assert paths(differing(deep)) == ["a", "a.b", "a.c"]
    assert paths(differing(deep), 1) == ["a"]
    assert "2 more rows further down: --depth 2 shows all." in text(differing(deep), 1)
    many = [
        block(f"m{n}", 9, "changed", block(f"m{n}.b", 4), block(f"m{n}.c", 5)) for n in range(20)
    ]
    assert len(paths(differing(*many))) == 20
    assert len(paths(differing(*many), 2)) == 60


def test_a_renamed_block() -> None:
    """A renamed block tells its former name."""
    renamed = BlockChange("trunk", "Conv2d", "renamed", block("x", 0).deltas, "body")
    assert "=  trunk" in text(differing(renamed))
    assert "was body" in text(differing(renamed))


def test_every_kind_has_its_mark() -> None:
    """What a row shows of the kind of a change is another for each."""
    assert len(set(MARKS.values())) == len(MARKS)


def test_the_data_adds_up() -> None:
    """In CSV every number is exact, and the outermost rows sum to the total."""
    found = differing(wrapped("stem"), block("gone", -MACS // 3, "removed"))
    rows = list(csv.DictReader(io.StringIO(render_csv(diff_data(found)))))
    outer = [int(row["macs"]) for row in rows if row["level"] == "0" and row["row"] != "total"]
    assert sum(outer) == int(rows[-1]["macs"]) == MACS - (MACS + 2) // 3
    assert [row["path"] for row in rows] == ["stem", "stem.conv", "stem.bn", "gone", ""]


HOSTILE = [
    "</details>",
    "</summary><script>alert(1)</script>",
    "a\n</details>\n\n# b",
    "a|b",
    "::error::x",
    "\x1b[31mred",
    "[x](http://example.org)",
    "`a` **b** <!-- c",
]


class Tags(HTMLParser):
    """Every element of a page, in order, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element begins."""
        del attrs
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        """Text between elements."""
        self.text += data


def page(name: str) -> Tags:
    """A Markdown page with the name wherever one can stand, as a browser has it."""
    told = block(name, causes=(Cause(f"{name}: out channels 8 → 16", MACS),))
    tags = Tags()
    tags.feed(MarkdownIt("gfm-like", {"linkify": False}).render(diff_markdown(
        differing(told, base=name, head=name)
    )))  # fmt: skip
    return tags


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_breaks_the_page(name: str) -> None:
    """In Markdown a name is text: the page has the elements that it has with any other name."""
    expected = [tag for tag in page("stem").tags if tag != "code"]
    assert [tag for tag in page(name).tags if tag != "code"] == expected
    assert literal(name) in page(name).text


def test_a_bare_name_would_break_it() -> None:
    """The test above can fail: what is not escaped is an element."""
    tags = Tags()
    tags.feed(MarkdownIt("gfm-like", {"linkify": False}).render("</details>\n<script>x</script>"))
    assert "script" in tags.tags


@given(st.text(), st.sampled_from(sorted(FORMATS)))
def test_no_name_raises_or_escapes(name: str, form: str) -> None:
    """In any format a name is on its line, and nothing of it acts on a terminal."""
    found = differing(block(name), base=name, head=name)
    for table in (*diff_tables(found), diff_data(found)):
        assert FORMATS[form](table).replace("\n", "").isprintable()


@given(st.integers(0, 10**40), st.integers(0, 10**40))
def test_growth_is_never_more_than_it_says(base: int, head: int) -> None:
    """No growth is said to be nothing, no rest to be nothing left, and the sign is right."""
    said = growth(Delta(base, head))
    assert (said == "0.0 %") == (base == head)
    assert (said == "−100.0 %") == (base > 0 and head == 0)
    if base and head != base:
        assert said[0] == ("+" if head > base else "−")


def test_growth_rounds() -> None:
    """Tenths of a per cent, half away from zero."""
    assert [growth(Delta(2000, 2000 + n)) for n in (1, 2, 3, -1, 20)] == [
        "+0.1 %", "+0.1 %", "+0.2 %", "−0.1 %", "+1.0 %",
    ]  # fmt: skip
