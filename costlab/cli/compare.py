"""`costlab compare`: networks side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from shlex import quote
from typing import Annotated

import typer

from costlab.cli.options import (
    Accessible,
    ColorOption,
    Debug,
    Formats,
    InputsFrom,
    OnOption,
    Quiet,
    UnitsOption,
    Verbose,
)
from costlab.cli.output import Face, Mode, Target, emit, ordering, targets
from costlab.cli.running import analyzed, load_torch, one_way, running
from costlab.cli.voice import Voice
from costlab.comparison import Compared, Comparison, Errors
from costlab.errors import CostlabError, TraceError, UsageError
from costlab.inputspec import parse
from costlab.render.compare import comparison_table, sortable
from costlab.report import Report
from costlab.sources import Source, find
from costlab.sources.text import split
from costlab.zoo import CATALOGUE, Network

EXAMPLES = (
    ("costlab compare inception_v3 googlenet resnet50", "each at its own input"),
    ("costlab compare vgg16 resnet50 -i 'f32[1,3,224,224]'", "all at one"),
    ("costlab compare inception_v3 'inception_v3(width=2)'", "a network and a wider one"),
    (
        "costlab compare resnet18 net.py:Net --input 'f32[1,3,32,32]'",
        "a model of your own beside one of the zoo",
    ),
    ("costlab compare vgg16 resnet50 inception_v3 --sort macs:asc", "the cheapest first"),
    ("costlab compare vgg16 resnet50 --format json:compare.json", "all of it, in a file"),
)
FEWEST = 2


def compare(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL",
            help="Models as `costlab report` takes them: networks of `costlab list`, "
            "file.py:factory, torchvision:NAME, timm:NAME, hf:FOLDER, hf:CLASS, program.pt2, "
            "model.onnx.",
        ),
    ],
    inputs: Annotated[
        list[str],
        typer.Option(
            "--input",
            "-i",
            metavar="SPEC",
            help="One input for all, f32[1,3,299,299]; each its own if none is given.",
        ),
    ] = [],  # noqa: B006 - typer copies it
    inputs_from: InputsFrom = None,
    mode: Annotated[Mode, typer.Option("--mode", help="The mode of the forwards.")] = "eval",
    on: OnOption = "auto",
    sort: Annotated[
        str | None,
        typer.Option("--sort", metavar="COL[:asc|desc]", help="Sort networks by a column."),
    ] = None,
    units: UnitsOption = "si",
    formats: Formats = [],  # noqa: B006 - typer copies it
    color: ColorOption = "auto",
    accessible: Accessible = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    debug: Debug = False,  # noqa: ARG001 - read by main
) -> int:
    """Networks side by side: what each costs, beside the first, and beside its published error."""
    wanted, voice = targets(formats), Voice(quiet, verbose)
    column, ascending = ordering(sort)
    sortable(column)
    specs, function = one_way(inputs, inputs_from)
    sources = _sources(models)
    with voice.working(f"comparing {len(sources)} networks"):
        load_torch(voice)
        found = _comparison(
            [_run(source, specs, mode, voice, function, on) for source in sources], mode
        )
    show(found, column, wanted, Face(units, color, accessible, verbose), voice, ascending=ascending)
    return 0


def show(
    found: Comparison,
    sort: str | None,
    wanted: list[Target],
    face: Face,
    voice: Voice,
    *,
    ascending: bool = False,
) -> None:
    """Writes a comparison in each format."""
    if not any(target.form == "text" and target.path is None for target in wanted):
        # A table says so itself; a program that reads another format is told beside it.
        for network in found.networks:
            if network.is_lower_bound:
                voice.warn(f"{network.model} is a lower bound: {', '.join(network.unknown)}")
    emit(
        wanted,
        lambda: [comparison_table(found, sort, ascending=ascending)],
        found.to_json,
        face,
        voice,
    )


def _sources(models: list[str]) -> list[Source]:
    """What is named, before anything is built.

    Raises:
        UsageError: there are not two, one is there twice, or one is nothing that can be built.
    """
    sources = [find(model) for model in models]
    names = [source.name for source in sources]
    if len(names) < FEWEST:
        message = (
            f"{names[0]} alone cannot be compared; name another network, or see what it costs "
            f"with `costlab report {quote(names[0])}`"
        )
        raise UsageError(message)
    for name in names:
        if names.count(name) > 1:
            message = f"{name} is named {names.count(name)} times; a row of it is enough"
            raise UsageError(message)
    return sources


def _run(
    source: Source,
    specs: tuple[str, ...],
    mode: str,
    voice: Voice,
    function: str = "",
    on: str = "auto",
) -> tuple[Source, Report]:
    """A source with its report; whatever goes wrong is told with its name."""
    try:
        with running(source.name):
            return source, analyzed(source, specs, mode, voice, function, on=on).report
    except TraceError as error:
        # A row of what ran until then would be read as that of the whole network.
        raise TraceError(f"{source.name}: {error}", error.partial) from error
    except CostlabError as error:
        if source.name in str(error):
            raise
        raise type(error)(f"{source.name}: {error}") from error


def _comparison(found: list[tuple[Source, Report]], mode: str) -> Comparison:
    first = found[0][1]
    return Comparison(
        mode,
        tuple(_compared(source, report) for source, report in found),
        first.convention,
        first.versions,
    )


def _compared(source: Source, report: Report) -> Compared:
    words = split(source.name)
    network = None if source.inputs is None else CATALOGUE[words.place]
    return Compared(
        model=source.name,
        inputs=report.inputs,
        total=report.total,
        unknown=tuple(dict.fromkeys(unknown.op for unknown in report.coverage.unknown)),
        warnings=report.warnings,
        accuracy=tuple(Errors(**asdict(accuracy)) for accuracy in network.accuracy)
        if network
        else (),
        as_published=network is not None and _as_published(network, words.kwargs, report.inputs),
    )


def _as_published(
    network: Network, arguments: Mapping[str, object], inputs: tuple[str, ...]
) -> bool:
    """Whether a network is built as the catalogue says, and given images of that size."""
    own = dict(network.arguments)
    return (
        repr({**own, **arguments}) == repr(own)  # 1 is no True here
        and [parse(text).spec.shape[1:] for text in inputs] == [network.input_shape]
    )
