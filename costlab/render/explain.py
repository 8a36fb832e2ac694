"""An explanation as a table: what each counter prints, and below it the terms of the difference.

Knows documents, not text: numbers stay raw, and a renderer writes them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from costlab.render.table import Column, Row, Table

if TYPE_CHECKING:
    from costlab.conventions.explanation import Explained, Explanation

OURS = "contractions, each multiply-add once"
WATCHES_KERNELS = "FlopCounterMode"
ON_META = (
    "FlopCounterMode is told, and run, on meta tensors. On a CPU it can print less, as it sees "
    "kernels: its table has no CPU's flash attention, nor, without gradients, the fast path of "
    "nn.TransformerEncoder."
)
"""What FlopCounterMode prints elsewhere, and why."""
NARROW = 16
"""Cells of a line that a reason may fold to rather than be left out."""


def explanation_table(explanation: Explanation) -> Table:
    """The counters side by side, each followed by the terms that lead from costlab's number to it.

    Terms are in multiply-adds; what a counter prints is in its own unit.
    """
    ran = any(counter.run is not None for counter in explanation.counters)
    columns = [
        Column("counter", "counter", "text"),
        Column("prints", "prints", "count", exact=True, sparse=True),
        Column("unit", "unit", "text", spare=2, prose=NARROW),
        Column("ratio", "÷ costlab", "ratio", digits=5, spare=1, sparse=True),
        Column("difference", "MACs more", "count", exact=True, sparse=True),
        Column("why", "why", "text", prose=NARROW),
    ]
    if ran:
        columns.append(Column("ran", "printed when run", "text", prose=NARROW))
    rows = [_row(("costlab", explanation.macs, "MACs", None, None, OURS), ran)]
    for counter in explanation.counters:
        difference = counter.macs - explanation.macs
        ratio = counter.macs / explanation.macs if explanation.macs else None
        name = f"{counter.name} {counter.version}"
        why = _why(counter)
        rows.append(
            _row((name, counter.printed, counter.unit, ratio, difference, why), ran, _ran(counter))
        )
        if len(counter.terms) > 1:
            rows += [
                _row(("", None, "", None, amount, reason), ran) for reason, amount in counter.terms
            ]
    return Table(
        f"{explanation.model}, {explanation.mode} mode, {', '.join(explanation.inputs)}",
        tuple(columns),
        tuple(rows),
        notes=(
            "÷ costlab and the terms are in multiply-adds; two FLOPs of FlopCounterMode are one.",
            "Derived from what the counters' sources say, at the versions named; --run asks them.",
            *(ON_META for counter in explanation.counters if counter.name == WATCHES_KERNELS),
            *_doubts(explanation),
        ),
        warnings=explanation.warnings,
    )


def _doubts(explanation: Explanation) -> list[str]:
    """Each doubt once, with the counters that it is about; none of those that a run agrees with."""
    about: dict[str, list[str]] = {}
    for counter in explanation.counters:
        for doubt in () if counter.agrees else counter.doubts:
            about.setdefault(doubt, []).append(counter.name)
    return [f"Not exact ({', '.join(names)}): {doubt}." for doubt, names in about.items()]


def _row(cells: tuple[object, ...], ran: bool, said: str = "") -> Row:
    return Row((*cells, said) if ran else cells)  # type: ignore[arg-type]  # checked by the table


def _why(counter: Explained) -> str:
    # A run that prints the same tells what the graph does not.
    sure = "" if counter.exact or counter.agrees else "not exact: "
    if not counter.terms:
        return f"{sure}the same"
    if len(counter.terms) == 1:
        return f"{sure}{counter.terms[0][0]}"
    return f"{sure}the sum of {len(counter.terms)} terms:"


def _ran(counter: Explained) -> str:
    run = counter.run
    if run is None:
        return ""
    if run.printed is None:
        return run.error
    version = "" if run.version == counter.version else f" (version {run.version})"
    if run.printed == counter.printed:
        return f"the same{version}"
    return f"{run.printed:,}, {run.printed - counter.printed:+,}: not explained{version}"
