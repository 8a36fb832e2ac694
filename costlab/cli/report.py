"""`costlab report`: what a model costs, block by block."""

from __future__ import annotations

from typing import Annotated

import typer

from costlab import sources
from costlab.cli.options import (
    Accessible,
    ByOption,
    ColorOption,
    Columns,
    Debug,
    Depth,
    FoldOption,
    Formats,
    Inputs,
    InputsFrom,
    ModeOption,
    Modules,
    OnOption,
    OptimizerOption,
    Params,
    Quiet,
    Sort,
    Top,
    UnitsOption,
    Verbose,
)
from costlab.cli.output import Face, targets
from costlab.cli.running import analyzed, load_torch, one_way, running
from costlab.cli.views import emit_report, showing
from costlab.cli.voice import Voice
from costlab.errors import TraceError, UnknownOperationError, UsageError
from costlab.report import Report
from costlab.training.optimizers import optimizer_named

EXAMPLES = (
    ("costlab report inception_v3", "a network of the zoo"),
    ("costlab report inception_v3 --input 'f32[8,3,224,224]'", "another batch and image size"),
    ("costlab report inception_v3 --mode train", "and what a step of training costs"),
    ("costlab report inception_v3 --mode train --optimizer rmsprop", "with another optimizer"),
    ("costlab report inception_v3 --module 'Mixed_6?' --depth 2", "some modules, two levels"),
    ("costlab report inception_v3 --sort macs --top 5", "the five largest; the rest in one row"),
    ("costlab report inception_v3 --columns macs,pooling.flops", "columns of one's own choice"),
    ("costlab report inception_v3 --by op", "by operation; --by kind by class of module"),
    ("costlab report inception_v3 --params --top 9", "and the nine largest parameters"),
    ("costlab report inception_v3 --cross-check", "beside two other counters"),
    (
        "costlab report inception_v3 --format text --format json:report.json",
        "the table, and all of it in a file",
    ),
    ("costlab report net.py:Net --input 'f32[1,3,32,32]'", "a model of your own"),
    ("costlab report 'net.py:Net(width=16)' --input 'f32[1,3,32,32]'", "with arguments"),
    ("costlab report 'timm:resnet18(num_classes=10)'", "a model of timm, at timm's image size"),
    ("costlab report model.onnx --input 'f32[1,3,224,224]'", "a graph of ONNX; no torch needed"),
)


def report(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A network of `costlab list`, file.py:factory, package.module:factory, "
            "torchvision:NAME, timm:NAME, hf:FOLDER, hf:CLASS, program.pt2 or model.onnx, with "
            "literal arguments if need be: 'inception_v3(width=2)', "
            "'hf:LlamaForCausalLM(num_hidden_layers=2)'.",
        ),
    ],
    inputs: Inputs = [],  # noqa: B006 - typer copies it
    inputs_from: InputsFrom = None,
    mode: ModeOption = "eval",
    optimizer: OptimizerOption = None,
    on: OnOption = "auto",
    depth: Depth = "auto",
    modules: Modules = [],  # noqa: B006 - typer copies it
    sort: Sort = None,
    top: Top = None,
    columns: Columns = None,
    by: ByOption = "module",
    fold: FoldOption = True,
    params: Params = False,
    units: UnitsOption = "si",
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse a total that is only a lower bound.")
    ] = False,
    cross_check: Annotated[
        bool, typer.Option("--cross-check", help="Ask FlopCounterMode and fvcore as well.")
    ] = False,
    formats: Formats = [],  # noqa: B006 - typer copies it
    color: ColorOption = "auto",
    accessible: Accessible = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    debug: Debug = False,  # noqa: ARG001 - read by main
) -> int:
    """What a model costs: multiply-adds, parameters, activations and bytes, block by block."""
    wanted = targets(formats)
    show = showing(depth, modules, sort, top, columns, fold=fold, by=by)
    face, voice = Face(units, color, accessible, verbose), Voice(quiet, verbose)
    given = one_way(inputs, inputs_from)
    _refuse_unused(optimizer, mode)
    try:
        with voice.working(f"analyzing {model}"), running(model):
            found = _analyze(model, given, mode, voice, optimizer, on, cross_check=cross_check)
    except TraceError as error:
        if isinstance(error.partial, Report):
            try:
                why = str(error)
                emit_report(error.partial, show, wanted, face, voice, params=params, error=why)
            except UsageError as unshown:
                message = f"{error}\n{unshown}"
                raise TraceError(message, error.partial) from error
        raise
    emit_report(found, show, wanted, face, voice, params=params)
    if strict and found.coverage.unknown:
        named = ", ".join(unknown.op for unknown in found.coverage.unknown)
        message = f"the total is a lower bound: no rule prices {named}; see docs/adding-an-op.md"
        raise UnknownOperationError(message)
    return 0


def _refuse_unused(optimizer: str | None, mode: str) -> None:
    """Says at once, before torch is loaded, that an optimizer is unknown or has no use.

    Raises:
        UsageError: it is.
    """
    if optimizer is None:
        return
    optimizer_named(optimizer)
    if mode != "train":
        message = f"--optimizer {optimizer} is a part of training; add --mode train"
        raise UsageError(message)


def _analyze(
    model: str,
    given: tuple[tuple[str, ...], str],
    mode: str,
    voice: Voice,
    optimizer: str | None,
    on: str,
    *,
    cross_check: bool,
) -> Report:
    specs, function = given
    source = sources.find(model)
    if source.count is None:
        load_torch(voice)
    elif cross_check:
        message = f"{model} has no module that other counters could be asked about"
        raise UsageError(f"{message}: leave --cross-check out")
    found, module, chosen = analyzed(source, specs, mode, voice, function, optimizer, on)
    if cross_check and module is not None:
        with voice.step("cross-check", "FlopCounterMode, fvcore"):
            from costlab.crosscheck import cross_checked

            found = cross_checked(found, module, chosen)
    return found
