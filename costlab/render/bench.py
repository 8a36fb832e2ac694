"""Measurements as tables: a table a study, then why each saving is what it is.

Knows documents, not how anything is measured, nor text layout.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from costlab.bench.request import given_to, named
from costlab.render.bench_columns import (
    ARM,
    AXES,
    EXPLAINED,
    MACHINE,
    PAGE,
    SIDES,
)
from costlab.render.bench_notes import threads_told, told, warned
from costlab.render.bench_rows import entries, explained, unexplained
from costlab.render.table import Column, Row, Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from costlab.bench.document import Measurements
    from costlab.bench.study import Study
    from costlab.render.bench_columns import Reading
    from costlab.render.bench_rows import Entry
    from costlab.render.table import Value


def bench_tables(found: Measurements) -> list[Table]:
    """The table of a study, and that of the explanations if there are any.

    What all cases have in common stands in the title, and each axis that varies is a column. A
    column that nothing was measured for is left out.
    """
    rows = entries(found)
    axes = (*AXES, ARM)
    varying = [axis for axis in axes if len({axis.value(row) for row in rows}) > 1]
    named = [_said(axis, rows[0]) for axis in axes if axis not in varying] if rows else []
    called = found.environment.get("title")
    head = f"{found.study}: {called}" if called else found.study
    if str(called).startswith(found.study):
        head = str(called)  # of a model, whose study is called as it is
    title = " · ".join([head, *named, *threads_told(found.environment)])
    sides = _table(title, [SIDES[0], *varying, *SIDES[1:]], rows, (*told(found),), warned(found))
    parts = explained(found)
    if not parts:
        return [replace(sides, notes=(*sides.notes, *_left_out(rows)))]
    columns = [EXPLAINED[0], *varying, *EXPLAINED[1:]]
    note = (
        "Each row adds up: what the multiply-adds promise, and what the memory roof, separate "
        "element-wise passes, partly filled waves, the launch floor, and the rest, which is not "
        "modelled, add to it or take from it, in points of the baseline's time. The rest is how "
        "good each kernel is, and the noise: the interval of the saving is its own."
    )
    return [
        sides,
        _table(
            "Where the saving comes from, in percentage points",
            columns,
            parts,
            (note, *_left_out(rows)),
        ),
    ]


def _left_out(rows: Sequence[Entry]) -> list[str]:
    """Which savings are not told in parts, and why."""
    reasons: dict[str, int] = {}
    for row in rows:
        why = unexplained(row) if row.compares and row.case.explanation is not None else ""
        if why:
            reasons[why] = reasons.get(why, 0) + 1
    return [
        f"Not told in parts: {count} saving{'' if count == 1 else 's'}, as {why}."
        for why, count in reasons.items()
    ]


def studies_table(studies: Iterable[Study]) -> Table:
    """A row a study: its name, what it asks, and how many cases it has."""
    columns = (
        Column("study", "study", "text"),
        Column("title", "what is measured", "text", prose=24),
        Column("pairs", "pairs", "count", exact=True),
        Column("cases", "cases", "count", exact=True),
        Column("quick", "with --quick", "count", exact=True),
    )
    rows = tuple(
        Row(
            (
                study.name,
                study.title,
                len(study.pairs),
                sum(1 for _ in study.cases()),
                sum(1 for _ in study.cases(study.quick)),
            )
        )
        for study in studies
    )
    return Table("", columns, rows)


def pairs_table(study: Study) -> Table:
    """A row a pair of a study, by the name that `--pair` takes, and how many cases it has."""
    columns = (
        Column("pair", "pair", "text"),
        Column("baseline", "baseline", "text", spare=2),
        Column("variant", "variant", "text", spare=3),
        Column("given", "on", "text", spare=1),
        Column("cases", "cases", "count", exact=True),
        Column("quick", "with --quick", "count", exact=True),
    )
    cases, quick = (
        Counter(case.pair for case in study.cases(axes)) for axes in (study.axes, study.quick)
    )
    rows = tuple(
        Row(
            (
                pair.name,
                pair.baseline.name if pair.baseline else None,
                pair.variant.name,
                given_to(pair.variant),
                cases[pair.name],
                quick[pair.name],
            )
        )
        for pair in study.pairs
    )
    title = f"{study.name}: {study.title}" if named(study) else study.name
    if study.title.startswith(study.name):
        title = study.title
    notes = ["--pair takes a name, or a pattern in which * stands for anything."]
    if any(pair.baseline is None for pair in study.pairs):
        notes.append("What has no baseline is compared with itself in the first arm.")
    return Table(title, columns, rows, notes=(" ".join(notes),))


def bench_rows(found: Measurements) -> Table:
    """A row a side with all columns, for programs: the same columns whatever was measured."""
    return _filled("", MACHINE, entries(found))


def _table(
    title: str,
    columns: Sequence[Reading],
    rows: Sequence[Entry],
    notes: tuple[str, ...] = (),
    warnings: tuple[str, ...] = (),
) -> Table:
    said = [
        reading
        for reading in columns
        if reading.always or any(reading.value(row) is not None for row in rows)
    ]
    return _filled(title, said, rows, notes, warnings)


def _filled(
    title: str,
    columns: Sequence[Reading],
    rows: Iterable[Entry],
    notes: tuple[str, ...] = (),
    warnings: tuple[str, ...] = (),
) -> Table:
    return Table(
        title,
        tuple(reading.column for reading in columns),
        tuple(
            Row(_cells(columns, row), row.depth, "dim" if row.is_baseline else "normal")
            for row in rows
        ),
        notes=notes,
        warnings=warnings,
        page=PAGE,
    )


def _said(axis: Reading, row: Entry) -> str:
    """The value of an axis that all rows share; a bare number with what it counts."""
    value = axis.value(row)
    return f"{axis.column.title} {value}" if axis.column.numeric else str(value)


def _cells(columns: Sequence[Reading], row: Entry) -> tuple[Value, ...]:
    return tuple(reading.value(row) for reading in columns)
