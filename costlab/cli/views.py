"""Options to what is shown: the same reading for every command that shows a report."""

from __future__ import annotations

from dataclasses import replace

from costlab.cli.output import Face, Target, emit, ordering
from costlab.cli.voice import USUAL, Voice
from costlab.errors import UsageError
from costlab.render import csv
from costlab.render.counters import counters_table
from costlab.render.groups import By
from costlab.render.parameters import parameters_table
from costlab.render.selection import matching
from costlab.render.table import Table
from costlab.render.training import training_table
from costlab.render.views import Show, report_table
from costlab.report import Report


def showing(
    depth: str,
    modules: list[str],
    sort: str | None,
    top: int | None,
    columns: str | None,
    *,
    fold: bool = True,
    by: By = "module",
) -> Show:
    """What the options ask to see.

    Raises:
        UsageError: an option whose value cannot be used.
    """
    column, ascending = ordering(sort)
    if depth != "auto" and not (depth.isascii() and depth.isdigit()):
        message = f"--depth is {depth!r}; it must be a number of levels, or auto"
        raise UsageError(message)
    if depth != "auto" and by != "module":
        message = (
            f"--depth chooses levels of modules; by {by} there are none: leave one of them out"
        )
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
        fold=fold,
        by=by,
    )


def emit_report(
    report: Report,
    show: Show,
    wanted: list[Target],
    face: Face,
    voice: Voice = USUAL,
    *,
    params: bool = False,
    error: str = "",
) -> None:
    """Writes a report in each format; those of training and of a cross-check follow its table.

    So does that of the parameters, if it is asked for. What an `error` on stderr is about to say is
    not said on stdout and stderr too. A program that reads CSV gets that alone,
    and else a row for each block: what it adds up it need not first take apart.
    """

    def listed() -> list[Table]:
        blocks = matching(report.root, show.modules) if show.modules else None
        return [parameters_table(report, blocks, show.top)] if params else []

    def data() -> str:
        # One header for a program; what a step of training costs besides is in JSON.
        tables = listed() or [report_table(report, replace(show, fold=False)), *_checked(report)]
        return "\n".join(map(csv.render, tables))

    def tables(report: Report) -> list[Table]:
        shown = report_table(report, show)
        return [shown, *_trained(report, show), *_checked(report), *listed()]

    unsaid = tuple(text for text in report.warnings if not error or text not in error)
    told = any(target.form == "text" and target.path is None for target in wanted)
    if report.is_lower_bound and not told:
        # A table says so itself; a program that reads another format is told beside it.
        for text in unsaid:
            voice.warn(text)
    emit(
        wanted,
        lambda: tables(report),
        report.to_json,
        face,
        voice,
        special={"csv": data},
        aloud=lambda: tables(replace(report, warnings=unsaid)),
    )


def _trained(report: Report, show: Show) -> list[Table]:
    return [] if report.training is None else [training_table(report, show)]


def _checked(report: Report) -> list[Table]:
    return [counters_table(report)] if report.counters else []
