"""The columns that a report can show: what each is called, its kind, and what it reads.

Knows blocks and reports, not text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from costlab.blocks import Block
from costlab.errors import UsageError, did_you_mean
from costlab.ops import OPS
from costlab.render.table import Column, Value
from costlab.report import Report

Getter = Callable[[Block, Report], Value]


class Reading(NamedTuple):
    """A column and the value that a block has in it."""

    column: Column
    value: Getter


def _share(block: Block, report: Report) -> float | None:
    total = report.total.macs
    macs = _or_none(block.cost.macs, block)
    return macs / total if total and macs is not None else None


def _output(block: Block, _report: Report) -> tuple[int, ...] | None:
    """The shape of one sample of the first output: the batch axis is the same everywhere."""
    if not block.outputs:
        return None
    shape = block.outputs[0].shape
    return shape[1:] if len(shape) > 1 else shape


def _or_none(count: int, block: Block) -> int | None:
    """No number for a block that did not run."""
    return count if count or any(below.calls for below in block.walk()) else None


READINGS: dict[str, Reading] = {
    "kind": Reading(Column("kind", "kind", "text"), lambda block, _: block.kind),
    "calls": Reading(Column("calls", "calls", "count"), lambda block, _: block.calls or None),
    "output": Reading(Column("output", "output", "shape", spare=3), _output),
    "params": Reading(
        Column("params", "params", "count", spare=1), lambda block, _: block.cost.params
    ),
    "params_executed": Reading(
        Column("params_executed", "executed", "count"),
        lambda block, _: _or_none(block.cost.params_executed, block),
    ),
    "macs": Reading(
        Column("macs", "MACs", "count"), lambda block, _: _or_none(block.cost.macs, block)
    ),
    "share": Reading(Column("share", "of MACs", "share", spare=2), _share),
    "flops": Reading(
        Column("flops", "FLOPs", "count"), lambda block, _: _or_none(block.cost.flops, block)
    ),
    "activations": Reading(
        Column("activations", "activations", "count", spare=5),
        lambda block, _: _or_none(block.cost.activations, block),
    ),
    "bytes": Reading(
        Column("bytes", "bytes", "bytes", spare=4),
        lambda block, _: _or_none(block.cost.bytes, block),
    ),
}
"""The columns of a block; besides these, `FAMILY.MEASURE` reads the operations of a family."""

DEFAULT = ("output", "params", "macs", "share", "activations", "bytes")
MEASURES = ("calls", "elements", "macs", "flops", "bytes")


def readings(names: tuple[str, ...], report: Report) -> list[Reading]:
    """The columns of these names.

    Raises:
        UsageError: a name is no column and no `FAMILY.MEASURE` of the report's operations.
    """
    return [reading(name, report) for name in names]


def reading(name: str, report: Report) -> Reading:
    """The column of this name, such as `macs`, `pooling.flops` or `normalization.elements`.

    Raises:
        UsageError: no column is called so.
    """
    if name in READINGS:
        return READINGS[name]
    family, _, measure = name.partition(".")
    # A family that a network has none of reads as zero; a user's own is one if the report has it.
    found = {op.family for block in report.root.walk() for op in block.ops}
    families = sorted(found | {op.family for op in OPS.values()})
    if family not in families or measure not in MEASURES:
        known = [*READINGS, *(f"{known}.{m}" for known in families for m in MEASURES)]
        message = (
            f"there is no column {name!r}.{did_you_mean(name, known)} Columns: "
            f"{', '.join(READINGS)}; and FAMILY.MEASURE with a family of {', '.join(families)} "
            f"and a measure of {', '.join(MEASURES)}."
        )
        raise UsageError(message)
    kind = "bytes" if measure == "bytes" else "count"
    column = Column(name, f"{family} {measure}", kind)  # type: ignore[arg-type]  # one of two kinds

    def value(block: Block, _report: Report) -> Value:
        count: int = getattr(block.tally(family), measure)
        return _or_none(count, block)

    return Reading(column, value)
