"""Checks as tables: what was held against which limit, the worst first.

Knows documents, not text layout: a renderer lays the tables out.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from costlab.render.sentences import (
    headline,
    problems_of,
    remarks,
    said,
    subject_of,
    tame,
    told,
    worst_first,
)
from costlab.render.table import Column, Row, Table, only

if TYPE_CHECKING:
    from collections.abc import Iterable

    from costlab.budgets.checks import Check, Checks, Outcome, Problem
    from costlab.render.table import Emphasis
    from costlab.units import Units

EMPHASIS: dict[Outcome, Emphasis] = {"fail": "normal", "warn": "normal", "new": "normal"}
COLUMNS = (
    Column("outcome", "outcome", "text"),
    Column("budget", "budget", "text", prose=8, spare=2),
    Column("model", "model", "text", prose=8),
    Column("module", "module", "path"),
    Column("metric", "metric", "text", prose=8),
    Column("value", "value", "text", sized=True),
    Column("limit", "limit", "text", sized=True, spare=1),
    Column("room", "over or left", "text", sized=True),
    Column("change", "change", "text", spare=4, sized=True),
    Column("rule", "rule", "text", spare=5),
    Column("where", "where", "text", spare=3),
)
PROBLEMS = (
    Column("outcome", "outcome", "text"),
    Column("problem", "what could not be said", "text", prose=24),
    Column("where", "where", "text"),
)


MANY = 20
"""More passes than these push what fails off the screen."""


def checks_tables(checks: Checks, units: Units = "si", *, every: bool = True) -> list[Table]:
    """A table of what could not be said, if there is anything, and a table of the checks.

    Unless it is to be `every` check, many that pass are only counted.

    No line of them can be taken for a command by a service that reads a log: each begins with a
    word of ours.
    """
    tables = []
    problems = problems_of(checks)
    if problems:
        tables.append(problems_table(problems))
    if checks.checks:
        listed = worst_first(checks.checks)
        rest = [check for check in listed if check.outcome != "pass"]
        passes = len(listed) - len(rest)
        if every or passes <= MANY:
            return [*tables, checks_table(checks, listed, units)]
        table = checks_table(checks, rest, units)
        note = f"{passes} checks pass; --verbose lists them"
        tables.append(replace(table, notes=(note, *table.notes)))
    return tables


def problems_table(problems: Iterable[Problem]) -> Table:
    """A row for each thing that could not be said."""
    rows = [Row(("error", tame(told(problem)), _where(problem))) for problem in problems]
    return Table("", PROBLEMS, tuple(rows))


def _where(problem: Problem) -> str | None:
    return tame(str(problem.place)) if problem.place else None


def checks_table(checks: Checks, shown: Iterable[Check], units: Units = "si") -> Table:
    """A row for each of some checks, and below them what is to be said beside the numbers."""
    listed = list(shown)
    notes = [
        tame(f"{check.outcome}: {subject_of(check)}, {check.metric}: {remark}")
        for check in listed
        for remark in remarks(check)
    ]
    if checks.baseline:
        notes.append(f"baseline: {tame(checks.baseline)}")
    notes += [f"note: {tame(note)}" for note in checks.notes]
    rows = [_row(check, units) for check in listed]
    title = f"costlab check: {headline(checks)}"
    table = Table(title, COLUMNS, tuple(rows), tuple(dict.fromkeys(notes)))
    bare = {
        name
        for name, said in (
            ("module", any(check.subject for check in listed)),
            ("change", any(check.base is not None or check.outcome == "new" for check in listed)),
        )
        if not said
    }
    return only(table, {column.key for column in COLUMNS} - bare) if bare else table


def _row(check: Check, units: Units) -> Row:
    told = said(check, units)
    cells = (
        check.outcome,
        tame(check.budget),
        tame(check.model),
        tame(check.subject) or None,
        check.metric,
        told.value,
        told.limit,
        told.room,
        told.change,
        tame(check.rule),
        tame(str(check.place)),
    )
    return Row(cells, 0, EMPHASIS.get(check.outcome, "dim"))


DATA = (
    Column("outcome", "outcome", "text"),
    Column("budget", "budget", "text"),
    Column("model", "model", "text"),
    Column("module", "module", "path"),
    Column("metric", "metric", "text"),
    Column("value", "value", "count"),
    Column("limit", "limit", "count"),
    Column("over", "over", "count"),
    Column("base", "base", "count"),
    Column("rule", "rule", "text"),
    Column("file", "file", "text"),
    Column("line", "line", "count"),
    Column("text", "text", "text"),
)


def checks_data(checks: Checks) -> Table:
    """The table for programs: exact numbers, and a row for each thing that could not be said."""
    rows = [
        Row(
            (
                *("error", None, problem.model or None, *[None] * 7),
                problem.place.file if problem.place else None,
                problem.place.line if problem.place else None,
                problem.text,
            )
        )
        for problem in problems_of(checks)
    ]
    rows += [
        Row(
            (
                check.outcome,
                check.budget,
                check.model,
                check.subject,
                check.metric,
                check.value,
                check.limit,
                check.over,
                check.base,
                check.rule,
                check.place.file,
                check.place.line,
                "; ".join(remarks(check)),
            )
        )
        for check in worst_first(checks.checks)
    ]
    return Table(headline(checks), DATA, tuple(rows))
