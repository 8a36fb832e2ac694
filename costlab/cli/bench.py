"""`costlab bench`: what convolutions, blocks and networks take on this device, and why."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Annotated, Literal

import typer

from costlab.bench.document import Measurements
from costlab.cli.measurements import compare, lacking, list_studies, show
from costlab.cli.measuring import Asked, measure
from costlab.cli.options import (
    Accessible,
    ColorOption,
    Debug,
    Formats,
    InputsFrom,
    Quiet,
    UnitsOption,
    Verbose,
)
from costlab.cli.output import Face, Target, targets
from costlab.cli.plotting import Plot, PlotOption
from costlab.cli.running import one_way
from costlab.cli.voice import Voice
from costlab.errors import UsageError

COMPARE = "compare"
MINUTES, QUICK_MINUTES = 10.0, 0.75
EXAMPLES = (
    ("costlab bench --list", "the studies"),
    ("costlab bench --list factorizations", "its pairs, as --pair names them"),
    ("costlab bench factorizations --quick", "a short look, within a minute"),
    (
        "costlab bench factorizations --minutes 30 --out factorizations.json",
        "all of it, kept after every case",
    ),
    (
        "costlab bench factorizations --minutes 30 --out factorizations.json --resume",
        "what was interrupted goes on",
    ),
    (
        "costlab bench factorizations --batch 32,256 --precision bf16 --arm eager,graph",
        "some of its cases",
    ),
    ("costlab bench inception_v3 --quick", "a model, block by block"),
    (
        "costlab bench net.py:Net --inputs-from inputs.py:make --quick",
        "a model on what a function of yours returns",
    ),
    ("costlab bench study.toml --plot saving.svg", "a study of your own, with pictures of it"),
    ("costlab bench compare before.json after.json", "the same cases of two runs"),
)


def bench(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="STUDY|FILE.toml|MODEL | compare A.json B.json",
            help="A study of --list, a file with one, or a model as `costlab report` names it; or "
            "`compare` and two files of measurements.",
        ),
    ] = None,
    inputs: Annotated[
        list[str],
        typer.Option("--input", "-i", metavar="SPEC", help="An input of MODEL; repeatable."),
    ] = [],  # noqa: B006 - typer copies it
    inputs_from: InputsFrom = None,
    device: Annotated[
        Literal["auto", "cpu", "cuda"], typer.Option("--device", help="Where to measure.")
    ] = "auto",
    pair: Annotated[
        list[str],
        typer.Option("--pair", metavar="GLOB", help="Only pairs of this name; repeatable."),
    ] = [],  # noqa: B006 - typer copies it
    batch: Annotated[
        list[str], typer.Option("--batch", metavar="N,N,…", help="Images in a batch.")
    ] = [],  # noqa: B006 - typer copies it
    precision: Annotated[
        list[str], typer.Option("--precision", metavar="P,P,…", help="fp32, tf32, bf16, fp16.")
    ] = [],  # noqa: B006 - typer copies it
    layout: Annotated[list[str], typer.Option("--layout", metavar="L,L", help="nhwc, nchw.")] = [],  # noqa: B006 - typer copies it
    finish: Annotated[
        list[str], typer.Option("--finish", metavar="F,F,…", help="bare, bias_relu, bn_relu.")
    ] = [],  # noqa: B006 - typer copies it
    regime: Annotated[
        list[str], typer.Option("--regime", metavar="R,R,…", help="cold, warm, wall.")
    ] = [],  # noqa: B006 - typer copies it
    arm: Annotated[
        list[str],
        typer.Option(
            "--arm",
            metavar="A,A,…",
            help=(
                "eager, graph, compile, compile-autotune, autotune-graph, cudnn-fused, ours, "
                "best-blocks."
            ),
        ),
    ] = [],  # noqa: B006 - typer copies it
    quick: Annotated[
        bool, typer.Option("--quick", help="A short look: few cases, wider intervals.")
    ] = False,
    minutes: Annotated[
        float | None,
        typer.Option("--minutes", metavar="M", help="The time for all of it: 10, quick 0.75."),
    ] = None,
    out: Annotated[
        str | None,
        typer.Option("--out", metavar="FILE", help="Keep everything in FILE, after every case."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with FILE: only the cases that it lacks.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Measure though others use the device; it is noted.")
    ] = False,
    plot: PlotOption = None,
    listed: Annotated[
        bool, typer.Option("--list", help="List the studies, or the pairs of STUDY.")
    ] = False,
    units: UnitsOption = "si",
    formats: Formats = [],  # noqa: B006 - typer copies it
    color: ColorOption = "auto",
    accessible: Accessible = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    debug: Debug = False,  # noqa: ARG001 - read by main
) -> int:
    """What factorized convolutions, blocks and networks take on this device, and why.

    Each variant is timed in turn with its baseline until the ratio is known; its saving is
    explained in parts that add up, from ceilings measured in the same run.
    """
    wanted, voice = targets(formats), Voice(quiet, verbose)
    face = Face(units, color, accessible)
    axes = {
        "pair": pair,
        "batch": batch,
        "precision": precision,
        "layout": layout,
        "finish": finish,
        "regime": regime,
        "arm": arm,
    }
    if listed or (words and words[0] == COMPARE):
        what = "--list" if listed else COMPARE
        given = {
            **axes,
            **({} if listed else {"input": inputs, "inputs-from": inputs_from}),
            "quick": quick,
            "minutes": minutes,
            "out": out,
            "resume": resume,
            "force": force,
            "plot": plot,
        }
        _refuse(what, given)
        if listed:
            list_studies(words or [], *one_way(inputs, inputs_from), wanted, face, voice)
        else:
            compare((words or [])[1:], wanted, face, voice)
        return 0
    specs, function = one_way(inputs, inputs_from)
    asked = Asked(
        study=_one(words or []),
        inputs=specs,
        inputs_from=function,
        device=device,
        axes={name: tuple(values) for name, values in axes.items()},
        quick=quick,
        limit_s=_seconds(minutes, quick=quick),
        out=out,
        resume=resume,
        force=force,
        plot=plot,
    )
    return _measure(asked, wanted, face, voice)


def _measure(asked: Asked, wanted: list[Target], face: Face, voice: Voice) -> int:
    """Measures, shows and draws; the exit code."""
    plot = None if asked.plot is None else Plot(asked.plot)
    kept = asked.out or next((t.path for t in wanted if t.form == "json" and t.path), None)

    def tell(found: Measurements, ended: int) -> None:
        nothing = all(case.error for case in found.cases)
        # An empty table on stdout would say nothing; a file, or a program, gets what there is.
        shown = [one for one in wanted if not (nothing and one == Target("text", None))]
        if found.cases or not ended:
            show(found, shown, face, voice)
        if plot is not None and not all(case.error for case in found.cases):
            plot.draw(found, voice)
        if ended:
            again = f"; --out {kept} --resume goes on" if kept else ""
            cases = f"{len(found.cases)} case{'' if len(found.cases) == 1 else 's'}"
            voice.warn(f"interrupted after {cases}{again}")

    found, ended = measure(asked, kept, voice, tell)
    tell(found, ended)
    if ended:
        return ended
    arms = [arm.strip() for text in asked.axes["arm"] for arm in text.split(",")]
    if told := lacking(found, arms):
        raise UsageError(told)
    return 0


def _one(words: list[str]) -> str:
    if not words:
        raise UsageError(
            "no study is named; `costlab bench --list` lists them, and `costlab bench "
            "factorizations --quick` takes a short look at one"
        )
    if len(words) > 1:
        raise UsageError(
            f"one study at a time: {words[0]!r} or {words[1]!r}; two files of measurements are "
            "compared by `costlab bench compare A.json B.json`"
        )
    return words[0]


def _seconds(minutes: float | None, *, quick: bool) -> float:
    if minutes is None:
        minutes = QUICK_MINUTES if quick else MINUTES
    if not (isfinite(minutes) and minutes > 0):
        raise UsageError(f"--minutes is {minutes:g}; it must be a number above 0, such as 8")
    return 60 * minutes


def _refuse(what: str, given: Mapping[str, object]) -> None:
    for name, value in given.items():
        if value:
            raise UsageError(f"--{name} is for measuring; {what} measures nothing")
