"""The verdicts as a document: what goes in comes out, and what is damaged is refused."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costlab.claims.document import (
    UNITS,
    WORDS,
    ClaimVerdict,
    Part,
    ReadingVerdict,
    Verdicts,
)
from costlab.errors import DocumentError

if TYPE_CHECKING:
    from collections.abc import Iterator

HUGE = 2**80 + 1
"""A number that no float holds."""


def test_the_ledger_round_trips(verdicts: Verdicts, ladder: Verdicts) -> None:
    """Every claim is the same behind JSON, with every digit of every reading."""
    for document in (verdicts, ladder):
        assert Verdicts.from_dict(json.loads(document.to_json())) == document
        assert Verdicts.from_dict(document.to_dict()).to_dict() == document.to_dict()


TEXTS = st.text(max_size=8)
WHOLE = st.integers(-HUGE, HUGE)
VALUES = st.one_of(
    WHOLE, st.floats(allow_nan=False), TEXTS, st.none(), st.lists(WHOLE, max_size=4).map(tuple)
)
READINGS = st.builds(
    ReadingVerdict,
    TEXTS,
    VALUES,
    st.none() | st.floats(allow_nan=False),
    st.sampled_from(WORDS),
    TEXTS,
    VALUES,
    st.lists(st.builds(Part, TEXTS, WHOLE), max_size=2).map(tuple),
    TEXTS,
    TEXTS,
)


@st.composite
def claims(draw: st.DrawFn) -> ClaimVerdict:
    """A verdict whose parts have nothing to do with each other."""
    readings = tuple(draw(st.lists(READINGS, max_size=3)))
    return ClaimVerdict(
        draw(TEXTS),
        draw(TEXTS),
        draw(TEXTS),
        tuple(draw(st.lists(TEXTS, max_size=2))),
        draw(TEXTS),
        draw(st.sampled_from(UNITS)),
        draw(st.sampled_from(WORDS)),
        readings,
        draw(TEXTS),
        draw(st.none() | st.sampled_from(WORDS)),
        draw(st.integers(0, max(0, len(readings) - 1))),
    )


@settings(deadline=None)
@given(st.lists(claims(), max_size=2), TEXTS)
def test_any_document_round_trips(found: list[ClaimVerdict], title: str) -> None:
    """Whatever stands in it, through JSON."""
    document = Verdicts(tuple(found), {"costlab": "1"}, title)
    assert Verdicts.from_dict(json.loads(document.to_json())) == document


def test_whole_numbers_keep_every_digit() -> None:
    """2^80 + 1 comes back as it is, as a value, in a series and as a part."""
    reading = ReadingVerdict("r", HUGE, None, "holds", "", (HUGE, 1), (Part("p", HUGE),))
    claim = ClaimVerdict("Q", "", "", ("P",), "", "count", "holds", (reading,))
    document = json.loads(Verdicts((claim,), {}).to_json())
    (back,) = Verdicts.from_dict(document).claims[0].readings
    assert (back.computed, back.closed, back.parts[0].value) == (HUGE, (HUGE, 1), HUGE)
    assert document["claims"][0]["computed"] == HUGE


def small() -> dict[str, Any]:
    """A document with something in every place."""
    reading = ReadingVerdict("r", (3, 5), 0.5, "near", "3, 5", (3, 5), (Part("p", 3),), "c", "n")
    claim = ClaimVerdict(
        "Q", "c", "s", ("P §1",), "3", "series", "near", (reading, reading), "", "holds", 1
    )
    document: dict[str, Any] = json.loads(Verdicts((claim,), {"torch": "2"}).to_json())
    return document


def places(found: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path to each value in a document."""
    inside = found.items() if isinstance(found, dict) else enumerate(found)
    for key, value in inside:
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from places(value, (*path, key))


JUNK: tuple[Any, ...] = (
    None,
    True,
    1.5,
    -1,
    10**400,
    float("inf"),
    "junk",
    [],
    [1.5],
    ["a"],
    [None],
    {},
    {"a": []},
)


@pytest.mark.parametrize("path", list(places(small())), ids=lambda path: ".".join(map(str, path)))
def test_damage_is_refused_or_harmless(path: tuple[Any, ...]) -> None:
    """With junk in any one place it raises `DocumentError`, or still is a document."""
    for junk in JUNK:
        document = copy.deepcopy(small())
        inner = document
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = junk
        try:
            found = Verdicts.from_dict(document)
        except DocumentError:
            continue
        assert Verdicts.from_dict(json.loads(found.to_json())) == found
        for claim in found.claims:
            assert claim.agrees in {True, False}
            assert not isinstance(claim.computed, bool)


@pytest.mark.parametrize(
    ("path", "junk"),
    [
        (("claims",), None),
        (("versions",), []),
        (("claims", 0, "verdict"), "perhaps"),
        (("claims", 0, "unit"), "apples"),
        (("claims", 0, "where"), "P §1"),
        (("claims", 0, "deciding"), 2),
        (("claims", 0, "deciding"), 0.0),
        (("claims", 0, "readings", 0, "computed"), [1.5]),
        (("claims", 0, "readings", 0, "computed"), True),
        (("claims", 0, "readings", 0, "computed"), {"a": 1}),
        (("claims", 0, "readings", 0, "deviation"), 10**400),
        (("claims", 0, "readings", 0, "parts", 0, "value"), 1.5),
        (("claims", 0, "readings", 0, "parts", 0, "value"), float("inf")),
    ],
)
def test_such_damage_is_refused(path: tuple[Any, ...], junk: Any) -> None:
    """A wrong word, a number that lost digits, a place that is not there."""
    document = small()
    inner: Any = document
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = junk
    with pytest.raises(DocumentError, match="the verdicts are damaged"):
        Verdicts.from_dict(document)


@pytest.mark.parametrize("key", ["title", "claims", "versions"])
def test_nothing_may_be_missing(key: str) -> None:
    """A document without a part of it is refused."""
    document = small()
    del document[key]
    with pytest.raises(DocumentError, match=key):
        Verdicts.from_dict(document)
