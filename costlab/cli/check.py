"""`costlab check`: whether models keep their budgets, for a gate that fails."""

from __future__ import annotations

from typing import Annotated

import typer

from costlab.budgets import command
from costlab.cli.asked import Asked
from costlab.cli.checking import SPECIAL, file_of, promoted, show, unsaid
from costlab.cli.judging import judged
from costlab.cli.options import (
    Accessible,
    ColorOption,
    Debug,
    InputsFrom,
    OnOption,
    Quiet,
    UnitsOption,
    Verbose,
)
from costlab.cli.output import Face, Mode, targets
from costlab.cli.running import one_way
from costlab.cli.voice import Voice
from costlab.errors import CostlabError
from costlab.render import terminal
from costlab.render.limits import limits_table
from costlab.render.sentences import problems_of

BROKEN = 1
EXAMPLES = (
    ("costlab check", "every budget of costlab.toml, or of [tool.costlab] in pyproject.toml"),
    ("costlab check inception_v3 --max macs=5.8G --max params=27.5M", "one network, no file"),
    ("costlab check inception_v3 --max macs=400M --module 'Mixed_7?'", "each of some modules"),
    ("costlab check --baseline merge-base:origin/main", "against where the branch began"),
    (
        "costlab check --format text --format junit:costlab.xml --format markdown:comment.md",
        "the table, a report for the service, and a comment for the pull request",
    ),
    ("costlab check --explain", "which file and line each limit comes from"),
)


def check(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MODEL]…",
            help="Models of the budget file by name, all if none; or others, as `costlab report` "
            "takes them, with --max.",
        ),
    ] = None,
    config: Annotated[
        str | None, typer.Option("--config", metavar="FILE", help="The budget file.")
    ] = None,
    most: Annotated[
        list[str],
        typer.Option("--max", metavar="METRIC=LIMIT", help="macs=5.8G; repeatable."),
    ] = [],  # noqa: B006 - typer copies it
    warn: Annotated[
        list[str],
        typer.Option("--warn", metavar="METRIC=LIMIT", help="As --max, to warn; repeatable."),
    ] = [],  # noqa: B006 - typer copies it
    increase: Annotated[
        list[str],
        typer.Option(
            "--max-increase", metavar="METRIC=PERCENT", help="macs=2%, from the baseline."
        ),
    ] = [],  # noqa: B006 - typer copies it
    modules: Annotated[
        list[str],
        typer.Option("--module", metavar="GLOB", help="Hold each of these modules to the limits."),
    ] = [],  # noqa: B006 - typer copies it
    baseline: Annotated[
        str,
        typer.Option("--baseline", metavar="BASE", help="file:PATH, git:REF or merge-base:REF."),
    ] = "",
    anchor: Annotated[
        str, typer.Option("--anchor", metavar="BASE", help="As --baseline, against slow drift.")
    ] = "",
    inputs: Annotated[
        list[str],
        typer.Option("--input", "-i", metavar="SPEC", help="f32[1,3,299,299]; repeatable."),
    ] = [],  # noqa: B006 - typer copies it
    inputs_from: InputsFrom = None,
    mode: Annotated[Mode | None, typer.Option("--mode", help="The mode of the forward.")] = None,
    on: OnOption = "auto",
    exit_zero: Annotated[
        bool, typer.Option("--exit-zero", help="Exit 0 in place of 1; what fails is still told.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Let warnings fail, and limits that are gone.")
    ] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show the file and the line of each limit.")
    ] = False,
    units: UnitsOption = "si",
    formats: Annotated[
        list[str],
        typer.Option(
            "--format",
            metavar="FMT[:PATH]",
            help="text, json, junit, sarif, github, gitlab, markdown, html or csv; repeatable.",
        ),
    ] = [],  # noqa: B006 - typer copies it
    color: ColorOption = "auto",
    accessible: Accessible = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    debug: Debug = False,  # noqa: ARG001 - read by main
) -> int:
    """Whether models keep their budgets.

    Exits with 1 if a limit is broken, and with 2 if anything could not be checked: an unknown key,
    a name that matches nothing, a missing baseline, an operation without a rule. Every format is
    written before, whatever the exit code.
    """
    wanted, voice = targets(formats, SPECIAL), Voice(quiet, verbose)
    face, file = Face(units, color, accessible), config or ""
    limits = []
    try:
        specs, function = one_way(inputs, inputs_from)
        asked = Asked(
            models=tuple(models or ()),
            file=config,
            limits=command.budgets(most=most, warn=warn, increase=increase, modules=modules),
            inputs=specs,
            inputs_from=function,
            mode=mode,
            on=on,
            baseline=baseline,
            anchor=anchor,
        )
        with voice.step("read", config or "the budget file"):
            found = asked.config()
        file = found.file or file_of(found)
        limits = [limits_table(found)] if explain else []
        with voice.working("checking"):
            checks = judged(found, voice, strict=strict)
    except CostlabError as error:
        checks = unsaid(error)
    checks = promoted(checks) if strict else checks
    told = any(target.form == "text" and target.path is None for target in wanted)
    show(checks, wanted, face, voice, file, lambda: limits)
    if not told:
        for table in limits:
            typer.echo(terminal.render(table), err=True, nl=False)
        for problem in problems_of(checks):
            voice.fail(f"{problem.place}: {problem.text}" if problem.place else problem.text)
    return 0 if exit_zero and checks.exit_code == BROKEN else checks.exit_code
