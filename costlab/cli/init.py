"""`costlab init`: a budget file from what models cost now."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from costlab.budgets import configfile
from costlab.budgets.budget import Config, ModelSpec, Place
from costlab.budgets.configfile import OWN
from costlab.budgets.quantities import share
from costlab.cli.initial import budget_file, name_of
from costlab.cli.options import Debug, Quiet, Verbose
from costlab.cli.output import Mode, write_out
from costlab.cli.running import load_torch
from costlab.cli.voice import Voice
from costlab.errors import SourceError, UsageError
from costlab.inputspec import parse
from costlab.sources import find
from costlab.store import write_text

EXAMPLES = (
    ("costlab init inception_v3", "writes costlab.toml with limits 5 % above what is measured"),
    ("costlab init net.py:Net --input 'f32[1,3,32,32]'", "for a model of your own"),
    ("costlab init resnet50 --pyproject >> pyproject.toml", "as a table of pyproject.toml"),
)


def init(
    models: Annotated[
        list[str],
        typer.Argument(metavar="MODEL…", help="Models, as `costlab report` takes them."),
    ],
    inputs: Annotated[
        list[str],
        typer.Option("--input", "-i", metavar="SPEC", help="f32[1,3,299,299]; repeatable."),
    ] = [],  # noqa: B006 - typer copies it
    mode: Annotated[Mode, typer.Option("--mode", help="The mode of the forward.")] = "eval",
    room: Annotated[
        str, typer.Option("--room", metavar="PERCENT", help="How far above what is measured.")
    ] = "5%",
    pyproject: Annotated[
        bool, typer.Option("--pyproject", help="Print the table for pyproject.toml; write nothing.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite a costlab.toml that is there.")
    ] = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    debug: Debug = False,  # noqa: ARG001 - read by main
) -> int:
    """Writes costlab.toml: what each model may cost, from what it costs now."""
    voice, margin, file = Voice(quiet, verbose), share(room), Path(OWN)
    if not pyproject:
        _free(file, force=force)
    specs: list[ModelSpec] = []
    for spec in inputs:
        parse(spec)
    for source in models:
        find(source)
        name = name_of(source, [known.name for known in specs])
        specs.append(ModelSpec(name, source, Place("MODEL"), tuple(inputs), mode))
    from costlab.budgets.collect import collect

    load_torch(voice)
    with voice.working("measuring"):
        found = collect(Config(tuple(specs), ()), lambda name: voice.tell(f"measure: {name}"))
    if found.problems:
        raise SourceError("\n".join(problem.text for problem in found.problems))
    for name, report in found.reports.items():
        if report.is_lower_bound:
            message = f"{name} cannot be counted in full; `costlab report` says what is unknown"
            raise UsageError(message)
    text = budget_file(specs, found.reports, shared=pyproject, room=margin)
    if pyproject:
        write_out(text)
    else:
        write_text(file, text)
        write_out(f"wrote {file}; `costlab check` holds {', '.join(found.reports)} to it\n")
    return 0


def _free(file: Path, *, force: bool) -> None:
    """Raises a UsageError if there are budgets that a new file would replace or contradict."""
    if file.exists() and not force:
        raise UsageError(f"{file} is there; --force overwrites it")
    other = None if file.exists() else configfile.find()
    if other is not None and other.resolve() != file.resolve():
        message = (
            f"there are budgets already, in {other}; add to them what `costlab init --pyproject` "
            "prints"
        )
        raise UsageError(message)
