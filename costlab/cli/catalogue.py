"""`costlab list`: the networks of the zoo, with published and traced figures."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated, Literal, get_args

import typer

from costlab.cli.options import (
    Accessible,
    ColorOption,
    Debug,
    Formats,
    Quiet,
    UnitsOption,
    Verbose,
)
from costlab.cli.output import Face, emit, targets
from costlab.cli.voice import Voice
from costlab.render.catalogue import catalogue_tables
from costlab.zoo import CATALOGUE, Kind, traced

EXAMPLES = (
    ("costlab list", "the networks of the zoo"),
    ("costlab list --kind all", "and their building blocks, and factorized convolutions"),
    ("costlab list --format json", "for a program"),
)


def list_networks(
    kind: Annotated[
        Literal["network", "block", "factorization", "all"],
        typer.Option("--kind", help="Networks, or parts of them on their own."),
    ] = "network",
    units: UnitsOption = "si",
    formats: Formats = [],  # noqa: B006 - typer copies it
    color: ColorOption = "auto",
    accessible: Accessible = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    debug: Debug = False,  # noqa: ARG001 - read by main
) -> int:
    """The networks of the zoo, with published figures and those that costlab traced."""
    wanted, voice = targets(formats), Voice(quiet, verbose)
    figures = traced()
    kinds: tuple[Kind, ...] = get_args(Kind) if kind == "all" else (kind,)

    def document() -> str:
        listed = [
            {
                "name": network.name,
                "kind": network.kind,
                "title": network.title,
                "source": network.source,
                "input_shape": list(network.input_shape),
                "traced": dict(figures.get(network.name, {})),
                "published": [
                    {"metric": p.metric, "value": p.value, "printed": p.printed, "source": p.source}
                    for p in network.published
                ],
                "accuracy": [asdict(accuracy) for accuracy in network.accuracy],
            }
            for each in kinds
            for network in CATALOGUE.values()
            if network.kind == each
        ]
        document = {"schema": "costlab.list/1", "networks": listed}
        return json.dumps(document, indent=1, ensure_ascii=False) + "\n"

    emit(
        wanted,
        lambda: catalogue_tables(CATALOGUE, figures, kinds),
        document,
        Face(units, color, accessible),
        voice,
    )
    return 0
