"""Options to what is shown: the same reading for every command that shows a report."""

from __future__ import annotations

from costlab.cli.output import Face, Target, emit, ordering
from costlab.cli.voice import USUAL, Voice
from costlab.errors import UsageError
from costlab.render.counters import counters_table
from costlab.render.table import Table
from costlab.render.views import Show, report_table
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
    names = None if columns is None else tuple(name.strip() for name in columns.split(","))
    for name in names or ():
        if names and names.count(name) > 1:
            message = f"the column {name!r} is named twice"
            raise UsageError(message)
    return Show(
        depth=None if depth == "auto" else int(depth),
        modules=tuple(modules),
        sort=column,
        ascending=ascending,
        top=top,
        columns=names,
    )


def emit_report(
    report: Report, show: Show, wanted: list[Target], face: Face, voice: Voice = USUAL
) -> None:
    """Writes a report in each format; the table of a cross-check follows that of the blocks."""

    def tables() -> list[Table]:
        found = [report_table(report, show)]
        return [*found, counters_table(report)] if report.counters else found

    told = any(target.form == "text" and target.path is None for target in wanted)
    if report.is_lower_bound and not told:
        # A table says so itself; a program that reads another format is told beside it.
        for text in report.warnings:
            voice.warn(text)
    emit(wanted, tables, report.to_json, face, voice)
