"""The zoo as tables: what each network is and costs, beside what its sources print.

Knows the catalogue, not text layout: a renderer lays the tables out.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from costlab.render.table import Column, Row, Table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from costlab.zoo import Kind, Network

PLURALS: dict[Kind, str] = {
    "network": "networks",
    "block": "building blocks",
    "factorization": "factorizations",
}
READABLE = 24
"""Cells of a line of what is left out rather than folded to less."""


def catalogue_tables(
    networks: Mapping[str, Network], traced: Mapping[str, Mapping[str, int]], kinds: Sequence[Kind]
) -> list[Table]:
    """A table for each of these kinds; below the last, how many there are of the others."""
    by_kind = {
        kind: {name: network for name, network in networks.items() if network.kind == kind}
        for kind in PLURALS
    }
    *above, last = [catalogue_table(by_kind[kind], traced, kind) for kind in kinds]
    others = [
        f"{len(by_kind[kind])} {plural}"
        for kind, plural in PLURALS.items()
        if kind not in kinds and by_kind[kind]
    ]
    more = (f"The zoo also has {' and '.join(others)}: costlab list --kind all",) if others else ()
    return [*above, replace(last, notes=(*last.notes, *more))]


def catalogue_table(
    networks: Mapping[str, Network], traced: Mapping[str, Mapping[str, int]], kind: Kind = "network"
) -> Table:
    """A row a network: what it is, its input, what costlab traces, and what its sources print.

    No figures are printed of a part of a network; in their place stands where it is drawn.
    """
    whole = kind == "network"
    columns = (
        Column("name", kind, "path", whole=True),
        Column("input", "input", "shape", spare=7),
        Column("macs", "MACs", "count"),
        *([Column("published_macs", "published", "text", spare=8)] if whole else []),
        Column("params", "params", "count", spare=1),
        Column("params_executed", "executed", "count", spare=4),
        *([Column("published_params", "published params", "text", spare=9)] if whole else []),
        Column("depth", "depth", "count", spare=5),
        Column("title", "what it is", "text", prose=READABLE, spare=6),
        *([] if whole else [Column("source", "drawn in", "text", prose=READABLE, spare=8)]),
    )
    rows = []
    for network in networks.values():
        found = traced.get(network.name, {})
        macs, params, executed, depth = (
            found.get(key) for key in ("macs", "params", "params_executed", "depth")
        )
        name = network.name, network.input_shape
        if whole:
            counts = macs, printed(network, "macs"), params, executed, printed(network, "params")
            rows.append(Row((*name, *counts, depth, network.title)))
        else:
            told = network.title, network.source
            rows.append(Row((*name, macs, params, executed, depth, *told)))
    notes = ["MACs, executed parameters and depth are those of one inference, batch 1."]
    if whole:
        notes.append(
            "Published: as its sources print it; `costlab list --format json` has the sources."
        )
    return Table(f"the {PLURALS[kind]} of the zoo", columns, tuple(rows), tuple(notes))


def printed(network: Network, metric: str) -> str | None:
    """The figures of one metric as they are printed, each once; None if there are none."""
    figures = dict.fromkeys(f.printed for f in network.published if f.metric == metric)
    return "; ".join(figures) or None
