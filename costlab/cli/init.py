"""`costlab init`: a budget file from what models cost now."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Annotated

import typer

from costlab.budgets import configfile
from costlab.budgets.budget import Config, ModelSpec, Place
from costlab.budgets.configfile import OWN
from costlab.budgets.quantities import share
from costlab.cli.counted import counted
from costlab.cli.initial import budget_file, missing_budgets, name_of, unlimited
from costlab.cli.options import Debug, Quiet, Verbose
from costlab.cli.output import Mode, write_out
from costlab.cli.voice import Voice
from costlab.errors import UsageError
from costlab.inputspec import read
from costlab.sources import find
from costlab.store import write_text

EXAMPLES = (
    ("costlab init inception_v3", "writes costlab.toml with limits 5 % above what is measured"),
    ("costlab init net.py:Net --input 'f32[1,3,32,32]'", "for a model of your own"),
    ("costlab init >> costlab.toml", "limits of the models that it names and does not limit"),
    ("costlab init resnet50 --pyproject >> pyproject.toml", "as a table of pyproject.toml"),
)
LATER = "once it can be counted, write a table [models.NAME]; `costlab init` then prints its limits"
EXAMPLE = "costlab init net.py:Net --input 'f32[1,3,32,32]', or costlab init inception_v3"


def init(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MODEL]…",
            help="Models, as `costlab report` takes them; if none, those that the budget file "
            "names and does not limit.",
        ),
    ] = None,
    inputs: Annotated[
        list[str],
        typer.Option("--input", "-i", metavar="SPEC", help="f32[1,3,299,299]; repeatable."),
    ] = [],  # noqa: B006 - typer copies it
    mode: Annotated[Mode | None, typer.Option("--mode", help="The mode of the forward.")] = None,
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
    """Writes costlab.toml: what each model may cost, from what it costs now.

    Without a MODEL it writes nothing, and prints the limits that the budget file lacks. A model
    that cannot be counted in full is named and left out, and the command ends with 2.
    """
    voice, margin, file = Voice(quiet, verbose), share(room), Path(OWN)
    if not models:
        for option, given in (("--input", inputs), ("--mode", mode), ("--force", force)):
            if given:
                raise UsageError(f"{option} is for a MODEL; name one, such as {EXAMPLE}")
        return _add(voice, margin)
    if not pyproject:
        _free(file, force=force)
    specs: list[ModelSpec] = []
    for spec in inputs:
        read(spec)
    for source in models:
        find(source)
        name = name_of(source, [known.name for known in specs])
        specs.append(ModelSpec(name, source, Place("MODEL"), tuple(inputs), mode or "eval"))
    now = counted(Config(tuple(specs), ()), voice)
    measured = [spec for spec in specs if spec.name in now.reports]
    text = budget_file(measured, now.reports, shared=pyproject, room=margin)
    if pyproject:
        write_out(text)
    else:
        write_text(file, text)
        write_out(f"wrote {file}; `costlab check` holds {', '.join(now.reports)} to it\n")
    return now.ending(voice, LATER)


def _add(voice: Voice, room: Fraction) -> int:
    """Prints the limits that the models of the budget file lack.

    Raises:
        UsageError: there is no budget file, so that a MODEL has to be named.
    """
    file = configfile.find()
    if file is None:
        raise UsageError(f"there is no budget file, and so no model yet; name one: {EXAMPLE}")
    config = configfile.load(file, begun=True)
    lacking = unlimited(config)
    if not lacking:
        write_out(f"# {config.file} limits each of its models; `costlab check` holds them\n")
        return 0
    some = replace(config, models=tuple(one for one in config.models if one.name in lacking))
    now = counted(some, voice)
    measured = replace(config, models=tuple(one for one in some.models if one.name in now.reports))
    shared = file.name == configfile.SHARED
    write_out(missing_budgets(measured, now.reports, shared=shared, room=room))
    return now.ending(voice, "run `costlab init` again once it can be counted")


def _free(file: Path, *, force: bool) -> None:
    """Raises a UsageError if there are budgets that a new file would replace or contradict."""
    if file.exists() and not force:
        message = (
            f"{file} is there: write a table [models.NAME] for another model into it, and then "
            f"`costlab init >> {file}` adds its limits; --force overwrites it"
        )
        raise UsageError(message)
    other = None if file.exists() else configfile.find()
    if other is not None and other.resolve() != file.resolve():
        message = (
            f"there are budgets already, in {other}; add to them what `costlab init --pyproject` "
            "prints"
        )
        raise UsageError(message)
