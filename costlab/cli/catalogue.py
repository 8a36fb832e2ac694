"""`costlab list`: the networks of the zoo, with published and traced figures."""

from __future__ import annotations

import json

from costlab.cli.options import Accessible, ColorOption, Debug, Formats, UnitsOption
from costlab.cli.output import Face, emit, targets
from costlab.render.views import catalogue_table
from costlab.zoo import CATALOGUE, traced

EXAMPLES = (
    ("costlab list", "what the zoo holds"),
    ("costlab list --format json", "for a program"),
)


def list_networks(
    units: UnitsOption = "si",
    formats: Formats = [],  # noqa: B006 - typer copies it
    color: ColorOption = "auto",
    accessible: Accessible = False,
    debug: Debug = False,  # noqa: ARG001 - read by main
) -> int:
    """The networks of the zoo, with published figures and those that costlab traced."""
    wanted = targets(formats)
    figures = traced()

    def document() -> str:
        listed = [
            {
                "name": network.name,
                "title": network.title,
                "source": network.source,
                "input_shape": list(network.input_shape),
                "traced": dict(figures.get(network.name, {})),
                "published": [
                    {"metric": p.metric, "value": p.value, "printed": p.printed, "source": p.source}
                    for p in network.published
                ],
            }
            for network in CATALOGUE.values()
        ]
        return json.dumps({"schema": "costlab.list/1", "networks": listed}, indent=1) + "\n"

    emit(
        wanted,
        lambda: [catalogue_table(CATALOGUE, figures)],
        document,
        Face(units, color, accessible),
    )
    return 0
