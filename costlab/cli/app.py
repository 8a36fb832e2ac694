"""The commands of costlab, in the order in which help lists them."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from costlab.cli.catalogue import list_networks
from costlab.cli.report import report
from costlab.cli.show import show

app = typer.Typer(
    help="What a PyTorch network costs, exactly: multiply-adds, parameters, activations, bytes.",
    add_completion=True,
    no_args_is_help=True,
    rich_markup_mode=None,  # plain help: it is quick, and the same in a pipe
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("report")(report)
app.command("list")(list_networks)
app.command("show")(show)


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
