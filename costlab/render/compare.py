"""A comparison as a table: a row a network, and what a reader must know of its marks.

Knows documents, not text layout: a renderer lays the table out.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from costlab.comparison import Compared, Comparison
from costlab.errors import UsageError, did_you_mean
from costlab.render.table import Column, Row, Table, Value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Number = int | float | None
BOUND = "≥"
"""Marks a network of which something could not be counted."""
MARK = "yes"
WHOLE = 40
"""Cells of a name that is not folded; a call with arguments may be longer."""
NAMED = 6
"""Networks that a note names before it counts them."""


class Measure(NamedTuple):
    """A column of numbers, and how a network's is read."""

    column: Column
    number: Callable[[Comparison, Compared], Number]


def _top1(_: Comparison, network: Compared) -> float | None:
    return network.errors.top1_error if network.errors else None


def _top5(_: Comparison, network: Compared) -> float | None:
    return network.errors.top5_error if network.errors else None


MEASURES: dict[str, Measure] = {
    measure.column.key: measure
    for measure in (
        Measure(Column("macs", "MACs", "count"), lambda _, network: network.total.macs),
        Measure(Column("macs_ratio", "× MACs", "ratio", spare=2), Comparison.macs_ratio),
        Measure(Column("params", "params", "count", spare=1), lambda _, net: net.total.params),
        Measure(
            Column("params_executed", "executed", "count", spare=8),
            lambda _, network: network.total.params_executed,
        ),
        Measure(Column("params_ratio", "× executed", "ratio", spare=4), Comparison.params_ratio),
        Measure(
            Column("activations", "activations", "count", spare=7),
            lambda _, network: network.total.activations,
        ),
        Measure(
            Column("peak_activation_bytes", "peak bytes", "bytes", spare=6),
            lambda _, network: network.total.peak_activation_bytes,
        ),
        Measure(Column("depth", "depth", "count", spare=5), lambda _, net: net.total.depth),
        # A published figure is shown as it is printed, and in the notes with its source.
        Measure(Column("top1_error", "top-1 error %", "text"), _top1),
        Measure(Column("top5_error", "top-5 error %", "text", spare=3), _top5),
    )
}
"""The columns that can be sorted by, in the order in which they stand."""


def sortable(name: str | None) -> str | None:
    """The column to sort by, if there is one.

    >>> sortable("macs")
    'macs'

    Raises:
        UsageError: there is no such column of numbers; the message names all.
    """
    if name is None or name in MEASURES:
        return name
    message = (
        f"cannot sort by {name!r}: it is no column of numbers.{did_you_mean(name, MEASURES)} "
        f"Sort by one of {', '.join(MEASURES)}."
    )
    raise UsageError(message)


def comparison_table(
    comparison: Comparison, sort: str | None = None, *, ascending: bool = False
) -> Table:
    """A row a network, in the order named or sorted; columns that say nothing of any are left out.

    Raises:
        UsageError: a column to sort by that there is none of.
    """
    networks = _sorted(comparison, sortable(sort), ascending=ascending)
    columns = [Column("network", "network", "path", whole=_whole(comparison)), *_inputs(comparison)]
    bounds = any(network.is_lower_bound for network in networks)
    errors = any(network.errors for network in networks)
    columns += [Column("bound", "bound", "text")] if bounds else []
    columns += [
        replace(measure.column, spare=0) if name == sort else measure.column
        for name, measure in MEASURES.items()
        if errors or not name.endswith("_error")
    ]
    columns += [Column("pareto", "Pareto", "text")] if errors else []
    return Table(
        _title(comparison),
        tuple(columns),
        tuple(
            Row(tuple(_cell(comparison, network, column) for column in columns))
            for network in networks
        ),
        notes=tuple(_notes(comparison)),
        definitions=(comparison.convention,),
        warnings=tuple(_warnings(networks)),
    )


def _whole(comparison: Comparison) -> bool:
    return all(len(network.model) <= WHOLE for network in comparison.networks)


def _inputs(comparison: Comparison) -> list[Column]:
    """The column of inputs; the title tells those that all have."""
    return [] if _shared(comparison) else [Column("input", "input", "text", spare=9)]


def _shared(comparison: Comparison) -> str:
    told = {", ".join(network.inputs) for network in comparison.networks}
    return told.pop() if len(told) == 1 else ""


def _title(comparison: Comparison) -> str:
    shared = _shared(comparison)
    told = f"{len(comparison.networks)} networks · {comparison.mode}"
    return f"{told} · {shared}" if shared else told


def _sorted(comparison: Comparison, name: str | None, *, ascending: bool) -> tuple[Compared, ...]:
    """The networks by this column, equal ones as they were named, those without a number last."""
    if name is None:
        return comparison.networks
    sign = 1 if ascending else -1

    def rank(network: Compared) -> tuple[bool, float]:
        number = MEASURES[name].number(comparison, network)
        return number is None, sign * (number or 0)

    return tuple(sorted(comparison.networks, key=rank))


def _cell(comparison: Comparison, network: Compared, column: Column) -> Value:
    match column.key:
        case "network":
            return network.model
        case "input":
            return ", ".join(network.inputs)
        case "bound":
            return BOUND if network.is_lower_bound else None
        case "pareto":
            return MARK if comparison.marked(network) else None
    number = MEASURES[column.key].number(comparison, network)
    return str(number) if column.kind == "text" and number is not None else number


def _notes(comparison: Comparison) -> Iterator[str]:
    first = comparison.reference.model
    yield f"× MACs and × executed (parameters): beside {first}, the first named."
    sources: dict[str, list[str]] = {}
    for network in comparison.networks:
        if network.errors:
            sources.setdefault(network.errors.source, []).append(network.model)
    if sources:
        yield (
            f"Pareto, {MARK}: of the networks here that have a top-1 error, no other has both no "
            "more MACs and no higher error, and less of one of them. Those without do not compete."
        )
        told = "; ".join(f"{_named(models)} ({source})" for source, models in sources.items())
        yield f"Errors as printed, one network on one crop of an ILSVRC 2012 image: {told}."
    yield from _apart(comparison)


def _apart(comparison: Comparison) -> Iterator[str]:
    """The networks whose published errors are not those of what is compared here."""
    printed = [network for network in comparison.networks if network.accuracy]
    other = [network.model for network in printed if not network.as_published]
    more = [network.model for network in printed if network.as_published and not network.errors]
    if other:
        yield (
            f"Not as published, so without an error: {_named(other)}; the catalogue's arguments "
            "and image size have one."
        )
    if more:
        yield f"Published only for several crops or networks, so without an error: {_named(more)}."


def _warnings(networks: Iterable[Compared]) -> Iterator[str]:
    """What was remarked on networks, each remark once."""
    told: dict[str, list[str]] = {}
    for network in networks:
        texts = list(network.warnings)
        if network.unknown:
            texts.append(
                f"{BOUND}: no rule prices {', '.join(network.unknown)}; "
                "docs/adding-an-op.md tells how to"
            )
        for text in texts:
            told.setdefault(text, []).append(network.model)
    for text, models in told.items():
        yield f"{_named(models)}: {text}"


def _named(models: list[str]) -> str:
    """The first networks by name, and how many more there are.

    >>> _named(["vgg16", "vgg19"]), _named([f"net_{n}" for n in range(9)])[-10:]
    ('vgg16, vgg19', 'and 3 more')
    """
    if len(models) <= NAMED:
        return ", ".join(models)
    return f"{', '.join(models[:NAMED])} and {len(models) - NAMED} more"
