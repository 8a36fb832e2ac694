"""The verdicts: what each claim came to, as a document that can be saved, loaded and rendered.

Knows neither torch nor how a claim is judged; `costlab.claims.ledger` judges.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

from costlab.errors import DocumentError
from costlab.fields import one_of, texts, whole

SCHEMA = "costlab.claims/1"

Word = Literal["holds", "near", "fails", "not checkable"]
WORDS: tuple[Word, ...] = ("holds", "near", "fails", "not checkable")
"""The verdicts, from best to worst; the last is none."""
Unit = Literal[
    "macs",
    "params",
    "bytes",
    "count",
    "share",
    "ratio",
    "shape",
    "series",
    "of",
    "residual",
    "text",
]
UNITS: tuple[Unit, ...] = Unit.__args__  # type: ignore[attr-defined]  # a Literal keeps its values there
Value = int | float | str | tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class Part:
    """One term of a computed value, a block or a factor, with its own value."""

    label: str
    value: int


@dataclass(frozen=True, slots=True)
class ReadingVerdict:
    """What one interpretation of a claim came to.

    `closed` is the value of the closed form, where there is one besides the trace; `formula` is how
    the value was computed, with the numbers in it; `contradicts` the statement of the documents
    that the interpretation goes against.
    """

    name: str
    computed: Value
    deviation: float | None
    verdict: Word
    formula: str
    closed: Value = None
    parts: tuple[Part, ...] = ()
    contradicts: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class ClaimVerdict:
    """What a claim came to: the verdict is that of its `deciding` reading.

    `expected` is the verdict that is on record in the project, None where none is.
    """

    id: str
    claim: str
    section: str
    where: tuple[str, ...]
    printed: str
    unit: Unit
    verdict: Word
    readings: tuple[ReadingVerdict, ...] = ()
    reason: str = ""
    expected: Word | None = None
    deciding: int = 0

    @property
    def computed(self) -> Value:
        """What the deciding reading came to; None if there is no reading."""
        return self.readings[self.deciding].computed if self.readings else None

    @property
    def deviation(self) -> float | None:
        """How far the deciding reading is from what is printed, relative to it."""
        return self.readings[self.deciding].deviation if self.readings else None

    @property
    def agrees(self) -> bool:
        """Whether all readings have the same verdict."""
        return len({reading.verdict for reading in self.readings}) <= 1

    @property
    def changed(self) -> bool:
        """Whether the verdict is not the one on record."""
        return self.expected is not None and self.expected != self.verdict


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The verdicts on some claims, in the order of the ledger."""

    claims: tuple[ClaimVerdict, ...]
    versions: Mapping[str, str]
    title: str = "what the papers claim"

    def counts(self) -> dict[Word, int]:
        """How many claims have each verdict."""
        return {word: sum(claim.verdict == word for claim in self.claims) for word in WORDS}

    def to_dict(self) -> dict[str, Any]:
        """The document as JSON holds it."""
        return {
            "schema": SCHEMA,
            "title": self.title,
            "claims": [_claim(claim) for claim in self.claims],
            "counts": dict(self.counts()),
            "versions": dict(self.versions),
        }

    def to_json(self) -> str:
        """The document as text."""
        return json.dumps(self.to_dict(), indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Verdicts:
        """The verdicts that a document holds.

        Raises:
            DocumentError: something is missing or of the wrong kind.
        """
        try:
            claims = tuple(_read_claim(claim) for claim in document["claims"])
            versions = {str(name): str(told) for name, told in document["versions"].items()}
            return cls(claims, versions, str(document["title"]))
        except (KeyError, TypeError, AttributeError, ValueError, ArithmeticError) as error:
            message = f"the verdicts are damaged: {type(error).__name__}: {error}"
            raise DocumentError(message) from error


def plain(value: object) -> Value:
    """A computed value as a document holds it: fractions become floats, sizes stay whole.

    Raises:
        TypeError: a reading computed what is no value; a defect of its own.
    """
    if isinstance(value, Fraction):
        return int(value) if value.denominator == 1 else float(value)
    if isinstance(value, tuple):
        return tuple(whole(item) for item in value)
    if value is None or (isinstance(value, int | float | str) and not isinstance(value, bool)):
        return value
    raise TypeError(f"{value!r} is no value of a claim")


def _claim(claim: ClaimVerdict) -> dict[str, Any]:
    return {
        "id": claim.id,
        "claim": claim.claim,
        "section": claim.section,
        "where": list(claim.where),
        "printed": claim.printed,
        "unit": claim.unit,
        "computed": _listed(claim.computed),
        "deviation": claim.deviation,
        "verdict": claim.verdict,
        "expected": claim.expected,
        "reason": claim.reason,
        "deciding": claim.deciding,
        "readings": [
            {
                "name": reading.name,
                "computed": _listed(reading.computed),
                "closed": _listed(reading.closed),
                "deviation": reading.deviation,
                "verdict": reading.verdict,
                "formula": reading.formula,
                "parts": [{"label": part.label, "value": part.value} for part in reading.parts],
                "contradicts": reading.contradicts,
                "note": reading.note,
            }
            for reading in claim.readings
        ],
    }


def _read_claim(found: Mapping[str, Any]) -> ClaimVerdict:
    expected = found.get("expected")
    return ClaimVerdict(
        id=str(found["id"]),
        claim=str(found["claim"]),
        section=str(found["section"]),
        where=texts(found["where"]),
        printed=str(found["printed"]),
        unit=one_of(found["unit"], UNITS),
        verdict=one_of(found["verdict"], WORDS),
        readings=tuple(_read_reading(reading) for reading in found["readings"]),
        reason=str(found.get("reason", "")),
        expected=None if expected is None else one_of(expected, WORDS),
        deciding=one_of(whole(found.get("deciding", 0)), range(max(1, len(found["readings"])))),
    )


def _read_reading(found: Mapping[str, Any]) -> ReadingVerdict:
    return ReadingVerdict(
        name=str(found["name"]),
        computed=_value(found["computed"]),
        deviation=None if found["deviation"] is None else float(found["deviation"]),
        verdict=one_of(found["verdict"], WORDS),
        formula=str(found["formula"]),
        closed=_value(found.get("closed")),
        parts=tuple(Part(str(p["label"]), whole(p["value"])) for p in found.get("parts", ())),
        contradicts=str(found.get("contradicts", "")),
        note=str(found.get("note", "")),
    )


def _listed(value: Value) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _value(found: Any) -> Value:
    return plain(
        tuple(found) if isinstance(found, Sequence) and not isinstance(found, str) else found
    )
