"""`costlab diff`: what changed between two reports, models or git refs, and why."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from costlab.budgets import configfile
from costlab.budgets.difference import Difference
from costlab.budgets.diffing import difference
from costlab.budgets.elsewhere import everywhere
from costlab.budgets.refs import Commit, is_ref, parse_ref, resolve
from costlab.budgets.worktrees import worktree
from costlab.cli.options import (
    Accessible,
    ColorOption,
    Debug,
    Depth,
    Formats,
    InputsFrom,
    OnOption,
    Quiet,
    UnitsOption,
    Verbose,
)
from costlab.cli.output import Face, Mode, Target, emit, targets
from costlab.cli.running import analyzed, load_torch, one_way, running
from costlab.cli.views import showing
from costlab.cli.voice import Voice
from costlab.errors import CostlabError, TraceError, UsageError
from costlab.render.diff import diff_data, diff_markdown, diff_tables
from costlab.report import Report
from costlab.sources import COUNTED, FILES, find
from costlab.store import load
from costlab.zoo import CATALOGUE

EXAMPLES = (
    ("costlab diff git:main net.py:Net -i 'f32[1,3,32,32]'", "a model on main, and as it is now"),
    ("costlab diff git:v1:net.py:Net git:v2 -i 'f32[1,3,32,32]'", "the same model at two tags"),
    ("costlab diff merge-base:origin/main net.py:Net", "what the branch changed"),
    ("costlab diff inception_v3 'inception_v3(width=2)'", "two networks"),
    ("costlab diff before.json after.json --exit-code", "two saved reports; 1 if they differ"),
    ("costlab diff before.json --format markdown:comment.md", "a report, and its model as it is"),
)
DIFFERENT = 1


@dataclass(frozen=True, slots=True)
class Side:
    """One side as it was given: a saved report, a commit, or a model; `model` may come later."""

    given: str
    saved: Report | None = None
    commit: Commit | None = None
    model: str = ""


class Given(NamedTuple):
    """What the options say of both forwards: what goes in, and what they run on."""

    specs: tuple[str, ...]
    function: str
    on: str


def diff(
    base: Annotated[
        str,
        typer.Argument(
            metavar="BASE",
            help="A saved report, a model as in `costlab report`, git:REF, git:REF:MODEL or "
            "merge-base:REF.",
        ),
    ],
    head: Annotated[
        str | None,
        typer.Argument(
            metavar="[HEAD]", help="As BASE; if none is given, the model of BASE as it is now."
        ),
    ] = None,
    inputs: Annotated[
        list[str],
        typer.Option(
            "--input",
            "-i",
            metavar="SPEC",
            help="f32[1,3,299,299] or name=i64[2,128], for both sides; repeatable.",
        ),
    ] = [],  # noqa: B006 - typer copies it
    inputs_from: InputsFrom = None,
    mode: Annotated[
        Mode | None, typer.Option("--mode", help="The mode of the forwards; eval if none is given.")
    ] = None,
    on: OnOption = "auto",
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit 1 if the two differ, as git diff does.")
    ] = False,
    depth: Depth = "auto",
    units: UnitsOption = "si",
    formats: Formats = [],  # noqa: B006 - typer copies it
    color: ColorOption = "auto",
    accessible: Accessible = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    debug: Debug = False,  # noqa: ARG001 - read by main
) -> int:
    """What changed between two sides, block by block, and why; renamed blocks are recognized."""
    wanted, voice = targets(formats), Voice(quiet, verbose)
    levels = showing(depth, [], None, None, None).depth
    specs, function = one_way(inputs, inputs_from)
    before, after = _sides(base, head, voice)
    known = [side.saved for side in (before, after) if side.saved is not None]
    # A saved report says what the other side is to be given, if nobody else does.
    chosen = specs or (known[0].inputs if len(known) == 1 and not function else ())
    how = mode or (known[0].mode if len(known) == 1 else "eval")
    with voice.working(f"comparing {before.given} and {after.given}"):
        given = Given(chosen, function, on)
        reports = [_report(side, given, how, voice) for side in (before, after)]
        found = difference(*reports, names=(_name(before), _name(after)))
        found = replace(found, warnings=(*_same(before, after), *found.warnings))
    show(found, levels, wanted, Face(units, color, accessible), voice)
    return DIFFERENT if exit_code and not found.is_same else 0


def show(
    found: Difference, depth: int | None, wanted: list[Target], face: Face, voice: Voice
) -> None:
    """Writes a difference in each format."""
    if not any(target.form == "text" and target.path is None for target in wanted):
        # A table says so itself; a program that reads another format is told beside it.
        for text in found.warnings:
            voice.warn(text)
    emit(
        wanted,
        lambda: diff_tables(found, depth, face.units),
        found.to_json,
        face,
        voice,
        lambda: diff_data(found),
        {"markdown": lambda: diff_markdown(found, depth, face.units)},
    )


def _sides(base: str, head: str | None, voice: Voice) -> tuple[Side, Side]:
    """Both sides, each with its model: that of the other, where a ref names none.

    Raises:
        UsageError: neither names a model, or a side is nothing that can be compared.
    """
    before = _side(base, voice)
    named = before.saved.model if before.saved else before.model
    if head is None:
        if not named:
            message = f"{base} names no model; name it there ({base}:net.py:Net), or give a HEAD"
            raise UsageError(message)
        return before, Side(named, model=named)
    after = _side(head, voice)
    other = after.saved.model if after.saved else after.model
    if not named and not other:
        message = f"neither {base} nor {head} names a model; write {base}:net.py:Net"
        raise UsageError(message)
    return _with_model(before, other), _with_model(after, named)


def _side(given: str, voice: Voice) -> Side:
    if is_ref(given):
        ref = parse_ref(given)
        with voice.step("resolve", given):
            return Side(given, commit=resolve(ref), model=ref.model)
    if _is_saved(given):
        with voice.step("read", given):
            document = load(given)
        if not isinstance(document, Report):
            message = (
                f"{given} holds no report; save one with `costlab report MODEL --format json:FILE`"
            )
            raise UsageError(message)
        return Side(given, saved=document)
    try:
        find(given)
    except UsageError as error:
        if named := _of_the_file(given):
            raise UsageError(f"{error} {named}") from error
        raise
    return Side(given, model=given)


def _of_the_file(given: str) -> str:
    """What to say of a name that the budget file has; empty if it has none such."""
    file = configfile.find()
    models = configfile.load(file, begun=True).models if file else ()
    sources = [model.source for model in models if model.name == given]
    return f"{given} is a model of {file.name}: here write {sources[0]}" if file and sources else ""


def _is_saved(given: str) -> bool:
    """Whether a side is a file with a report, and not the text of a model."""
    if given.endswith(".json"):
        return True
    if given in CATALOGUE or given.endswith((".py", *FILES, *COUNTED)):
        return False
    try:
        return Path(given).exists() and not Path(given).is_dir()
    except (OSError, ValueError):
        return False


def _with_model(side: Side, model: str) -> Side:
    if side.saved or side.model:
        return side
    return Side(side.given, commit=side.commit, model=model)


def _same(*sides: Side) -> dict[str, None]:
    """What a ref says nothing of, so that no difference is no news."""
    refs = [(side.model, side.commit.top) for side in sides if side.commit is not None]
    return dict.fromkeys(
        text for model, top in refs for text in everywhere([model], Path.cwd(), top)
    )


def _name(side: Side) -> str:
    return f"{side.model} at {side.commit}" if side.commit else side.given


def _report(side: Side, given: Given, mode: str, voice: Voice) -> Report:
    """The report of a side; whatever goes wrong is told with its name."""
    if side.saved is not None:
        return side.saved
    try:
        if side.commit is not None:
            with voice.step("worktree", str(side.commit)), worktree(side.commit) as tree:
                return tree.report(side.model, given.specs, mode, given.function, given.on)
        source = find(side.model)
        load_torch(voice)
        with running(side.model):
            return analyzed(source, given.specs, mode, voice, given.function, on=given.on).report
    except TraceError as error:
        # What ran until then would be read as the whole network.
        raise TraceError(f"{side.model}: {error}", error.partial) from error
    except CostlabError as error:
        if side.model in str(error):
            raise
        raise type(error)(f"{side.model}: {error}") from error
