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
from costlab.cli.measurements import show as show_measurements
from costlab.cli.options import (
    Accessible,
    ColorOption,
    Columns,
    Debug,
    Depth,
    Formats,
    Modules,
    Quiet,
    Sort,
    Top,
    UnitsOption,
    Verbose,
)
from costlab.cli.output import Face, targets
from costlab.cli.plotting import Plot, PlotOption
from costlab.cli.views import emit_report, showing
from costlab.cli.voice import Voice
from costlab.comparison import Comparison
from costlab.errors import UsageError
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
    asked = showing(depth, modules, sort, top, columns)
    voice = Voice(quiet, verbose)
    with voice.step("read", file):
        document = load(file)
    face = Face(units, color, accessible)
    if isinstance(document, Checks):
        _refuse(module=modules, sort=sort, top=top, columns=columns, plot=plot)
        show_checks(document, wanted, face, voice)
        return 0
    wanted = targets(formats)  # again: only checks are annotations, test cases or alerts
    picture = None if plot is None else Plot(plot)
    if isinstance(document, Measurements):
        _refuse(module=modules, sort=sort, top=top, columns=columns)
        show_measurements(document, wanted, face, voice)
        if picture is not None:
            picture.draw(document, voice)
        return 0
    if picture is not None:
        raise UsageError(f"--plot draws measurements; {file} holds none")
    if isinstance(document, Verdicts):
        _refuse(module=modules, sort=sort, top=top, columns=columns)
        show_claims(document, wanted, face, voice, in_full=False)
        return 0
    if isinstance(document, Difference):
        _refuse(module=modules, sort=sort, top=top, columns=columns)
        show_difference(document, asked.depth, wanted, face, voice)
        return 0
    if isinstance(document, Comparison):
        _refuse(module=modules, top=top, columns=columns)
        show_comparison(document, asked.sort, wanted, face, voice, ascending=asked.ascending)
        return 0
    if not document.complete:
        # To show what is there is all that was asked, so this is no failure; but who reads the
        # table's numbers as those of the whole model is told, wherever the table goes.
        voice.warn(
            f"{file} is the report of a forward that stopped before its end: its totals are of "
            "what ran until then"
        )
    emit_report(document, asked, wanted, face, voice)
    return 0


def _refuse(**given: object) -> None:
    """Refuses options that choose from the blocks of a report, for a document without blocks.

    Raises:
        UsageError: one of them was given.
    """
    for name, value in given.items():
        if value:
            raise UsageError(f"--{name} chooses from a report; this is none")
