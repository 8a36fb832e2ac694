"""`costlab report`: what a model costs, block by block."""

from __future__ import annotations

from typing import Annotated

import typer

from costlab.cli.options import (
    Accessible,
    ColorOption,
    Columns,
    Depth,
    Formats,
    Modules,
    Sort,
    Top,
    UnitsOption,
)
from costlab.cli.output import Face, Mode, targets, waiting
from costlab.cli.views import emit_report, showing
from costlab.errors import TraceError, UnknownOperationError, UsageError
from costlab.report import Report


def report(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A network of `costlab list`, file.py:factory or package.module:factory, with "
            "literal arguments if need be: 'inception_v3(width=2)'.",
        ),
    ],
    inputs: Annotated[
        list[str],
        typer.Option(
            "--input", "-i", metavar="SPEC", help="f32[1,3,299,299] or name=i64[2,128]; repeatable."
        ),
    ] = [],  # noqa: B006 - typer copies it
    mode: Annotated[Mode, typer.Option("--mode", help="The mode of the forward.")] = "eval",
    depth: Depth = "auto",
    modules: Modules = [],  # noqa: B006 - typer copies it
    sort: Sort = None,
    top: Top = None,
    columns: Columns = None,
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
    debug: Annotated[  # noqa: ARG001 - read by main
        bool, typer.Option("--debug", help="Show whole tracebacks.")
    ] = False,
) -> int:
    """What a model costs: multiply-adds, parameters, activations and bytes, block by block."""
    wanted = targets(formats)
    show = showing(depth, modules, sort, top, columns)
    face = Face(units, color, accessible)
    try:
        with waiting(f"analyzing {model}"):
            found = _analyze(model, inputs, mode, cross_check=cross_check)
    except TraceError as error:
        if isinstance(error.partial, Report):
            emit_report(error.partial, show, wanted, face)
        raise
    emit_report(found, show, wanted, face)
    if strict and found.coverage.unknown:
        named = ", ".join(unknown.op for unknown in found.coverage.unknown)
        message = f"the total is a lower bound: no rule prices {named}; see docs/adding-an-op.md"
        raise UnknownOperationError(message)
    return 0


def _analyze(model: str, inputs: list[str], mode: str, *, cross_check: bool) -> Report:
    from costlab import sources
    from costlab.inputspec import parse

    specs = tuple(inputs)
    for spec in specs:
        parse(spec)
    source = sources.find(model)
    module = source.build()
    chosen = specs or source.inputs
    if chosen is None:
        raise UsageError(sources.describe_inputs(module, source.name))
    from costlab.analysis import analyze

    found = analyze(module, chosen, mode=mode, name=source.name)
    if cross_check:
        from costlab.crosscheck import cross_checked

        found = cross_checked(found, module, chosen)
    return found
