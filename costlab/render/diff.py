"""A difference as tables: the totals before and after, and the tree of what changed, with reasons.

Knows documents, not text layout: a renderer lays the tables out. Sizes are text here, because a
change needs its sign; programs read the raw numbers of `diff_data`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from costlab.budgets.wording import CLASS, among, growth, joined, reason, signed
from costlab.cost import METRICS
from costlab.render import markdown
from costlab.render.cells import quantity
from costlab.render.table import Column, Row, Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from costlab.budgets.difference import BlockChange, Change, Delta, Difference
    from costlab.units import Units

MARKS: dict[Change, str] = {
    "changed": "~",
    "added": "+",
    "removed": "-",
    "renamed": "=",
    "same": "",
}
ITSELF = "(itself)"
TITLES = {
    "macs": "MACs",
    "flops": "FLOPs",
    "params_executed": "params executed",
    "peak_activation_bytes": "peak activation",
}
ROWS = 30
"""Rows of a tree whose depth nobody asked for."""
READABLE = 30
"""Cells of a line of a reason."""


def diff_tables(found: Difference, depth: int | None = None, units: Units = "si") -> list[Table]:
    """The table of totals, and the tree of changes, if there are any, to a depth of blocks."""
    names = ("metric", "base", "head", "change", "percent")
    titles, *rows = _aligned(
        [names, *(_total(name, delta, units) for name, delta in found.totals.items())]
    )
    totals = Table(
        found.headline,
        tuple(
            Column(key, title, "text", sized=key != "metric")
            for key, title in zip(names, titles, strict=True)
        ),
        tuple(map(Row, rows)),
        warnings=found.warnings,
    )
    tree = _tree(found, depth, units)
    return [totals, tree] if tree.rows else [totals]


def diff_markdown(found: Difference, depth: int | None = None, units: Units = "si") -> str:
    """The difference for a pull request: the tree stands folded below the totals."""
    totals, *trees = diff_tables(found, depth, units)
    folded = [
        f"<details>\n<summary>{tree.title}</summary>\n\n"
        f"{markdown.render(replace(tree, title=''))}\n</details>\n"
        for tree in trees
    ]
    return "\n".join([markdown.render(totals), *folded])


def diff_data(found: Difference) -> Table:
    """A row a change, with every number before, after and between; the totals last."""
    columns = (
        Column("path", "block", "path"),
        Column("base_path", "was", "path"),
        Column("kind", "kind", "text"),
        Column("change", "change", "text"),
        *(
            Column(f"{name}{part}", name, "count")
            for name in METRICS
            for part in ("_base", "_head", "")
        ),
        Column("why", "why", "text"),
    )
    rows = []
    waiting = [(block, 0) for block in reversed(found.blocks)]
    while waiting:
        block, depth = waiting.pop()
        waiting += [(child, depth + 1) for child in reversed(block.children)]
        named = (block.path, block.base_path or None, block.kind, block.change)
        rows.append(Row((*named, *_numbers(block.deltas), reason(block)), depth))
    total = (None, None, None, "same" if found.is_same else "changed")
    rows.append(Row((*total, *_numbers(found.totals), found.headline), 0, "total"))
    return Table("", columns, tuple(rows))


def _numbers(deltas: Mapping[str, Delta]) -> Iterator[int | None]:
    for name in METRICS:
        delta = deltas[name]
        yield from (delta.base, delta.head, delta.amount)


def _total(name: str, delta: Delta, units: Units) -> tuple[str, ...]:
    amount = signed(_size(name, abs(delta.amount), units), delta.amount)
    base, head = (_size(name, value or 0, units) for value in (delta.base, delta.head))
    if units == "si" and base == head and delta.amount:
        # Rounded, the two look the same: the digits that tell them apart are shown.
        base, head = (_size(name, value or 0, "exact") for value in (delta.base, delta.head))
    changed = (amount, growth(delta)) if delta.amount else ("same", "")
    return (TITLES.get(name, name), base, head, *changed)


def _size(name: str, value: int, units: Units) -> str:
    kind = Column(name, name, "bytes" if name.endswith("bytes") else "count")
    return str(quantity(kind, value, units=units))


def _aligned(rows: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Rows of text of which all but the first cell end in one line, as numbers do."""
    first, *others = zip(*rows, strict=True)
    return list(zip(first, *map(_right, others), strict=True))


class Line(NamedTuple):
    """A row of the tree: a change, how deep it stands, and what of it is told here."""

    change: BlockChange
    depth: int
    why: str


def _tree(found: Difference, depth: int | None, units: Units) -> Table:
    blocks = _telling(found.blocks)
    lines = [line for block in blocks for line in _lines(block, 0)]
    deepest = max((line.depth for line in lines), default=0)
    if depth is None:
        depth = 1 + max(
            (level for level in range(deepest + 1) if _count(lines, level) <= ROWS), default=0
        )
    shown = [line for block in blocks for line in _lines(block, 0, depth)]
    hidden = len(lines) - len(shown)
    notes = ["~ changed, + added, - removed, = renamed; blocks that are the same are left out."]
    if hidden:
        more = "1 more row" if hidden == 1 else f"{hidden} more rows"
        notes.append(f"{more} further down: --depth {deepest + 1} shows all.")
    titles, *numbers = _aligned(
        [("", "MACs", "percent", "params"), *(_amounts(line.change, units) for line in shown)]
    )
    columns = (
        Column("change", "", "text"),
        Column("block", "block", "path"),
        Column("macs", titles[1], "text", sized=True),
        Column("percent", titles[2], "text", sized=True),
        Column("params", titles[3], "text", spare=1, sized=True),
        Column("why", "why", "text", prose=READABLE),
    )
    rows = tuple(
        Row((mark, line.change.path or ITSELF, *amounts, line.why), line.depth)
        for line, (mark, *amounts) in zip(shown, numbers, strict=True)
    )
    return Table("What changed, and why", columns, rows, tuple(notes) if rows else ())


def _count(lines: list[Line], level: int) -> int:
    return sum(line.depth <= level for line in lines)


def _right(texts: tuple[str, ...]) -> list[str]:
    width = max(map(len, texts))
    return [text.rjust(width) for text in texts]


def _amounts(change: BlockChange, units: Units) -> tuple[str, ...]:
    """The mark of a change, and by how much it changed."""
    macs, params = (
        signed(_size(name, abs(change.deltas[name].amount), units), change.deltas[name].amount)
        for name in ("macs", "params")
    )
    return MARKS[change.change], macs, growth(change.deltas["macs"]), params


def _lines(change: BlockChange, level: int, depth: int | None = None) -> Iterator[Line]:
    """The row of a change, and those of what is below it and worth one."""
    below = _below(change)
    if len(below) == 1 and set(below[0].causes) <= set(change.causes) and not _below(below[0]):
        below = []  # a wrapper: its reason is that of the one layer in it
    deeper = depth is None or level + 1 < depth
    yield Line(change, level, _why(change, below if deeper else []))
    if deeper:
        for child in below:
            yield from _lines(child, level + 1, depth)


def _below(change: BlockChange) -> list[BlockChange]:
    """The children that are worth a row."""
    return _telling(change.children)


def _telling(changes: tuple[BlockChange, ...]) -> list[BlockChange]:
    """The changes that tell why: where some cost or save something, not those that do not."""
    telling = [
        change
        for change in changes
        if any(cause.macs for cause in change.causes)
        or any(each.change != "changed" for each in change.walk())
    ]
    return telling if any(change.deltas["macs"].amount for change in changes) else list(changes)


def _why(change: BlockChange, shown: list[BlockChange]) -> str:
    """Why a block changed, without what the rows below it tell."""
    if not shown:
        return reason(change)
    told = {cause for child in shown for cause in child.causes}
    names = tuple(f"{child.path.rpartition('.')[2]}: " for child in shown)
    own = [
        cause
        for cause in change.causes
        if cause not in told
        and not cause.text.startswith(names)
        and (cause.macs or not change.deltas["macs"].amount or cause.text.startswith(CLASS))
    ]
    before = change.base_path.rpartition(".")[2]
    was = [f"was {before}"] if before and before != change.path.rpartition(".")[2] else []
    return joined([*was, *among(own)])
