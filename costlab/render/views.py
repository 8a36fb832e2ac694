"""Documents as tables: what is worth a row, a column and a note.

Knows documents, not text: numbers stay raw, and a renderer writes them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from costlab.blocks import Block
from costlab.cost import Cost
from costlab.errors import UsageError
from costlab.render.columns import DEFAULT, READINGS, Reading, reading, readings
from costlab.render.groups import HEADING, By, by_column, features, group_rows, grouped
from costlab.render.parameters import parameter_notes
from costlab.render.selection import Item, automatic_depth, matching, own_row, select
from costlab.render.table import Column, Row, Table, Value
from costlab.units import binary_bytes, exact, si

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from costlab.report import Report

SHOWN_UNKNOWN = 8
"""Unknown operations that have a warning each; the first is of the most elements."""
SHOWN_FOLDS = 4
"""Rows of several equal blocks of which a note says what one costs."""


@dataclass(frozen=True, slots=True)
class Show:
    """What of a report is shown; None for `depth` lets the report decide.

    None for `columns` is the usual ones; a page too narrow for all that are named shows the first.
    `fold` shows equal neighbours in one row; `by` says what a row is.
    """

    depth: int | None = None
    modules: tuple[str, ...] = ()
    sort: str | None = None
    ascending: bool = False
    top: int | None = None
    columns: tuple[str, ...] | None = None
    fold: bool = True
    by: By = "module"


def report_table(report: Report, show: Show | None = None) -> Table:
    """A row a block, then the total, then what a reader must know of the numbers.

    Raises:
        UsageError: a column or a module of `show` that the report does not have.
    """
    show = show or Show()
    if show.by != "module":
        return _group_table(report, show)
    shown = readings(show.columns or DEFAULT, report)
    if show.modules:
        blocks = matching(report.root, show.modules)
        depth = 1 if show.depth is None else show.depth
        items: list[Item] = []
        total = Block("", "", report.root.own.__class__(), children=blocks)
        label = f"{len(blocks)} matched"
    else:
        blocks, total = report.blocks, report.root
        label = "total" if report.complete else "until it stopped"
        automatic = automatic_depth(report.root, fold=show.fold)
        depth = automatic if show.depth is None else show.depth
        items = own_row(report.root, 0)
    if depth > 0:
        order = _order(show.sort, report) if show.sort else None
        largest = order or (lambda block: block.cost.macs)
        # Who names modules sees each of them, and equal ones below as one.
        first = 1 if show.modules else 0
        items = [
            *select(
                blocks,
                depth=depth,
                measure=largest,
                order=order,
                ascending=show.ascending,
                top=show.top,
                fold=first if show.fold else None,
            ),
            *items,
        ]
    else:
        items = []
    # What a block does itself is worth a row only where it shows a number.
    rows = [
        row
        for item in items
        if any((row := _row(item, shown, report)).cells[1:]) or item.hidden or item.label is None
    ]
    rows.append(Row((label, *_cells(total, shown, report)), 0, "total"))
    return Table(
        title=_title(report),
        columns=(Column("block", "block", "path"), *_columns(shown, show)),
        rows=tuple(rows),
        notes=(*_folds(items), *_notes(report)),
        definitions=(report.convention,),
        warnings=tuple(_warnings(report)),
        choice="--columns",
    )


def _group_table(report: Report, show: Show) -> Table:
    """A row an operation, or a kind of module; the notes are those of every report."""
    blocks, label = list(report.root.walk()), "total"
    if show.modules:
        matched = matching(report.root, show.modules)
        blocks, label = [below for block in matched for below in block.walk()], "total matched"
    shown = features(show.columns, show.by, report)
    rows = group_rows(
        grouped(blocks, show.by),
        shown,
        report,
        label,
        sort=by_column(show.sort, show.by, report) if show.sort else None,
        ascending=show.ascending,
        top=show.top,
    )
    return Table(
        title=_title(report),
        columns=(HEADING[show.by], *(feature.column for feature in shown)),
        rows=rows,
        notes=tuple(_notes(report)),
        definitions=(report.convention,),
        warnings=tuple(_warnings(report)),
        choice="--columns",
    )


def _title(report: Report) -> str:
    title = f"{report.model} · {report.mode} · {', '.join(report.inputs)}"
    return title if report.complete else f"{title} · incomplete: the forward stopped"


def _columns(shown: list[Reading], show: Show) -> Iterator[Column]:
    """The columns; of those that are named the last can be spared first, that sorted by never."""
    for index, (column, _) in enumerate(shown):
        spare = column.spare if show.columns is None else index
        yield replace(column, spare=0 if column.key == show.sort else spare)


def _order(name: str, report: Report) -> Callable[[Block], int]:
    chosen = reading(name, report)
    if not chosen.column.numeric:
        numbers = ", ".join(known for known, reading in READINGS.items() if reading.column.numeric)
        message = f"cannot sort by {name!r}: it is not a number. Sort by one of {numbers}."
        raise UsageError(message)

    def order(block: Block) -> int:
        value = block.cost.macs if name == "share" else chosen.value(block, report)
        return value if isinstance(value, int) else 0

    return order


def _row(item: Item, shown: list[Reading], report: Report) -> Row:
    path = item.label or item.block.path
    emphasis = "remainder" if item.label else "normal"
    if not item.label and not any(block.calls for block in item.block.walk()):
        emphasis = "dim"
    return Row((path, *_cells(item.block, shown, report)), item.depth, emphasis, item.times)  # type: ignore[arg-type]  # one of three literals


def _cells(block: Block, shown: list[Reading], report: Report) -> tuple[Value, ...]:
    return tuple(column.value(block, report) for column in shown)


def _folds(items: list[Item]) -> Iterator[str]:
    """What one of the blocks costs that share a row; of those in one another the outermost."""
    told: list[str] = []
    inside: int | None = None
    for item in items:
        if inside is not None and item.depth > inside:
            continue
        inside = None
        if item.times > 1:
            inside = item.depth
            cost = Cost(*(count // item.times for count in item.block.cost))
            told.append(
                f"{item.block.path} is the sum of {item.times} equal blocks of "
                f"{si(cost.macs)} MACs and {si(cost.params)} params each"
            )
    if told:
        more = f"; and {len(told) - SHOWN_FOLDS} more such" if len(told) > SHOWN_FOLDS else ""
        yield f"{'; '.join(told[:SHOWN_FOLDS])}{more} (--no-fold shows each)."


def _notes(report: Report) -> Iterable[str]:
    total, coverage = report.total, report.coverage
    least = "A lower bound: " if report.is_lower_bound else ""
    if not report.complete:
        least = "Incomplete, until the forward stopped: "
    yield (
        f"{least}{exact(total.macs)} MACs · {exact(total.flops)} FLOPs · "
        f"{exact(total.params)} params, {exact(total.params_executed)} of them executed · "
        f"depth {total.depth} · peak activations {binary_bytes(total.peak_activation_bytes)}"
    )
    yield from parameter_notes(report)
    yield (
        f"Operations: {coverage.priced} priced by a rule, {coverage.free} free, "
        f"{sum(unknown.calls for unknown in coverage.unknown)} unknown."
    )


def _warnings(report: Report) -> Iterable[str]:
    yield from report.warnings
    for unknown in report.coverage.unknown[:SHOWN_UNKNOWN]:
        calls = "1 call" if unknown.calls == 1 else f"{unknown.calls} calls"
        yield (
            f"unknown: {unknown.op} in {unknown.scope or report.model}, {calls}, "
            f"{si(unknown.elements)} elements; docs/adding-an-op.md tells how to price it"
        )


def report_html(report: Report) -> str:
    """The report as an HTML fragment, for a notebook."""
    from costlab.render import html

    return html.render(report_table(report))
