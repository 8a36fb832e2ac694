"""What the ledger holds: every claim of the reference list, where it stands, and its record."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from costlab.bounds import Interval
from costlab.claims import recorded
from costlab.claims.inception_v3.contradictions import CONTRADICTIONS
from costlab.claims.lab import Lab
from costlab.claims.ladder import LADDER
from costlab.claims.ledger import judge_all
from costlab.claims.sections import SECTIONS, claims
from costlab.tracing import trace

if TYPE_CHECKING:
    import pytest

    from costlab.claims.document import Verdicts
    from costlab.graph import Graph

REFERENCE_TEXT = (
    "A1 A2 A3 A4 A5 A6 A7 A8 A9 B1 B2 B3 B4 B4b B5 B6 B7 B8 B9 B10 B11 B12 C1 C2 C3 "
    "D1 D2 D3 D4 D5 D6 "
    "T1.1 T1.2 T1.3 T1.4 T1.5 T1.6 T1.7 T1.8 T1.9 T1.10 T1.11 T1.12 T1.13 T1.14 E1 E2 E3 "
    "L1 L2 L3 L4 L5 L6 L7 M1 M2 M3 R1 R2 R3 R4 R5 X1 X2 X3 X4 X5 X6 X7 X8 X9 X10 X11 "
    "Z1 Z2 Z3 Z4 Z5 Z6 G1 G2 G3 G4 G5 G6 G7 G8 G9 B3b G12 G13 "
)
REFERENCE = frozenset(REFERENCE_TEXT.split())
"""The claims that a reading of the four documents found, before the ledger was written."""

EVERY = tuple(claims())
BY_ID = {claim.id: claim for claim in EVERY}

PLACES = {
    "P": r"abstract|§\d+(\.\d)?|Table \d(, caption)?|Figure \d+",
    "R": r"introduction|§1(\.[12])?|auxiliary classifier|grid size reduction|architecture"
    r"|label smoothing|ablation|comparison",
    "S": r"compute setup|bottleneck|method|evidence",
    "G": r"Inception v[1-4]|Inception-ResNet",
}
"""The parts that each document has."""

NO_NETWORK = {
    "A5": "of the printed figures",
    "B3": "α is no whole number of filters",
    "C2": "two printed errors",
    "E2": "of the printed costs",
    "L1": "autograd",
    "L2": "a formula",
    "L2b": "PyTorch's loss",
    "L3": "autograd",
    "L4": "a formula",
    "L5": "logarithms",
    "L6": "autograd",
    "L6b": "autograd",
    "L7": "printed errors",
    "M1b": "images and steps",
    "M2": "a learning rate",
    "R4": "areas of two images",
    "X7": "of the printed costs",
    "X8b": "printed errors",
    "X11": "a share of images",
    "Z1": "of the printed costs",
    "Z4": "printed errors",
    "Z4b": "printed errors",
    "Z5": "printed errors",
    "Z6": "printed errors",
}
"""Claims with a reading that asks no network, and what it computes with instead."""


def test_every_claim_of_the_list_is_there() -> None:
    """None is left out, and no id is given twice."""
    assert not REFERENCE - set(BY_ID)
    assert not [name for name, count in Counter(claim.id for claim in EVERY).items() if count > 1]
    assert not set(BY_ID) & {claim.id for claim in LADDER.claims}


def test_each_claim_can_be_judged_or_says_why_not() -> None:
    """It has a bound and readings whose names differ, or a reason."""
    for claim in EVERY:
        assert claim.readings or claim.reason, claim.id
        names = [reading.name for reading in claim.readings]
        assert len(names) == len(set(names)), claim.id


def test_each_claim_stands_somewhere() -> None:
    """Every place is a part of the document that its letter names."""
    for claim in EVERY:
        assert claim.where, claim.id
        for place in claim.where:
            assert re.fullmatch(PLACES[place[0]], place[2:]), (claim.id, place)


def test_texts_are_sentences_of_a_line() -> None:
    """A claim begins with a capital, a figure or a sign, and is no longer than a line."""
    for claim in EVERY:
        assert len(claim.text) <= 100, claim.id
        assert not claim.text[0].islower() or claim.text[0] in "q1", claim.id
        assert not re.search(r"(?<! al)[.]$", claim.text), claim.id


def test_a_joint_claim_has_several_readings() -> None:
    """One alone would decide anyway."""
    assert all(len(claim.readings) > 1 for claim in EVERY if claim.joint)


def test_formulas_have_numbers(verdicts: Verdicts) -> None:
    """Each says how the value came about, not only that it did."""
    for claim in verdicts.claims:
        for reading in claim.readings:
            assert re.search(r"\d", reading.formula), (claim.id, reading.name)


def test_parts_add_up(verdicts: Verdicts) -> None:
    """Where a formula says that it sums blocks, the blocks sum to the value."""
    summed = [
        (claim.id, reading)
        for claim in verdicts.claims
        for reading in claim.readings
        if " = Σ of " in reading.formula
    ]
    assert len(summed) > 20
    for name, reading in summed:
        assert sum(part.value for part in reading.parts) == reading.computed, name


def test_the_verdicts_are_those_on_record(verdicts: Verdicts, ladder: Verdicts) -> None:
    """Judged anew, each comes out as it did; and nothing else is on record."""
    judged = {claim.id: claim.verdict for claim in (*verdicts.claims, *ladder.claims)}
    assert judged == recorded.recorded()


def test_judging_twice_gives_the_same(verdicts: Verdicts, lab: Lab) -> None:
    """Nothing depends on what was traced or drawn before."""
    assert judge_all(SECTIONS, lab, {"costlab": "0"}) == verdicts


class Blind(Lab):
    """A lab that has no networks."""

    def graph(self, name: str, **asked: Any) -> Graph:
        """Nothing."""
        del asked
        raise LookupError(name)

    def model(self, name: str, **arguments: object) -> Any:
        """Nothing."""
        del arguments
        raise LookupError(name)


def test_readings_ask_networks() -> None:
    """But for some that compute with printed figures or formulas, each reading traces something."""
    blind = Blind()
    found = set()
    for claim in EVERY:
        for reading in claim.readings:
            try:
                reading.compute(blind)
            except LookupError:
                continue
            found.add(claim.id)
    assert found == set(NO_NETWORK)


def test_each_network_is_traced_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many readings ask for it, in one mode and at one image, by report or by graph."""
    asked: list[tuple[int, object, str]] = []

    def counted(model: Any, inputs: Any, *, mode: str) -> Graph:
        asked.append((id(model), inputs, mode))
        return trace(model, inputs, mode=mode)

    monkeypatch.setattr("costlab.claims.lab.trace", counted)
    fresh = Lab()
    judge_all([*SECTIONS, LADDER], fresh, {})
    assert len(asked) > 40
    assert len(asked) == len(set(asked)) == len(fresh._graphs)


def test_contradictions_name_claims_and_places() -> None:
    """Each bears on claims that there are; what none bears on is of accuracies alone."""
    for entry in CONTRADICTIONS:
        assert not set(entry.claims) - set(BY_ID), entry.text
        assert entry.where
        assert entry.text.endswith(".")
    assert sum(not entry.claims for entry in CONTRADICTIONS) <= 2


def test_what_is_printed_is_read_at_its_precision() -> None:
    """The bounds of printed costs and sizes are half a unit of their last place, never wider."""
    halves = {"A1": 5 * 10**8, "A4": 5 * 10**5, "A6": 5 * 10**5, "G0": 5 * 10**5}
    halves |= dict.fromkeys(("X1", "X2", "X3", "X4", "X5", "X7"), 5 * 10**7)
    for name, half in halves.items():
        bound = BY_ID[name].bound
        assert isinstance(bound, Interval)
        assert bound.lowest is not None
        assert bound.highest is not None
        assert bound.figure is not None
        assert (bound.figure - bound.lowest, bound.highest - bound.figure) == (half, half)
        assert not bound.includes_highest
