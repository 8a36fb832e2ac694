"""The commands of costlab, in the order in which help lists them."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import Annotated, Any

import typer

from costlab.cli import EXIT_CODES
from costlab.release import release

LISTED = {
    "report": ("report:report", "What a model costs, block by block."),
    "compare": ("compare:compare", "Networks side by side."),
    "diff": ("diff:diff", "What changed between two, and why."),
    "check": ("check:check", "Whether models keep their budgets."),
    "init": ("init:init", "A budget file from what models cost now."),
    "baseline": ("baseline:baseline", "What relative limits start from."),
    "explain": ("explain:explain", "What other counters would print, and why."),
    "list": ("catalogue:list_networks", "The networks of the zoo."),
    "claims": ("claims:claims", "What the papers claim, and the verdict."),
    "bench": ("bench:bench", "What it takes on this device, and why."),
    "show": ("show:show", "A saved document again, in any format."),
    "schema": ("schema:schema", "The JSON Schema of a document."),
}
"""Each command: its function, in a module of this folder, and what it gives."""


def _examples(listed: tuple[tuple[str, str], ...]) -> str:
    """The end of a command's help: what to type, and what one gets."""
    # A line with \b alone keeps click from filling the paragraph.
    lines = [f"  {command}\n      {gives}" for command, gives in listed]
    return "\n".join(["Examples:", "", "\b", *lines])


def command(name: str) -> tuple[Any, str, tuple[tuple[str, str], ...]]:
    """The function of a command, what it gives, and its examples; its module is imported here."""
    place, gives = LISTED[name]
    home, _, attribute = place.partition(":")
    module = import_module(f"costlab.cli.{home}")
    return getattr(module, attribute), gives, module.EXAMPLES


def app_for(names: Iterable[str]) -> typer.Typer:
    """The command line with these commands.

    To import them all takes a tenth of a second, so that who runs one waits for that one alone.
    """
    app = typer.Typer(
        epilog="Exit codes: "
        + "; ".join(f"{code} {what}" for code, what in EXIT_CODES.items())
        + ".",
        add_completion=True,
        no_args_is_help=True,
        rich_markup_mode=None,  # plain help: it is quick, and the same in a pipe
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(costlab)
    for name in names:
        run, gives, examples = command(name)
        app.command(name, short_help=gives, epilog=_examples(examples))(run)
    return app


def whole() -> typer.Typer:
    """The command line with every command, and the one that costlab itself runs at a git ref."""
    from costlab.budgets.bases import MEASURE
    from costlab.cli import baseline

    app = app_for(LISTED)
    app.command(MEASURE, hidden=True)(baseline.reports)
    return app


def __getattr__(name: str) -> Any:
    """`app` and `COMMANDS`, made when they are asked for."""
    if name == "app":
        return whole()
    if name == "COMMANDS":
        return tuple((listed, *command(listed)) for listed in LISTED)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"costlab {release()}")
        raise typer.Exit


def costlab(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """What a PyTorch network costs, exactly: multiply-adds, parameters, activations, bytes."""
