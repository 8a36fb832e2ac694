"""A cross-check as a table: what each counter says, and why it differs.

Knows reports, not text: numbers stay raw, and a renderer writes them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from costlab.render.table import Column, Row, Table

if TYPE_CHECKING:
    from costlab.report import Report

NARROW = 16
"""Cells of a line that a reason may fold to rather than be left out."""


def counters_table(report: Report) -> Table:
    """The counters of a cross-check side by side, and why each differs from costlab."""
    columns = (
        Column("counter", "counter", "text", prose=NARROW),
        Column("macs", "MACs", "count", exact=True, spare=1),
        Column("difference", "difference", "count", exact=True),
        Column("why", "why", "text", prose=NARROW),
    )
    rows = [Row(("costlab", report.total.macs, None, "the sum of the blocks above"))]
    for counter in report.counters:
        name = f"{counter.name} {counter.version}".strip()
        if counter.macs is None:
            rows.append(Row((name, None, None, f"failed: {counter.error}"), emphasis="dim"))
            continue
        difference = counter.macs - report.total.macs
        why = "agrees to the integer" if difference == 0 else _first_term(counter.terms)
        rows.append(Row((name, counter.macs, difference, why)))
        if difference:
            rows += [Row(("", None, term, reason), depth=0) for reason, term in counter.terms]
    return Table("cross-check", columns, tuple(rows))


def _first_term(terms: tuple[tuple[str, int], ...]) -> str:
    if not terms:
        return "not explained"
    return f"the sum of {len(terms)} terms:" if len(terms) > 1 else "one term:"
