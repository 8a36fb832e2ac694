"""`costlab explain`: what other counters would print of a model, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from costlab import sources
from costlab.cli.options import (
    Accessible,
    ColorOption,
    Debug,
    Formats,
    Inputs,
    InputsFrom,
    ModeOption,
    OnOption,
    Quiet,
    UnitsOption,
    Verbose,
)
from costlab.cli.output import Face, Target, emit, targets
from costlab.cli.running import analyzed, load_torch, one_way, running
from costlab.cli.voice import Voice
from costlab.conventions.explanation import Explanation
from costlab.errors import UsageError, did_you_mean
from costlab.render.explain import explanation_table

if TYPE_CHECKING:
    from costlab.conventions.rules import Tool

EXAMPLES = (
    ("costlab explain inception_v3", "six counters, term by term"),
    ("costlab explain resnet50 --counter fvcore --counter ptflops", "two of them"),
    ("costlab explain vgg16 --run", "beside what those that are installed print"),
    ("costlab explain net.py:Net -i 'f32[8,3,32,32]'", "a model of your own"),
    ("costlab explain inception_v3 --format json:explain.json", "all of it, in a file"),
)


def explain(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A model as `costlab report` takes it, of which there is a module.",
        ),
    ],
    inputs: Inputs = [],  # noqa: B006 - typer copies it
    inputs_from: InputsFrom = None,
    mode: ModeOption = "eval",
    on: OnOption = "auto",
    counters: Annotated[
        list[str],
        typer.Option("--counter", metavar="NAME", help="Only this counter; repeatable."),
    ] = [],  # noqa: B006 - typer copies it
    run: Annotated[
        bool,
        typer.Option("--run", help="Run the counters that are installed as well, on copies."),
    ] = False,
    units: UnitsOption = "si",
    formats: Formats = [],  # noqa: B006 - typer copies it
    color: ColorOption = "auto",
    accessible: Accessible = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    debug: Debug = False,  # noqa: ARG001 - read by main
) -> int:
    """What other counters would print of a model, and the terms that make the difference."""
    wanted, voice = targets(formats), Voice(quiet, verbose)
    given = one_way(inputs, inputs_from)
    source = sources.find(model)
    with voice.working(f"explaining {model}"), running(model):
        load_torch(voice)
        found = _explanation(source, given, (mode, on), counters, voice, run=run)
    show(found, wanted, Face(units, color, accessible), voice)
    return 0


def show(found: Explanation, wanted: list[Target], face: Face, voice: Voice) -> None:
    """Writes an explanation in each format."""
    if not any(target.form == "text" and target.path is None for target in wanted):
        for text in found.warnings:
            voice.warn(text)
    emit(wanted, lambda: [explanation_table(found)], found.to_json, face, voice)


def _explanation(
    source: sources.Source,
    given: tuple[tuple[str, ...], str],
    how: tuple[str, str],
    names: list[str],
    voice: Voice,
    *,
    run: bool,
) -> Explanation:
    chosen_counters = _counters(names)
    # Traced as every command traces, so that what stops a forward is told in the same words.
    (specs, function), (mode, on) = given, how
    _, module, chosen = analyzed(source, specs, mode, voice, function, on=on)
    if module is None:
        message = f"{source.name} has no module that other counters could be asked about"
        raise UsageError(message)
    from costlab.conventions.deriving import explain as derived

    found = derived(module, chosen, chosen_counters, mode=mode, name=source.name, on=on)
    if run:
        from costlab.conventions.asking import asked

        with voice.step("run", ", ".join(counter.name for counter in chosen_counters)):
            found = asked(found, module, chosen)
    return found


def _counters(names: list[str]) -> list[Tool]:
    """The counters that are asked for, all where none is.

    Raises:
        UsageError: a name that is no counter's.
    """
    from costlab.conventions.tools import TOOLS

    for name in names:
        if name not in TOOLS:
            message = (
                f"no convention is known of a counter called {name!r}.{did_you_mean(name, TOOLS)} "
                f"Known: {', '.join(TOOLS)}."
            )
            raise UsageError(message)
    return [tool for name, tool in TOOLS.items() if name in names or not names]
