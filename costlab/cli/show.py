"""`costlab show`: a saved document again, in any format."""

from __future__ import annotations

from typing import Annotated

import typer

from costlab.cli.options import (
    Accessible,
    ColorOption,
    Columns,
    Debug,
    Depth,
    Formats,
    Modules,
    Sort,
    Top,
    UnitsOption,
)
from costlab.cli.output import Face, targets
from costlab.cli.views import emit_report, showing
from costlab.store import load

EXAMPLES = (
    ("costlab show report.json", "the table again"),
    ("costlab show report.json --depth 2 --units exact", "in more detail, with every digit"),
    ("costlab show report.json --format csv:blocks.csv", "as another format, in a file"),
)


def show(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A document saved as JSON.")],
    depth: Depth = "auto",
    modules: Modules = [],  # noqa: B006 - typer copies it
    sort: Sort = None,
    top: Top = None,
    columns: Columns = None,
    units: UnitsOption = "si",
    formats: Formats = [],  # noqa: B006 - typer copies it
    color: ColorOption = "auto",
    accessible: Accessible = False,
    debug: Debug = False,  # noqa: ARG001 - read by main
) -> int:
    """A saved document again, in any format; needs neither torch nor the model."""
    wanted = targets(formats)
    asked = showing(depth, modules, sort, top, columns)
    emit_report(load(file), asked, wanted, Face(units, color, accessible))
    return 0
