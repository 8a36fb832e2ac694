"""Verdicts as tables: a row a claim, and one claim in full.

Knows documents, not text layout: a renderer lays the tables out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from costlab.claims.document import WORDS
from costlab.render.table import Column, Row, Table
from costlab.units import Units, binary_bytes, exact, percent, ratio, scale_count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from costlab.claims.document import ClaimVerdict, ReadingVerdict, Unit, Value, Verdicts
    from costlab.render.table import Emphasis

DIGITS = 4
SHORT = 100_000
"""Counts below this are told in full: 5,713 M says less than a grid of 17 or 2048 filters."""
COUNTED = {"macs": "MAC", "params": "", "count": ""}
JOINED = {"shape": "×", "of": " of "}
FINE = 0.001
DIFFERS = "*"
"""Marks a verdict that not all readings share."""


def said(value: Value, unit: Unit, units: Units = "si") -> str:
    """A computed value in the words of its kind.

    >>> said(5_713_216_096, "macs"), said(7 / 25, "share"), said((768, 17, 17), "shape")
    ('5.713 GMAC', '28.0 %', '17×17×768')
    >>> said((3, 4, 2), "series"), said((4, 4), "of"), said(25 / 9, "ratio")
    ('3, 4, 2', '4 of 4', '2.778')
    """
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, tuple):
        # A paper writes the channels last.
        sizes = (*value[1:], value[0]) if unit == "shape" else value
        return JOINED.get(unit, ", ").join(map(str, sizes))
    if unit in COUNTED or unit == "bytes":
        return _counted(round(value), unit, units)
    if unit == "share":
        return precise(value)
    if isinstance(value, int):
        return exact(value)
    return f"{value:.2g}" if unit == "residual" else ratio(value, DIGITS).removesuffix("×")


def _counted(count: int, unit: Unit, units: Units) -> str:
    if unit == "bytes":
        return f"{exact(count)} B" if units == "exact" else binary_bytes(count)
    whole = units == "exact" or abs(count) < SHORT
    return exact(count) if whole else str(scale_count(count, DIGITS, COUNTED[unit]))


def deviated(share: float | None) -> str | None:
    """A deviation with its sign; nothing where there is none to tell.

    >>> deviated(0.1426), deviated(-0.0466), deviated(0.0), deviated(None)
    ('+14.3 %', '−4.7 %', '0', None)
    """
    if not share:
        return share if share is None else "0"
    return ("+" if share > 0 else "−") + precise(abs(share))


def precise(share: float) -> str:
    """A share in per cent, with more places if it is small.

    >>> precise(0.28), precise(0.000267)
    ('28.0 %', '0.03 %')
    """
    return percent(share, 1 if abs(share) >= FINE else 2)


COLUMNS = (
    Column("id", "id", "text"),
    Column("claim", "claim", "text", prose=14),
    Column("printed", "held against", "text", prose=10, spare=1),
    Column("computed", "computed", "text"),
    Column("deviation", "deviation", "text", spare=2),
    Column("verdict", "verdict", "text"),
)


def claims_tables(verdicts: Verdicts, units: Units = "si") -> list[Table]:
    """A table a section, a row a claim; the counts of the verdicts stand under the last."""
    sections = dict.fromkeys(claim.section for claim in verdicts.claims)
    tables = []
    for section in sections:
        claims = [claim for claim in verdicts.claims if claim.section == section]
        last = section == next(reversed(sections))
        tables.append(
            Table(
                section,
                COLUMNS,
                tuple(_row(claim, units) for claim in claims),
                notes=tuple(_summary(verdicts)) if last else (),
                warnings=_changes(claims),
            )
        )
    return tables


def claims_data(verdicts: Verdicts, *, in_full: bool = False) -> Table:
    """A row a claim, or a row a reading, for programs: values with all their digits."""
    names = ("section", "id", "claim", "where", "bound", "unit")
    read = (*(Column(name, name, "text") for name in ("reading", "formula", "contradicts")),)
    rows = []
    for claim in verdicts.claims:
        where = "; ".join(claim.where)
        told = (claim.section, claim.id, claim.claim, where, claim.printed, claim.unit)
        if not in_full or not claim.readings:
            own = ("", "", "") if in_full else ()
            rows.append(Row((*told, *own, _raw(claim.computed), claim.deviation, claim.verdict)))
            continue
        rows += [
            Row(
                (
                    *(*told, reading.name, reading.formula, reading.contradicts),
                    *(_raw(reading.computed), reading.deviation, reading.verdict),
                )
            )
            for reading in claim.readings
        ]
    return Table(
        "",
        (
            *(Column(name, name, "text") for name in names),
            *(read if in_full else ()),
            Column("computed", "computed", "text"),
            Column("deviation", "deviation", "ratio"),
            Column("verdict", "verdict", "text"),
        ),
        tuple(rows),
    )


def _raw(value: Value) -> str | None:
    if value is None:
        return None
    return "x".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _row(claim: ClaimVerdict, units: Units) -> Row:
    emphasis: Emphasis = "dim" if claim.verdict == "not checkable" else "normal"
    return Row(
        (
            claim.id,
            claim.claim,
            claim.printed or None,
            said(claim.computed, claim.unit, units) or None,
            deviated(claim.deviation),
            claim.verdict + ("" if claim.agrees else DIFFERS),
        ),
        0,
        emphasis,
    )


def _summary(verdicts: Verdicts) -> Iterator[str]:
    counts = verdicts.counts()
    told = ", ".join(f"{counts[word]} {word}" for word in WORDS if counts[word])
    yield f"{len(verdicts.claims)} claims: {told}."
    if not all(claim.agrees for claim in verdicts.claims):
        yield f"{DIFFERS} other readings come to another verdict; `costlab claims ID` tells them."
    yield (
        "holds: rounds to the figure that is claimed, or keeps the bound; near: within 20 % of it. "
        "A deviation is relative to that figure."
    )


def _changes(claims: list[ClaimVerdict]) -> tuple[str, ...]:
    return tuple(
        f"{claim.id} is on record as {claim.expected!r}" for claim in claims if claim.changed
    )


def claim_tables(claim: ClaimVerdict, units: Units = "si") -> list[Table]:
    """One claim in full: its readings, and the terms that the deciding one sums."""
    columns = (
        Column("reading", "reading", "text", prose=14),
        Column("computed", "computed", "text"),
        Column("deviation", "deviation", "text", spare=3),
        Column("verdict", "verdict", "text"),
        Column("how", "how", "text", prose=14, spare=2),
    )
    readings = Table(
        f"{claim.id} · {claim.claim}",
        columns,
        tuple(
            Row(
                (
                    reading.name,
                    said(reading.computed, claim.unit, units),
                    deviated(reading.deviation),
                    reading.verdict,
                    reading.formula,
                )
            )
            for reading in claim.readings
        )
        or (Row(("none", None, None, claim.verdict, claim.reason), 0, "dim"),),
        notes=tuple(_told(claim)),
        warnings=_changes([claim]),
    )
    if not claim.readings or not claim.readings[claim.deciding].parts:
        return [readings]
    return [readings, _parts(claim.readings[claim.deciding])]


def _told(claim: ClaimVerdict) -> Iterator[str]:
    """What stands under a claim: where it is made, its verdict, what speaks against readings."""
    yield f"Stands in: {'; '.join(claim.where)}."
    if claim.printed:
        yield f"Held against: {claim.printed}. Verdict: {claim.verdict}."
    if claim.reason and claim.readings:
        yield f"Not checkable here: {claim.reason}."
    for reading in claim.readings:
        if reading.contradicts:
            yield f"“{reading.name}” goes against: {reading.contradicts}."
        if reading.note:
            yield f"“{reading.name}”: {reading.note}"


def _parts(reading: ReadingVerdict) -> Table:
    whole = sum(part.value for part in reading.parts)
    summed = reading.computed == whole
    columns = [Column("part", "part", "path"), Column("value", "value", "count", exact=True)]
    if summed and whole:
        columns.append(Column("share", "of it", "share"))
    rows = [
        Row((part.label, part.value, *([part.value / whole] if summed and whole else [])))
        for part in reading.parts
    ]
    if summed and whole:
        rows.append(Row(("total", whole, 1.0), 0, "total"))
    return Table(f"what “{reading.name}” is made of", tuple(columns), tuple(rows))
