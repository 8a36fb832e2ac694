"""Equal neighbours in one row: what is equal, what is summed, and where it is not done."""

from collections.abc import Iterator

import pytest

from costlab.blocks import Block, OpTally
from costlab.cost import METRICS, Cost
from costlab.graph import TensorSpec
from costlab.render import csv, html, markdown, terminal
from costlab.render.folding import runs, same
from costlab.render.selection import Item, automatic_depth, select
from costlab.render.views import Show, report_table
from costlab.report import Covered, Report, Total

SHAPE = TensorSpec((1, 16, 8))


def layer(path: str, *, macs: int = 64, kind: str = "Layer", **changed: Cost) -> Block:
    """A layer of two parts, which also adds their results itself."""
    ops = (OpTally("linear", "linear", 1, 128, macs, 2 * macs, 512, {"channels": (8, 8)}),)
    return Block(
        path,
        kind,
        changed.get("own", Cost(flops=128, bytes=1024)),
        (
            Block(f"{path}.attn", "Linear", Cost(macs, 2 * macs, 72, 72, 128, 512), (), 1, (), ops),
            Block(f"{path}.norm", "LayerNorm", Cost(0, 640, 16, 16, 0, 768), (), 1),
        ),
        1,
        (SHAPE,),
    )


def network(*layers: Block) -> Block:
    """A root with a stem, a list of layers, and a head."""
    stem = Block("stem", "Linear", Cost(macs=10), (), 1)
    head = Block("head", "Linear", Cost(macs=20), (), 1)
    return Block("", "Net", Cost(), (stem, Block("h", "ModuleList", Cost(), layers), head), 1)


TWELVE = network(*(layer(f"h.{n}") for n in range(12)))


def report(root: Block) -> Report:
    """A report on a tree of blocks."""
    total = Total(
        **{name: getattr(root.cost, name) for name in METRICS}, peak_activation_bytes=0, depth=1
    )
    return Report("net", "eval", ("f32[1]",), total, Covered(1, 0), root, {})


def test_a_run_is_its_sum() -> None:
    """The block of a run costs what its members cost together, and so does each part of it."""
    (found,) = runs(TWELVE.children[1].children)
    assert (found.block.path, found.times) == ("h.0…11", 12)
    assert found.block.cost == TWELVE.children[1].cost
    assert [child.path for child in found.block.children] == ["h.0…11.attn", "h.0…11.norm"]
    assert found.block.children[0].cost.macs == 12 * 64
    assert found.block.tally("linear")[2:7] == (12, 12 * 128, 12 * 64, 12 * 128, 12 * 512)
    assert found.block.calls == 12
    assert found.block.outputs == (SHAPE,)


@pytest.mark.parametrize(
    "other",
    [
        layer("h.1", macs=65),
        layer("h.1", kind="Wider"),
        layer("h.1", own=Cost(flops=127, bytes=1024)),
        Block("h.1", "Layer", Cost(flops=128, bytes=1024), layer("h.1").children[:1], 1, (SHAPE,)),
        Block("h.1", "Layer", layer("h.1").own, layer("h.1").children, 2, (SHAPE,)),
        Block("h.1", "Layer", layer("h.1").own, layer("h.1").children, 1, ()),
        Block(
            "h.1",
            "Layer",
            layer("h.1").own,
            (
                Block("h.1.mlp", *layer("h.1").children[0][1:-1]),
                layer("h.1").children[1],
            ),
            1,
            (SHAPE,),
        ),
        Block(
            "h.1",
            "Layer",
            layer("h.1").own,
            (
                Block(
                    *layer("h.1").children[0][:-2],
                    (layer("h.1").children[0].ops[0]._replace(attributes={"channels": (4, 16)}),),
                ),
                layer("h.1").children[1],
            ),
            1,
            (SHAPE,),
        ),
    ],
    ids=["macs", "kind", "own", "children", "calls", "output", "name", "attribute"],
)
def test_what_is_not_the_same(other: Block) -> None:
    """A difference in cost, class, calls, output, a name or an attribute keeps rows apart."""
    assert same(layer("h.0"), layer("h.1"))
    assert not same(layer("h.0"), other)


def test_two_are_not_folded() -> None:
    """Neighbours share a row from three on, and a stranger between them parts them."""
    blocks = [
        layer("h.0"),
        layer("h.1"),
        layer("h.2", macs=1),
        *(layer(f"h.{n}") for n in (3, 4, 5)),
    ]
    found = [(run.block.path, run.times) for run in runs(blocks)]
    assert found == [("h.0", 1), ("h.1", 1), ("h.2", 1), ("h.3…5", 3)]


def below(items: list[Item]) -> Iterator[tuple[Cost, Cost]]:
    """Each row with rows below it, and what those add up to."""
    for index, item in enumerate(items):
        parts = []
        for other in items[index + 1 :]:
            if other.depth <= item.depth:
                break
            if other.depth == item.depth + 1:
                parts.append(other.block.cost)
        if parts:
            yield item.block.cost, sum(parts, Cost())


@pytest.mark.parametrize("top", [None, 1, 2])
@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_rows_add_up(depth: int, top: int | None) -> None:
    """With folded rows too, every level adds up to the one above, in every measure."""
    items = select(
        TWELVE.children, depth=depth, measure=lambda block: block.cost.macs, top=top, fold=0
    )
    assert sum((item.block.cost for item in items if item.depth == 0), Cost()) == TWELVE.cost
    assert all(whole == parts for whole, parts in below(items))


def test_a_list_of_nothing_else_is_its_run() -> None:
    """A row for the list would say what the row for its layers says."""
    items = select(TWELVE.children, depth=2, measure=lambda block: block.cost.macs, fold=0)
    assert [(item.block.path, item.depth, item.times) for item in items] == [
        ("stem", 0, 1),
        ("h.0…11", 0, 12),
        ("h.0…11.attn", 1, 1),
        ("h.0…11.norm", 1, 1),
        ("h.0…11", 1, 1),
        ("head", 0, 1),
    ]


def test_the_automatic_depth_counts_rows() -> None:
    """Twelve equal layers are one row, so that what is in them is shown as well."""
    root = Block("", "Net", Cost(), tuple(layer(f"{n}") for n in range(12)), 1)
    assert automatic_depth(root) == 1
    assert automatic_depth(root, fold=True) == 2


def test_each_format_says_how_many() -> None:
    """A folded row carries its factor; a screen reader and ASCII have words of their own."""
    table = report_table(report(TWELVE))
    assert "h.0…11 ×12" in terminal.render(table)
    assert "h.0...11 x12" in terminal.render(table, ascii=True)
    assert "h.0…11, 12 times" in terminal.render(table, accessible=True)
    assert "| `h.0…11` ×12 |" in markdown.render(table)
    assert "h.0…11 ×12</td>" in html.render(table)
    assert "12 equal blocks of 64 MACs and 88 params each" in table.notes[0]


def test_all_of_them_if_asked() -> None:
    """Unfolded, every layer has its row, and no note speaks of a sum."""
    table = report_table(report(TWELVE), Show(fold=False))
    paths = [row.cells[0] for row in table.rows]
    assert [f"h.{n}" for n in range(12)] == [p for p in paths if str(p).startswith("h.")]
    assert not any("equal blocks" in note for note in table.notes)
    assert "h.11," in csv.render(table)


def test_modules_that_are_named_are_shown_each() -> None:
    """A glob asks for rows; only what is below them is folded."""
    table = report_table(report(TWELVE), Show(modules=("h.*",)))
    assert len(table.rows) == 12 + 1
    (row, *_) = report_table(report(TWELVE), Show(modules=("h",), depth=2)).rows[1:]
    assert (row.cells[0], row.times) == ("h.0…11", 12)
