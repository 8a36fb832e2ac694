"""The ledger: what a claim is, and how it is judged by what its readings compute.

It knows no claim. Nothing here says what a verdict is to be: it follows from the bound as printed
and from the value, each time anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from costlab.claims.document import (
    WORDS,
    ClaimVerdict,
    Part,
    ReadingVerdict,
    Unit,
    Verdicts,
    Word,
    plain,
)
from costlab.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from costlab.bounds import Bound
    from costlab.claims.lab import Lab

DOCUMENTS = {"P": "the paper", "R": "the review", "S": "the summary", "G": "the guide"}
"""The documents whose claims the ledger holds, by the letter with which a place begins."""
TOLERANCE = 1e-12
"""How far a closed form and a trace may differ, relative: both are exact but for roots."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a reading computes: the value, how, and the terms that it sums.

    `formula` has the numbers in it; `parts` are blocks or factors, each with its own count.
    """

    value: Any
    formula: str
    parts: tuple[Part, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """One interpretation of a claim: a name, and a function that computes what it comes to.

    `closed` is a closed form of the same value, where there is one besides the trace; the two must
    agree. `contradicts` is the statement of the documents that the interpretation goes against.
    """

    name: str
    compute: Callable[[Lab], Finding]
    closed: Callable[[], Finding] | None = None
    contradicts: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """A statement of a document, where it stands, its bound as printed, and its readings.

    `where` begins with the document: P the paper, R the review, S the summary, G the guide. The
    first reading gives the verdict; of a `joint` claim, which says several things at once, the one
    that comes out worst. A claim without a bound is not checkable, for its `reason`; it may still
    have readings, of what it comes to.
    """

    id: str
    text: str
    where: tuple[str, ...]
    bound: Bound | None
    unit: Unit
    readings: tuple[Reading, ...] = ()
    reason: str = ""
    joint: bool = False

    def __post_init__(self) -> None:
        """Refuses a claim that could not be judged, and says no why."""
        judged = self.bound is not None
        if judged == bool(self.reason) or (judged and not self.readings):
            raise UsageError(
                f"claim {self.id} needs a bound and readings, or else the reason why it has none"
            )

    @property
    def sources(self) -> frozenset[str]:
        """The letters of the documents that make the claim."""
        return frozenset(place[0] for place in self.where)


@dataclass(frozen=True, slots=True)
class Section:
    """Claims that stand together, under a title."""

    title: str
    claims: tuple[Claim, ...]


def judge(claim: Claim, lab: Lab, section: str = "", expected: Word | None = None) -> ClaimVerdict:
    """The verdict on a claim, with what each of its readings came to."""
    readings = tuple(_judged(claim, reading, lab) for reading in claim.readings)
    deciding = 0
    if claim.joint:
        deciding = max(range(len(readings)), key=lambda index: WORDS.index(readings[index].verdict))
    return ClaimVerdict(
        id=claim.id,
        claim=claim.text,
        section=section,
        where=claim.where,
        printed=claim.bound.text if claim.bound is not None else "",
        unit=claim.unit,
        verdict=readings[deciding].verdict if readings else "not checkable",
        readings=readings,
        deciding=deciding,
        reason=claim.reason,
        expected=expected,
    )


def _judged(claim: Claim, reading: Reading, lab: Lab) -> ReadingVerdict:
    finding = reading.compute(lab)
    closed = reading.closed() if reading.closed is not None else None
    verdict, note = _word(claim.bound, finding.value), finding.note
    if closed is not None and not _agree(closed.value, finding.value):
        verdict = "fails"
        note = f"the closed form gives {closed.value} and the trace {finding.value}. {note}".strip()
    formula = f"{closed.formula}; traced: {finding.formula}" if closed else finding.formula
    return ReadingVerdict(
        name=reading.name,
        computed=plain(finding.value),
        deviation=claim.bound.deviation(finding.value) if claim.bound is not None else None,
        verdict=verdict,
        formula=formula,
        closed=plain(closed.value) if closed is not None else None,
        parts=finding.parts,
        contradicts=reading.contradicts,
        note=note,
    )


def _word(bound: Bound | None, value: Any) -> Word:
    if bound is None:
        return "not checkable"
    if bound.admits(value):
        return "holds"
    return "near" if bound.near(value) else "fails"


def _agree(closed: Any, traced: Any) -> bool:
    """Whether a closed form and a trace gave the same, but for the rounding of a root."""
    if closed == traced:
        return True
    if isinstance(closed, float) or isinstance(traced, float):
        return bool(abs(closed - traced) <= TOLERANCE * max(abs(closed), abs(traced)))
    return False


def chosen(
    sections: Iterable[Section],
    ids: Iterable[str] = (),
    sources: Iterable[str] = (),
    besides: Iterable[str] = (),
) -> tuple[Section, ...]:
    """The sections with only the claims of these ids and documents; all of them if none is given.

    An id may be a glob: `T1.*` is every row of Table 1.

    `besides` are names that are no claims and that a wrong id may have meant.

    Raises:
        UsageError: an id or a document that the ledger does not have; the message has the nearest.
    """
    sections = tuple(sections)
    known = [claim.id for section in sections for claim in section.claims]
    wanted: set[str] = set()
    for given in ids:
        found = {id_ for id_ in known if fnmatchcase(id_.casefold(), given.casefold())}
        if not found:
            raise UsageError(
                f"no claim is called {given!r}.{did_you_mean(given, [*known, *besides])} "
                "`costlab claims` lists them all."
            )
        wanted |= found
    asked = {source.upper() for source in sources}
    for source in asked - DOCUMENTS.keys():
        raise UsageError(
            f"no document is called {source!r}; they are "
            + ", ".join(f"{letter}, {what}" for letter, what in DOCUMENTS.items())
        )
    kept = (
        Section(
            section.title,
            tuple(
                claim
                for claim in section.claims
                if (not wanted or claim.id in wanted) and (not asked or claim.sources & asked)
            ),
        )
        for section in sections
    )
    return tuple(section for section in kept if section.claims)


def judge_all(
    sections: Iterable[Section],
    lab: Lab,
    versions: Mapping[str, str],
    expected: Mapping[str, Word] | None = None,
    watch: Callable[[str], None] | None = None,
) -> Verdicts:
    """The verdicts on the claims of some sections; `watch` is told the id of each before it."""
    judged = []
    for section in sections:
        for claim in section.claims:
            if watch is not None:
                watch(claim.id)
            judged.append(judge(claim, lab, section.title, (expected or {}).get(claim.id)))
    return Verdicts(tuple(judged), versions)
