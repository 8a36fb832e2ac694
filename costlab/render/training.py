"""What a step of training costs as a table: forward, gradients and what is kept, block by block.

Knows reports, not text: numbers stay raw, and a renderer writes them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from costlab.render.selection import Item, automatic_depth, matching, own_row, select
from costlab.render.table import Column, Row, Table, Value
from costlab.render.views import Show
from costlab.training.document import NOTHING, BlockCost, Training
from costlab.units import binary_bytes, exact

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from costlab.report import Report

COLUMNS = (
    Column("block", "block", "path"),
    Column("forward_macs", "forward", "count", spare=2),
    Column("input_gradient_macs", "input grad.", "count"),
    Column("weight_gradient_macs", "weight grad.", "count"),
    Column("recomputed_macs", "recomputed", "count", spare=3),
    Column("training_macs", "MACs", "count", spare=1),
    Column("saved_bytes", "saved", "bytes"),
)


def training_table(report: Report, show: Show | None = None) -> Table:
    """A row a block that takes part in training, the total, and the memory of a step in words.

    Raises:
        UsageError: a module of `show` that the report does not have.
        ValueError: the report has no training part.
    """
    training = report.training
    if training is None:
        message = "the report is not of a step of training: analyze with mode='train'"
        raise ValueError(message)
    show = show or Show()
    if show.modules:
        blocks = matching(report.root, show.modules)
        depth = 1 if show.depth is None else show.depth
        label, own = f"{len(blocks)} matched", []
    else:
        blocks, label, own = report.blocks, "total", own_row(report.root, 0)
        depth = automatic_depth(report.root) if show.depth is None else show.depth
    items: list[Item] = []
    if depth > 0:
        items = select(
            blocks,
            depth=depth,
            measure=lambda block: training.block(block.path).macs,
            top=show.top,
        )
        items += own
    shown = [index for index, column in enumerate(COLUMNS) if _is_shown(column, training)]
    rows = []
    for item in items:
        cost = _cost(item, training)
        if any(cost):
            path = item.label or item.block.path
            emphasis = "remainder" if item.label else "normal"
            cells = (path, *_cells(cost))
            rows.append(Row(tuple(cells[at] for at in shown), item.depth, emphasis))  # type: ignore[arg-type]  # one of two literals
    whole = training.total
    if show.modules:
        whole = _sum(training.block(block.path) for block in blocks)
    total = (label, *_cells(whole))
    rows.append(Row(tuple(total[at] for at in shown), 0, "total"))
    return Table(
        title=f"{report.model} · a step of training with {training.optimizer}",
        columns=tuple(COLUMNS[at] for at in shown),
        rows=tuple(rows),
        notes=tuple(training_notes(training)),
        definitions=(training.convention,),
        warnings=tuple(_warnings(training)),
    )


def _is_shown(column: Column, training: Training) -> bool:
    """Nothing is computed anew in most networks."""
    return column.key != "recomputed_macs" or training.total.recomputed_macs > 0


def _cells(cost: BlockCost) -> tuple[Value, ...]:
    *macs, saved = cost
    return (*macs, cost.macs, saved)


def _cost(item: Item, training: Training) -> BlockCost:
    """What a row stands for: a block and those below it, itself alone, or those left out."""
    if item.hidden:
        return _sum(training.block(block.path) for block in item.block.children)
    if item.label:
        return training.own.get(item.block.path, NOTHING)
    return training.block(item.block.path)


def _sum(costs: Iterable[BlockCost]) -> BlockCost:
    total = NOTHING
    for cost in costs:
        total = total.plus(cost)
    return total


def training_notes(training: Training) -> Iterator[str]:
    """The sums of a step in words, and what its memory is made of."""
    total, memory = training.total, training.memory
    least = "At least " if training.is_lower_bound else ""
    times = f", {total.macs / total.forward_macs:.2f} × forward" if total.forward_macs else ""
    yield (
        f"{least}{exact(total.macs)} MACs{times} · update of {exact(training.trainable)} "
        f"parameters: {exact(training.optimizer_flops)} FLOPs"
    )
    yield (
        f"Memory: parameters {binary_bytes(memory.parameter_bytes)}, their gradients "
        f"{binary_bytes(memory.gradient_bytes)}, {training.optimizer} "
        f"{binary_bytes(memory.optimizer_state_bytes)}, saved for the backward "
        f"{binary_bytes(total.saved_bytes)} · peak {binary_bytes(memory.peak_bytes)}, of which "
        f"activations and their gradients up to {binary_bytes(memory.peak_activation_bytes)}"
    )


def _warnings(training: Training) -> Iterator[str]:
    if training.unpriced:
        yield (
            f"no rule prices the backward of {', '.join(training.unpriced)}: the gradients are a "
            "lower bound"
        )
    if training.handwritten:
        yield (
            f"the backward of {', '.join(training.handwritten)} is the model's own and is not run: "
            "it is priced as if autograd differentiated its forward, an estimate"
        )
    if training.assumed:
        yield (
            f"what {', '.join(training.assumed)} keeps for the backward is an estimate: it differs "
            "from kernel to kernel"
        )
