"""The commands of costlab, in the order in which help lists them."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from costlab.budgets.bases import MEASURE
from costlab.cli import (
    EXIT_CODES,
    baseline,
    bench,
    catalogue,
    check,
    claims,
    compare,
    diff,
    init,
    report,
    schema,
    show,
)

app = typer.Typer(
    epilog="Exit codes: " + "; ".join(f"{code} {what}" for code, what in EXIT_CODES.items()) + ".",
    add_completion=True,
    no_args_is_help=True,
    rich_markup_mode=None,  # plain help: it is quick, and the same in a pipe
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _examples(listed: tuple[tuple[str, str], ...]) -> str:
    """The end of a command's help: what to type, and what one gets."""
    # A line with \b alone keeps click from filling the paragraph.
    lines = [f"  {command}\n      {gives}" for command, gives in listed]
    return "\n".join(["Examples:", "", "\b", *lines])


COMMANDS = (
    ("report", report.report, "What a model costs, block by block.", report.EXAMPLES),
    ("compare", compare.compare, "Networks side by side.", compare.EXAMPLES),
    ("diff", diff.diff, "What changed between two, and why.", diff.EXAMPLES),
    ("check", check.check, "Whether models keep their budgets.", check.EXAMPLES),
    ("init", init.init, "A budget file from what models cost now.", init.EXAMPLES),
    ("baseline", baseline.baseline, "What relative limits start from.", baseline.EXAMPLES),
    ("list", catalogue.list_networks, "The networks of the zoo.", catalogue.EXAMPLES),
    ("claims", claims.claims, "What the papers claim, and the verdict.", claims.EXAMPLES),
    ("bench", bench.bench, "What it takes on this device, and why.", bench.EXAMPLES),
    ("show", show.show, "A saved document again, in any format.", show.EXAMPLES),
    ("schema", schema.schema, "The JSON Schema of a document.", schema.EXAMPLES),
)
for _name, _run, _gives, _examples_of in COMMANDS:
    app.command(_name, short_help=_gives, epilog=_examples(_examples_of))(_run)
app.command(MEASURE, hidden=True)(baseline.reports)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"costlab {version('costlab')}")
        raise typer.Exit


@app.callback()
def costlab(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """What a PyTorch network costs, exactly: multiply-adds, parameters, activations, bytes."""
