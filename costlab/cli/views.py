"""Options to what is shown: the same reading for every command that shows a report."""

from __future__ import annotations

import sys

from costlab.cli.output import Face, Target, emit, ordering
from costlab.errors import UsageError
from costlab.render.columns import DEFAULT
from costlab.render.table import Table
from costlab.render.views import Show, counters_table, report_table
from costlab.report import Report


def showing(
    depth: str, modules: list[str], sort: str | None, top: int | None, columns: str | None
) -> Show:
    """What the options ask to see.

    Raises:
        UsageError: an option whose value cannot be used.
    """
    column, ascending = ordering(sort)
    if depth != "auto" and not (depth.isascii() and depth.isdigit()):
        message = f"--depth is {depth!r}; it must be a number of levels, or auto"
        raise UsageError(message)
    names = tuple(name.strip() for name in columns.split(",")) if columns is not None else DEFAULT
    repeated = [name for name in names if names.count(name) > 1]
    if repeated:
        message = f"the column {repeated[0]!r} is named twice"
        raise UsageError(message)
    return Show(
        depth=None if depth == "auto" else int(depth),
        modules=tuple(modules),
        sort=column,
        ascending=ascending,
        top=top,
        columns=names,
    )


def emit_report(report: Report, show: Show, wanted: list[Target], face: Face) -> None:
    """Writes a report in each format; the table of a cross-check follows that of the blocks."""

    def tables() -> list[Table]:
        found = [report_table(report, show)]
        return [*found, counters_table(report)] if report.counters else found

    told = any(target.form == "text" and target.path is None for target in wanted)
    if report.is_lower_bound and not told:
        # A table says so itself; a program that reads another format is told beside it.
        for text in report.warnings:
            sys.stderr.write(f"warning: {text}\n")
    emit(wanted, tables, report.to_json, face)
