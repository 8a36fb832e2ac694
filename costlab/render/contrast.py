"""Two documents of measurements as tables: each side in both, and what differs around them.

Knows documents, not text layout.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from costlab.render.table import Column, Row, Table

if TYPE_CHECKING:
    from costlab.bench.contrast import Contrast, Contrasted

NAMED = 3
NOISE = (
    "low and high: the 95 % interval of the ratio of medians, by the noise within each run; what "
    "differs between the runs is not in it."
)
COLUMNS = (
    Column("case", "case", "text", prose=24),
    Column("side", "side", "path"),
    Column("arm", "arm", "text"),
    Column("first_s", "first", "seconds", spare=1),
    Column("second_s", "second", "seconds", spare=1),
    Column("ratio", "second / first", "ratio"),
    Column("low", "low", "ratio", spare=2),
    Column("high", "high", "ratio", spare=2),
)


def contrast_tables(found: Contrast) -> list[Table]:
    """A row a side, then a row for each value of the environments that differs."""
    before = ""
    rows = []
    for side in found.sides:
        rows.append(Row(_cells(side, side.case if side.case != before else None)))
        before = side.case
    notes = [NOISE]
    for keys, which in ((found.only_first, "first"), (found.only_second, "second")):
        if keys:
            more = f" and {len(keys) - NAMED} more" if len(keys) > NAMED else ""
            notes.append(f"Only in the {which}: {'; '.join(keys[:NAMED])}{more}.")
    if not found.differing:
        notes.append("The environments are the same.")
    tables = [Table(f"{found.study}, twice", COLUMNS, tuple(rows), notes=tuple(notes))]
    if found.differing:
        tables.append(_environment(found))
    return tables


def contrast_rows(found: Contrast) -> Table:
    """A row a side, the case in each, for programs."""
    return Table("", COLUMNS, tuple(Row(_cells(side, side.case)) for side in found.sides))


def _cells(side: Contrasted, case: str | None) -> tuple[str | float | None, ...]:
    return (
        case,
        side.subject,
        side.arm,
        side.first_s,
        side.second_s,
        side.ratio,
        side.low,
        side.high,
    )


def _environment(found: Contrast) -> Table:
    columns = (
        Column("what", "what differs", "text", prose=20),
        Column("first", "first", "text", prose=20),
        Column("second", "second", "text", prose=20),
    )
    rows = tuple(
        Row((key, _told(first), _told(second))) for key, (first, second) in found.differing.items()
    )
    return Table("", columns, rows)


def _told(value: object) -> str | None:
    return None if value is None else str(value)
