"""`costlab schema`: the JSON Schema of a document that costlab writes."""

from __future__ import annotations

from typing import Annotated

import typer

from costlab.cli.options import Debug
from costlab.cli.output import write_out
from costlab.schemas import published, text_of

EXAMPLES = (
    ("costlab schema", "the documents that have one"),
    ("costlab schema costlab.report/1", "that of a report, for a validator"),
)


def schema(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]",
            help="What a document holds under `schema`, such as costlab.report/1; all names are "
            "listed if none is given.",
        ),
    ] = None,
    debug: Debug = False,  # noqa: ARG001 - read by main
) -> int:
    """The JSON Schema (draft 2020-12) of a document that costlab writes, such as a report."""
    write_out("".join(f"{known}\n" for known in published()) if name is None else text_of(name))
    return 0
