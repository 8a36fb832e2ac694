"""`costlab show`: a saved document again, in any format."""

from __future__ import annotations

from typing import Annotated

import typer

from costlab.bench.document import Measurements
from costlab.budgets.checks import Checks
from costlab.budgets.difference import Difference
from costlab.claims.document import Verdicts
from costlab.cli.checking import SPECIAL
from costlab.cli.checking import show as show_checks
from costlab.cli.claims import show as show_claims
from costlab.cli.compare import show as show_comparison
from costlab.cli.diff import show as show_difference
from costlab.cli.explain import show as show_explanation
from costlab.cli.measurements import show as show_measurements
from costlab.cli.options import (
    Accessible,
    ByOption,
    ColorOption,
    Columns,
    Debug,
    Depth,
    FoldOption,
    Formats,
    Modules,
    Params,
    Quiet,
    Sort,
    Top,
    UnitsOption,
    Verbose,
)
from costlab.cli.output import Face, Target, targets
from costlab.cli.plotting import Plot, PlotOption
from costlab.cli.views import emit_report, showing
from costlab.cli.voice import Voice
from costlab.comparison import Comparison
from costlab.conventions.explanation import Explanation
from costlab.errors import UsageError
from costlab.render.views import Show
from costlab.report import Report
from costlab.store import load

EXAMPLES = (
    ("costlab show report.json", "the table again"),
    ("costlab show report.json --depth 2 --units exact", "in more detail, with every digit"),
    ("costlab show report.json --format csv:blocks.csv", "as another format, in a file"),
    ("costlab show bench.json --plot saving.svg", "measurements, and pictures of them"),
    ("costlab show claims.json", "verdicts, saved by `costlab claims --format json:claims.json`"),
)


def show(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A document saved as JSON.")],
    depth: Depth = "auto",
    modules: Modules = [],  # noqa: B006 - typer copies it
    sort: Sort = None,
    top: Top = None,
    columns: Columns = None,
    by: ByOption = "module",
    fold: FoldOption = True,
    params: Params = False,
    plot: PlotOption = None,
    units: UnitsOption = "si",
    formats: Formats = [],  # noqa: B006 - typer copies it
    color: ColorOption = "auto",
    accessible: Accessible = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    debug: Debug = False,  # noqa: ARG001 - read by main
) -> int:
    """A saved document again, in any format; needs neither torch nor the model."""
    wanted = targets(formats, SPECIAL)
    asked = showing(depth, modules, sort, top, columns, fold=fold, by=by)
    voice = Voice(quiet, verbose)
    with voice.step("read", file):
        document = load(file)
    face = Face(units, color, accessible, verbose)
    if not isinstance(document, Report):
        _refuse(
            module=modules,
            sort=None if isinstance(document, Comparison) else sort,
            top=top,
            columns=columns,
            by=by != "module",
            **{"no-fold": not fold},
            params=params,
            plot=plot if isinstance(document, Checks) else None,
        )
    if not isinstance(document, Checks):
        wanted = targets(formats)  # again: only checks are annotations, test cases or alerts
    picture = None if plot is None else Plot(plot)
    if picture is not None and not isinstance(document, Measurements):
        raise UsageError(f"--plot draws measurements; {file} holds none")
    if isinstance(document, Measurements):
        show_measurements(document, wanted, face, voice)
        if picture is not None:
            picture.draw(document, voice)
    elif isinstance(document, Report):
        if not document.complete:
            # To show what is there is all that was asked, so this is no failure; but who reads the
            # table's numbers as those of the whole model is told, wherever the table goes.
            voice.warn(
                f"{file} is the report of a forward that stopped before its end: its totals are "
                "of what ran until then"
            )
        emit_report(document, asked, wanted, face, voice, params=params)
    else:
        _write(document, asked, wanted, face, voice)
    return 0


def _write(
    document: Checks | Verdicts | Difference | Explanation | Comparison,
    asked: Show,
    wanted: list[Target],
    face: Face,
    voice: Voice,
) -> None:
    """Writes a document that is neither a report nor measurements, as its own command does."""
    if isinstance(document, Checks):
        show_checks(document, wanted, face, voice)
    elif isinstance(document, Verdicts):
        show_claims(document, wanted, face, voice, in_full=False)
    elif isinstance(document, Difference):
        show_difference(document, asked.depth, wanted, face, voice)
    elif isinstance(document, Explanation):
        show_explanation(document, wanted, face, voice)
    else:
        show_comparison(document, asked.sort, wanted, face, voice, ascending=asked.ascending)


def _refuse(**given: object) -> None:
    """Refuses options that choose from the blocks of a report, for a document without blocks.

    Raises:
        UsageError: one of them was given.
    """
    for name, value in given.items():
        if value:
            raise UsageError(f"--{name} chooses from a report; this is none")
