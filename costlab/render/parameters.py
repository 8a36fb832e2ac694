"""The parameters of a model in words below its table, and as a table of their own.

Knows reports, not pages: numbers stay raw, and a renderer writes them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from costlab.errors import UsageError
from costlab.render.table import Column, Emphasis, Row, Table
from costlab.units import binary_bytes, si

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from costlab.blocks import Block
    from costlab.parameters import Parameters, Weight
    from costlab.report import Report

SHOWN = 8
"""Names in one sentence."""
FEWEST = 3
"""So many names that differ in a number are one pattern."""


def parameter_notes(report: Report) -> Iterator[str]:
    """What holds the parameters, which are tied, and which the forward never used."""
    found = report.parameters
    if found is not None and (found.each or found.buffers.tensors):
        yield _holding(found)
    if found is not None and found.tied:
        yield f"Tied, counted once: {_listed(list(_ties(found.tied)), '; ')}."
    if report.complete and (idle := list(_patterns(_idle(report)))):
        yield f"Never executed in {report.mode} mode: {_listed(idle)}."


def parameters_table(
    report: Report, blocks: Sequence[Block] | None = None, top: int | None = None
) -> Table:
    """A row a parameter: those of some blocks if there are any named, and the `top` largest.

    Raises:
        UsageError: the report has no list of parameters.
    """
    if report.parameters is None:
        message = (
            "the report does not list its parameters: an earlier costlab saved it. Save one anew "
            "with `costlab report MODEL --format json:FILE`"
        )
        raise UsageError(message)
    each = report.parameters.each
    if blocks is not None:
        places = tuple(f"{block.path}." for block in blocks)
        each = tuple(
            weight
            for weight in each
            if any(path.startswith(places) for path in (weight.path, *weight.aliases))
        )
    kept = sorted(each, key=lambda weight: weight.elements, reverse=True)[:top]
    names = {weight.path for weight in kept}
    hidden = [weight for weight in each if weight.path not in names]
    rows = [_row(weight) for weight in each if weight.path in names]
    if hidden:
        rows.append(_sum(f"and {len(hidden)} more", hidden, "remainder"))
    rows.append(_sum("total", each, "total"))
    return Table(
        "parameters",
        (
            Column("parameter", "parameter", "path"),
            Column("shape", "shape", "shape", spare=2),
            Column("dtype", "type", "text", spare=3),
            Column("elements", "elements", "count"),
            Column("bytes", "bytes", "bytes", spare=1),
            Column("remark", "remark", "text", prose=16),
        ),
        tuple(rows),
    )


def _row(weight: Weight) -> Row:
    said = [f"tied: {', '.join(weight.aliases)}"] if weight.aliases else []
    said += [] if weight.executed else ["never executed"]
    said += [] if weight.trainable else ["frozen"]
    return Row(
        (
            weight.path,
            weight.shape,
            ", ".join(weight.dtypes),
            weight.elements,
            weight.bytes,
            "; ".join(said) or None,
        ),
        emphasis="normal" if weight.executed else "dim",
    )


def _sum(label: str, weights: Sequence[Weight], emphasis: Emphasis) -> Row:
    elements = sum(weight.elements for weight in weights)
    held = sum(weight.bytes for weight in weights)
    return Row((label, None, None, elements, held, None), emphasis=emphasis)


def _holding(found: Parameters) -> str:
    """In how many bytes of which types, and what else a model holds."""
    types = found.dtypes
    held = " + ".join(f"{binary_bytes(size)} {dtype}" for dtype, size in types.items())
    whole = f" = {binary_bytes(found.bytes)}" if len(types) > 1 else ""
    parts = [f"Parameters: {held}{whole}"] if found.each else []
    if found.frozen:
        parts.append(
            f"{si(found.frozen)} frozen" if found.frozen < found.elements else "all frozen"
        )
    if found.buffers.tensors:
        buffers = found.buffers
        parts.append(f"buffers: {binary_bytes(buffers.bytes)}, {si(buffers.elements)} elements")
    return f"{' · '.join(parts)}."


def _ties(tied: Iterable[Weight]) -> Iterator[str]:
    """The names of each tied parameter; modules' where all of several parameters are tied alike."""
    groups: dict[tuple[str, ...], list[Weight]] = {}
    for weight in tied:
        groups.setdefault(_stems((weight.path, *weight.aliases)), []).append(weight)
    for stems, weights in groups.items():
        first = weights[0]
        names = stems if len(weights) > 1 else (first.path, *first.aliases)
        more = f" = {len(names) - FEWEST} more" if len(names) > FEWEST else ""
        elements = si(sum(weight.elements for weight in weights))
        count = f"{len(weights)} parameters, " if len(weights) > 1 else ""
        yield f"{' = '.join(names[:FEWEST])}{more} ({count}{elements})"


def _stems(paths: tuple[str, ...]) -> tuple[str, ...]:
    """The paths without the last parts that they all share.

    >>> _stems(("a.conv.weight", "b.conv.weight")), _stems(("head.weight", "table.weight"))
    (('a', 'b'), ('head', 'table'))
    """
    parts = [path.split(".") for path in paths]
    while all(len(part) > 1 for part in parts) and len({part[-1] for part in parts}) == 1:
        parts = [part[:-1] for part in parts]
    return tuple(".".join(part) for part in parts)


def _idle(report: Report) -> list[str]:
    """The outermost blocks none of whose parameters was used, and what is unused besides them."""
    blocks = list(_idle_blocks(report.root))
    if report.parameters is None:
        return blocks
    below = tuple(f"{path}." for path in blocks)
    return blocks + [
        weight.path
        for weight in report.parameters.each
        if not weight.executed and weight.elements and not weight.path.startswith(below)
    ]


def _idle_blocks(block: Block) -> Iterator[str]:
    for child in block.children:
        if child.cost.params and not child.cost.params_executed:
            yield child.path
        else:
            yield from _idle_blocks(child)


def _patterns(paths: Iterable[str]) -> Iterator[str]:
    """The paths, with those that differ in nothing but numbers as one.

    >>> list(_patterns(["aux", "h.0.gate", "h.1.gate", "h.2.gate"]))
    ['aux', 'h.*.gate (3)']
    """
    alike: dict[str, list[str]] = {}
    for path in paths:
        alike.setdefault(re.sub(r"(?<![^.])\d+(?![^.])", "*", path), []).append(path)
    for pattern, found in alike.items():
        if len(found) < FEWEST:
            yield from found
        else:
            yield f"{pattern} ({len(found)})"


def _listed(names: list[str], mark: str = ", ") -> str:
    """The first names, and how many there are besides."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{mark.join(names[:SHOWN])}{more}"
