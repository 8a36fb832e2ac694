"""Options that several commands share, declared once."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from costlab.cli.output import Mode
from costlab.render.groups import By
from costlab.render.surface import Color
from costlab.units import Units

Inputs = Annotated[
    list[str],
    typer.Option(
        "--input",
        "-i",
        metavar="SPEC",
        help="f32[1,3,299,299], name=i64[2,128], x=(f32[1],True); repeatable.",
    ),
]
ModeOption = Annotated[Mode, typer.Option("--mode", help="The mode of the forward.")]
InputsFrom = Annotated[
    str | None,
    typer.Option(
        "--inputs-from",
        metavar="PLACE",
        help="A function that returns the inputs, instead of --input: inputs.py:make.",
    ),
]
OnOption = Annotated[
    Literal["auto", "meta", "fake", "real"],
    typer.Option(
        "--on",
        help="What the forward runs on: shapes alone, fake or real tensors; auto tries them in "
        "this order.",
    ),
]
Depth = Annotated[str, typer.Option("--depth", metavar="N|auto", help="Levels of blocks to show.")]
Modules = Annotated[
    list[str],
    typer.Option("--module", metavar="GLOB", help="Show these modules: * stops at dots, ** not."),
]
Sort = Annotated[
    str | None, typer.Option("--sort", metavar="COL[:asc|desc]", help="Sort blocks by a column.")
]
Top = Annotated[
    int | None, typer.Option("--top", min=1, metavar="N", help="Show the N largest of each level.")
]
Columns = Annotated[
    str | None,
    typer.Option(
        "--columns", metavar="COL,COL,…", help="Columns: a name, or FAMILY.MEASURE (pooling.flops)."
    ),
]
FoldOption = Annotated[
    bool,
    typer.Option("--fold/--no-fold", help="Three or more equal neighbours in one row, their sum."),
]
ByOption = Annotated[
    By, typer.Option("--by", help="A row a module, a row an operation, or one a kind of module.")
]
Params = Annotated[
    bool, typer.Option("--params", help="List the parameters: tied, frozen, never executed.")
]
OptimizerOption = Annotated[
    str | None,
    typer.Option(
        "--optimizer",
        metavar="NAME",
        help="With --mode train: sgd, sgd-momentum (if none is named), rmsprop, adam, adamw, …",
    ),
]
UnitsOption = Annotated[Units, typer.Option("--units", help="Rounded with a prefix, or exact.")]
Formats = Annotated[
    list[str],
    typer.Option(
        "--format", metavar="FMT[:PATH]", help="text, json, csv, markdown or html; repeatable."
    ),
]
ColorOption = Annotated[Color, typer.Option("--color", help="Colour in a terminal.")]
Accessible = Annotated[
    bool, typer.Option("--accessible", help="No bars or rules: words and numbers only.")
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Neither progress nor warnings on stderr.")
]
Verbose = Annotated[
    bool,
    typer.Option(
        "--verbose",
        "-v",
        help="Say on stderr what is done and how long it takes; below tables, what numbers mean.",
    ),
]
Debug = Annotated[bool, typer.Option("--debug", help="Show whole tracebacks.")]
