"""`costlab baseline`: the file that relative limits are relative to, written and merged."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from costlab.budgets import baselinefile, configfile
from costlab.budgets.baseline import UPDATE, Baseline, drift, snapshot, update
from costlab.budgets.bases import FILE, path_of, specs_of, told
from costlab.budgets.budget import Config
from costlab.budgets.merging import merge, sides
from costlab.budgets.quantities import share
from costlab.cli.counted import counted
from costlab.cli.options import Debug, Quiet, Verbose
from costlab.cli.output import write_out
from costlab.cli.voice import Voice
from costlab.errors import UsageError
from costlab.store import write_text

CHANGED = 1
NAMED = 20
STAYS = "what the baseline says of it, if anything, stays as it was"
EXAMPLES = (
    ("costlab baseline update", "measures, and writes the file that the budgets name"),
    ("costlab baseline update --slack 1%", "leaves what moved by no more as it is"),
    ("costlab baseline update --check", "writes nothing; exit 1 if the file is out of date"),
    ("costlab baseline merge", "resolves git's conflict in it, measuring what both changed"),
)


def baseline(
    action: Annotated[Literal["update", "merge"], typer.Argument(help="What to do.")],
    config: Annotated[
        str | None, typer.Option("--config", metavar="FILE", help="The budget file.")
    ] = None,
    file: Annotated[
        str | None,
        typer.Option("--file", metavar="PATH", help="The baseline, if the budgets name none."),
    ] = None,
    slack: Annotated[
        str, typer.Option("--slack", metavar="PERCENT", help="Keep values that moved no more.")
    ] = "0%",
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 1 if the file would change.")
    ] = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    debug: Debug = False,  # noqa: ARG001 - read by main
) -> int:
    """Writes the baseline anew, or merges what git could not; a line a model, module and metric.

    A model that cannot be counted in full is named, what the file says of it stays, and the command
    ends with 2; the others are written.
    """
    voice, bound = Voice(quiet, verbose), share(slack)
    found = configfile.load(config)
    path = Path(file) if file else _named(found)
    if action == "merge":
        return _merge(found, path, voice)
    old = _old(path) if path.exists() else None
    now = counted(found, voice)
    new = update(old, snapshot(found, now.reports), bound, now.left_out)
    if check:
        stale = drift(old, new, bound) if old else tuple(new.values)
        for key in stale[:NAMED]:
            voice.warn(f"{key} is out of date")
        if len(stale) > NAMED:
            voice.warn(f"and {len(stale) - NAMED} more")
        return now.ending(voice, STAYS) or (CHANGED if stale else 0)
    _write(path, new, voice)
    return now.ending(voice, STAYS)


def _old(path: Path) -> Baseline:
    """The baseline that is to be brought up to date.

    Raises:
        UsageError: it is none, and so is not overwritten.
    """
    try:
        return baselinefile.read(path)
    except UsageError as error:
        if path.is_file():
            what = (
                str(error).partition(f"; {UPDATE}")[0].partition("; `costlab baseline update`")[0]
            )
            remedy = f"delete {path}, if it is no other file, and run this again"
            raise UsageError(f"{what}; nothing is written over it: {remedy}") from error
        raise


def _named(config: Config) -> Path:
    """The baseline file of a configuration: its baseline's, else its anchor's.

    Raises:
        UsageError: neither is a file.
    """
    for text in (config.baseline, config.anchor):
        if text.startswith(FILE):
            return path_of(text, config)
    message = (
        f'{config.file} names no baseline file; write baseline = "file:costlab.baseline" there, '
        "or give --file"
    )
    raise UsageError(message)


def _merge(config: Config, path: Path, voice: Voice) -> int:
    """Resolves the conflict in a baseline; what both sides changed is measured."""
    text = baselinefile.read_text(path)
    ours, base, theirs = sides(text, str(path))
    if ours == theirs:
        baselinefile.parse(text, str(path))
        write_out(f"{path} has no conflict\n")
        return 0
    mine, other = (baselinefile.parse(side, str(path)) for side in (ours, theirs))
    before = None if base is None else baselinefile.parse(base, str(path))
    names = [model.name for model in config.models]
    try:
        merged = merge(mine, other, before, None, names)
        how = "all of it is of one side or the other"
    except UsageError as unclear:
        voice.tell(str(unclear))
        now = counted(config, voice)
        for line in "\n".join(now.left_out.values()).splitlines():
            voice.warn(line)
        merged = merge(mine, other, before, snapshot(config, now.reports), names)
        how = "what both sides changed was measured"
    _write(path, merged, voice)
    write_out(f"the conflict is resolved: {how}; `git add {path}` tells git\n")
    return 0


def _write(path: Path, found: Baseline, voice: Voice) -> None:
    write_text(path, baselinefile.text_of(found))
    voice.tell(f"wrote {path}")
    models = "1 model" if len(found.models) == 1 else f"{len(found.models)} models"
    write_out(f"wrote {path}: {len(found.values)} values of {models}\n")


def reports(specs: Path, out: Path) -> int:
    """The reports of the models that a file lists, for `costlab check` itself."""
    from costlab.budgets.collect import collect

    listed = specs_of(specs.read_text(encoding="utf-8"))
    found = collect(Config(listed, ()))
    write_text(out, told(found))
    return 0
