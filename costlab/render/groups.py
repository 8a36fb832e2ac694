"""A report by operation or by kind of module: what is alike in one row, wherever it stands.

Knows blocks and reports, not text. The rows add up to the model, or to the modules asked for.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal, NamedTuple

from costlab.blocks import WRITERS, Block, OpTally
from costlab.cost import Cost
from costlab.errors import UsageError, did_you_mean
from costlab.render.columns import READINGS, reading
from costlab.render.table import Column, Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from costlab.render.table import Emphasis, Value
    from costlab.report import Report

By = Literal["module", "op", "kind"]

UNCOUNTED = frozenset({"unknown", "unseen"})
"""Families of operations of which nothing is known but what they read and wrote."""


class Group(NamedTuple):
    """What is alike, as one block, which is its sum; `modules` is in how many it was found.

    Where it is not `counted`, a zero is none: nobody knows what an unknown operation computes.
    """

    name: str
    block: Block
    modules: int = 0
    counted: bool = True


class Feature(NamedTuple):
    """A column, and the value that a group has in it."""

    column: Column
    value: Callable[[Group, Report], Value]


def _of_block(name: str, report: Report | None = None) -> Feature:
    """A column of blocks, for groups."""
    column, value = READINGS[name] if report is None else reading(name, report)
    return Feature(column, lambda group, report: value(group.block, report))


def _computed(name: str) -> Feature:
    """A column of blocks that an unknown operation has no number in."""
    column, value = READINGS[name]
    return Feature(
        column,
        lambda group, report: value(group.block, report) if group.counted else None,
    )


OP: dict[str, Feature] = {
    "family": Feature(
        Column("family", "family", "text", spare=6),
        lambda group, _: group.block.ops[0].family if group.block.ops else None,
    ),
    "calls": Feature(
        Column("calls", "calls", "count", spare=3), lambda group, _: group.block.calls
    ),
    "elements": Feature(
        Column("elements", "elements", "count", spare=5),
        lambda group, _: sum(op.elements for below in group.block.walk() for op in below.ops),
    ),
    **{name: _computed(name) for name in ("macs", "share", "flops", "activations")},
    "bytes": _of_block("bytes"),
}
KIND: dict[str, Feature] = {
    "modules": Feature(
        Column("modules", "modules", "count", spare=6), lambda group, _: group.modules
    ),
    **{
        name: _of_block(name)
        for name in (
            *("calls", "params", "params_executed", "macs", "share", "flops"),
            *("activations", "bytes"),
        )
    },
}
DEFAULT: dict[str, tuple[str, ...]] = {
    "op": ("family", "calls", "elements", "macs", "share", "flops", "bytes"),
    "kind": ("modules", "params", "macs", "share", "flops", "activations", "bytes"),
}
HEADING: dict[str, Column] = {
    "op": Column("op", "operation", "path", whole=True),
    "kind": Column("kind", "kind", "path", whole=True),
}


def features(names: tuple[str, ...] | None, by: By, report: Report) -> list[Feature]:
    """The columns of these names, the usual ones if none are named.

    Raises:
        UsageError: a column that groups of this sort have no value in.
    """
    shown = [_feature(name, by, report) for name in names or DEFAULT[by]]
    if names is None:
        return shown
    # Of columns that were chosen the last can be spared first.
    return [
        feature._replace(column=replace(feature.column, spare=place))
        for place, feature in enumerate(shown)
    ]


def _feature(name: str, by: By, report: Report) -> Feature:
    known = OP if by == "op" else KIND
    if name in known:
        return known[name]
    if by == "kind" and "." in name:
        return _of_block(name, report)
    message = (
        f"there is no column {name!r} by {by}.{did_you_mean(name, known)} Columns by {by}: "
        f"{', '.join(known)}{'; and FAMILY.MEASURE' if by == 'kind' else ''}."
    )
    raise UsageError(message)


def grouped(blocks: Sequence[Block], by: By) -> list[Group]:
    """What the blocks do themselves, by operation or by kind of module; all of it, once."""
    found = _by_op(blocks) if by == "op" else _by_kind(blocks)
    return [group for group in found if group.block.ops or group.block.own != Cost()]


def _by_op(blocks: Iterable[Block]) -> Iterator[Group]:
    tallies: dict[tuple[str, str], list[OpTally]] = {}
    for block in blocks:
        for op in block.ops:
            tallies.setdefault((op.op, op.family), []).append(op)
    for (op_name, family), ops in tallies.items():
        columns = zip(*(op[2:7] for op in ops), strict=True)
        calls, elements, macs, flops, moved = map(sum, columns)
        own = Cost(macs, flops, 0, 0, elements if family in WRITERS else 0, moved)
        tally = OpTally(op_name, family, calls, elements, macs, flops, moved)
        block = Block("", "", own, calls=calls, ops=(tally,))
        yield Group(op_name, block, len(ops), family not in UNCOUNTED)


def _by_kind(blocks: Iterable[Block]) -> Iterator[Group]:
    kinds: dict[str, list[Block]] = {}
    for block in blocks:
        kinds.setdefault(block.kind, []).append(block)
    for kind, alike in kinds.items():
        own = Cost(*map(sum, zip(*(block.own for block in alike), strict=True)))
        ops = tuple(op for block in alike for op in block.ops)
        calls = sum(block.calls for block in alike)
        yield Group(kind, Block("", kind, own, calls=calls, ops=ops), len(alike))


def group_rows(
    groups: list[Group],
    shown: list[Feature],
    report: Report,
    label: str,
    *,
    sort: Feature | None = None,
    ascending: bool = False,
    top: int | None = None,
) -> tuple[Row, ...]:
    """A row a group, the largest first; the rest of `top` in one row, and the total in the last.

    Unknown operations follow, whatever `top` says: what is not counted is always named.
    """

    def order(group: Group) -> tuple[float, ...]:
        if sort is None:
            cost = group.block.cost
            return cost.macs, cost.flops, cost.bytes
        value = sort.value(group, report)
        return (value if isinstance(value, int | float) else 0,)

    def row(group: Group, emphasis: Emphasis = "normal") -> Row:
        cells = tuple(feature.value(group, report) for feature in shown)
        return Row((group.name, *cells), emphasis=emphasis)

    counted = [group for group in groups if group.counted]
    kept = sorted(counted, key=order, reverse=True)[:top]
    hidden = [group for group in counted if group not in kept]
    rows = [row(group) for group in sorted(kept, key=order, reverse=not ascending)]
    if hidden:
        rows.append(row(_together(f"and {len(hidden)} more", hidden), "remainder"))
    rows += [row(group) for group in groups if not group.counted]
    return (*rows, row(_together(label, groups), "total"))


def _together(name: str, groups: list[Group]) -> Group:
    """Several groups as one."""
    return Group(
        name,
        Block(
            "",
            "",
            Cost(),
            tuple(group.block for group in groups),
            calls=sum(group.block.calls for group in groups),
        ),
        sum(group.modules for group in groups),
    )


def by_column(name: str, by: By, report: Report) -> Feature:
    """The column to sort by.

    Raises:
        UsageError: there is none of this name, or it is not a number.
    """
    feature = _feature(name, by, report)
    if not feature.column.numeric:
        message = f"cannot sort by {name!r}: it is not a number"
        raise UsageError(message)
    return feature
