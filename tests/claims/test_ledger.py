"""How claims are judged and chosen, with claims that nobody makes."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest

from costlab.bounds import Bound, about, exactly, identity, printed, same
from costlab.claims.document import WORDS, Part
from costlab.claims.lab import Lab
from costlab.claims.ledger import Claim, Finding, Reading, Section, chosen, judge, judge_all
from costlab.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from costlab.claims.document import Word


def reading(value: Any, name: str = "as it is", **more: Any) -> Reading:
    """A reading that comes to this value."""
    return Reading(name, lambda _: Finding(value, f"= {value}"), **more)


def claim(bound: Bound | None, *readings: Reading, **more: Any) -> Claim:
    """A claim of the paper with this bound and these readings."""
    return Claim(more.pop("id", "Q1"), "It is so", ("P §0",), bound, "ratio", readings, **more)


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (Fraction(475, 100), "holds"),
        (Fraction(525, 100), "holds"),
        (5.26, "near"),
        (6, "near"),
        (4, "near"),
        (6.01, "fails"),
        (3.99, "fails"),
        (-5, "fails"),
        (float("nan"), "fails"),
    ],
)
def test_the_verdict_follows_from_bound_and_value(value: float, word: Word) -> None:
    """Within the bound it holds, within 20 % of the figure it is near, and else it fails."""
    found = judge(claim(about("5", Fraction(1, 20)), reading(value)), Lab())
    assert found.verdict == found.readings[0].verdict == word


def test_the_first_reading_decides() -> None:
    """The others are told, and that they come to something else."""
    found = judge(claim(printed("5"), reading(9, "first"), reading(5, "second")), Lab())
    assert (found.verdict, found.computed, found.deviation) == ("fails", 9, float(Fraction(4, 5)))
    assert [one.verdict for one in found.readings] == ["fails", "holds"]
    assert not found.agrees
    assert judge(claim(printed("5"), reading(5), reading(5)), Lab()).agrees


@pytest.mark.parametrize(
    ("values", "word", "deciding"),
    [
        ((5, 5, 5), "holds", 0),
        ((5, 6, 5), "near", 1),
        ((5, 6, 9), "fails", 2),
        ((9, 6, 9), "fails", 0),
    ],
)
def test_the_worst_reading_of_a_joint_claim_decides(
    values: tuple[int, ...], word: Word, deciding: int
) -> None:
    """A claim that says several things holds only if each does; the first of the worst is shown."""
    joint = claim(printed("5"), *map(reading, values), joint=True)
    found = judge(joint, Lab())
    assert (found.verdict, found.deciding, found.computed) == (word, deciding, values[deciding])


def closed(value: Any) -> Callable[[], Finding]:
    """A closed form of this value."""
    return lambda: Finding(value, f"closed {value}")


def test_a_closed_form_and_a_trace_that_disagree_fail() -> None:
    """Whatever the bound says of either value; the note has both."""
    exact = Fraction(1, 3)
    for wrong in (Fraction(1, 4), exact + Fraction(1, 10**30), 1 / 3 + 1e-9):
        found = judge(claim(about("0.3"), reading(exact, closed=closed(wrong))), Lab())
        assert found.verdict == "fails"
        assert f"{wrong}" in found.readings[0].note
        assert f"{exact}" in found.readings[0].note


def test_a_closed_form_and_a_trace_that_agree() -> None:
    """They may differ by the rounding of a root, and both formulas are told."""
    root = 2**0.5
    found = judge(claim(about("1.4"), reading(root, closed=closed(root * (1 + 1e-15)))), Lab())
    assert found.verdict == "holds"
    assert found.readings[0].formula == f"closed {root * (1 + 1e-15)}; traced: = {root}"
    assert found.readings[0].closed == root * (1 + 1e-15)
    assert (
        judge(claim(exactly(2), reading(2, closed=closed(Fraction(2)))), Lab()).readings[0].closed
    )


def test_a_claim_without_a_bound_is_not_checkable() -> None:
    """It has a reason, and may have readings, none of which holds or fails."""
    bare = judge(claim(None, reason="an accuracy"), Lab())
    assert (bare.verdict, bare.readings, bare.computed, bare.deviation) == (
        "not checkable",
        (),
        None,
        None,
    )
    told = judge(claim(None, reading(7), reason="an accuracy"), Lab())
    assert (told.verdict, told.computed, told.printed) == ("not checkable", 7, "")
    assert told.readings[0].verdict == "not checkable"


@pytest.mark.parametrize(
    ("bound", "readings", "reason"),
    [
        (None, (), ""),
        (None, (reading(1),), ""),
        (printed("1"), (), ""),
        (printed("1"), (), "an accuracy"),
        (printed("1"), (reading(1),), "an accuracy"),
    ],
)
def test_a_claim_that_could_not_be_judged_is_refused(
    bound: Bound | None, readings: tuple[Reading, ...], reason: str
) -> None:
    """It needs a bound with readings, or else the reason why there is none; and not both."""
    with pytest.raises(UsageError, match="Q1 needs"):
        claim(bound, *readings, reason=reason)


def test_what_is_no_value_is_refused() -> None:
    """A reading gives a number, a series or a text; a truth value says too little."""
    for value in ([1], {"a": 1}, True, (1.5, 2)):
        with pytest.raises(TypeError):
            judge(claim(same(value, "it"), reading(value)), Lab())


def test_the_verdict_carries_what_was_computed() -> None:
    """Formula, parts, note, contradiction and unit come through to the document."""
    parts = (Part("a", 1), Part("b", 2))
    told = Reading("r", lambda _: Finding(3, "1 + 2", parts, "mark"), contradicts="§9")
    found = judge(claim(identity(), told), Lab(), "Section", "near")
    (one,) = found.readings
    assert (one.formula, one.parts, one.note, one.contradicts) == ("1 + 2", parts, "mark", "§9")
    assert (found.section, found.unit, found.where) == ("Section", "ratio", ("P §0",))
    assert (found.verdict, found.expected, found.changed) == ("fails", "near", True)


def test_unchanged_and_unrecorded() -> None:
    """A verdict is changed only if another is on record."""
    it = claim(exactly(1), reading(1))
    assert not judge(it, Lab(), expected="holds").changed
    assert not judge(it, Lab()).changed
    assert judge(it, Lab(), expected="fails").changed


FIRST = Section("First", (claim(exactly(1), reading(1), id="A1"),))
SECOND = Section(
    "Second",
    (
        Claim("B3", "Of two", ("R §1", "S method"), exactly(1), "ratio", (reading(1),)),
        Claim("B3b", "Of one", ("G",), exactly(1), "ratio", (reading(2),)),
    ),
)


def test_chosen_by_id_and_source() -> None:
    """Ids in any case, letters of documents in any case; both together narrow further."""

    def ids(*names: str, sources: tuple[str, ...] = ()) -> list[str]:
        return [c.id for s in chosen([FIRST, SECOND], names, sources) for c in s.claims]

    assert ids() == ["A1", "B3", "B3b"]
    assert ids("b3B", "a1") == ["A1", "B3b"]
    assert ids(sources=("r",)) == ["B3"]
    assert ids(sources=("P", "g")) == ["A1", "B3b"]
    assert ids("B3", sources=("G",)) == []


def test_unknown_ids_and_sources_are_refused() -> None:
    """The message names the nearest id, or the documents that there are."""
    with pytest.raises(UsageError, match=r"'B3c'.*Did you mean B3"):
        chosen([FIRST, SECOND], ["B3c"])
    with pytest.raises(UsageError, match=r"'X'; they are P, .*R, .*S, .*G, "):
        chosen([FIRST, SECOND], sources=["x"])


def test_all_are_judged_in_order() -> None:
    """Each under the title of its section, told before it is judged, beside its record."""
    told: list[str] = []
    found = judge_all([FIRST, SECOND], Lab(), {"torch": "9"}, {"B3": "near"}, told.append)
    assert told == [one.id for one in found.claims] == ["A1", "B3", "B3b"]
    assert [one.section for one in found.claims] == ["First", "Second", "Second"]
    assert [one.expected for one in found.claims] == [None, "near", None]
    assert found.counts() == dict(zip(WORDS, (2, 0, 1, 0), strict=True))
    assert dict(found.versions) == {"torch": "9"}
