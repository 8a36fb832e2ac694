"""Bounds at their edges, in exact fractions, and what is no bound."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costlab.bounds import (
    NEAR,
    SCALES,
    Bound,
    Interval,
    about,
    above,
    at_least,
    at_most,
    below,
    exactly,
    identity,
    printed,
    same,
)
from costlab.errors import UsageError

TINY = Fraction(1, 10**30)


@pytest.mark.parametrize(
    ("text", "lowest", "highest"),
    [
        ("5 billion", Fraction(45, 10) * 10**9, Fraction(55, 10) * 10**9),
        ("1.5 Bn", Fraction(145, 100) * 10**9, Fraction(155, 100) * 10**9),
        ("2.0 Bn", Fraction(195, 100) * 10**9, Fraction(205, 100) * 10**9),
        ("60 million", Fraction(595, 10) * 10**6, Fraction(605, 10) * 10**6),
        ("28%", Fraction(275, 1000), Fraction(285, 1000)),
        ("0.4%", Fraction(35, 10_000), Fraction(45, 10_000)),
        ("2.78", Fraction(2775, 1000), Fraction(2785, 1000)),
        ("3", Fraction(5, 2), Fraction(7, 2)),
        ("12x", Fraction(23, 2), Fraction(25, 2)),
        ("12×", Fraction(23, 2), Fraction(25, 2)),
        ("48,238", Fraction(96_475, 2), Fraction(96_477, 2)),
        ("4 thousand", 3500, 4500),
        ("-1.5", Fraction(-155, 100), Fraction(-145, 100)),
    ],
)
def test_printed_admits_what_rounds_to_it(text: str, lowest: Fraction, highest: Fraction) -> None:
    """Half a unit of the last printed place to either side; what lies halfway is rounded up."""
    bound = printed(text)
    assert (bound.lowest, bound.highest) == (lowest, highest)
    assert bound.admits(lowest)
    assert bound.admits(highest - TINY)
    assert not bound.admits(lowest - TINY)
    assert not bound.admits(highest)
    assert bound.text == text


@given(st.integers(0, 10**6), st.integers(0, 6), st.fractions(-1, 1))
def test_printed_is_rounding(digits: int, places: int, off: Fraction) -> None:
    """A value is admitted just if it, rounded half up to the printed places, is what is printed."""
    unit = Fraction(1, 10**places)
    text = f"{Decimal(digits).scaleb(-places):f}"
    value = (digits + off) * unit
    assert printed(text).admits(value) == ((value / unit + Fraction(1, 2)) // 1 == digits)


def test_a_printed_tenth_is_one_tenth() -> None:
    """Limits are those of the decimal, not of the float nearest to it."""
    assert printed("0.1").figure == Fraction(1, 10)
    assert printed("0.1").figure != Fraction(0.1)


@pytest.mark.parametrize("text", ["", "five", "5 bananas", "1.2.3", "%", "about 5", "5e9", "5 9"])
@pytest.mark.parametrize("constructor", [printed, about, below, above])
def test_nonsense_is_refused(constructor: object, text: str) -> None:
    """What is no figure raises an error that quotes it and lists the scales."""
    assert callable(constructor)
    with pytest.raises(UsageError, match=r"no figure.*billion") as error:
        constructor(text)
    assert repr(text) in str(error.value)


def test_about_admits_a_tenth_to_either_side() -> None:
    """Both ends are included, whatever sign the figure has; another share can be given."""
    for figure in (12, -12):
        bound = about(f"{figure}")
        low, high = sorted((Fraction(figure) * 9 / 10, Fraction(figure) * 11 / 10))
        assert bound.admits(low)
        assert bound.admits(high)
        assert not bound.admits(low - TINY)
        assert not bound.admits(high + TINY)
    assert about("4", Fraction(1, 20)).admits(Fraction(42, 10))
    assert not about("4", Fraction(1, 20)).admits(Fraction(42, 10) + TINY)


def test_strict_and_closed_limits() -> None:
    """`below` and `above` leave their figure out, `at_most` and `at_least` have it."""
    for bound, inside, outside in (
        (below("25 million"), 25 * 10**6 - 1, 25 * 10**6),
        (above("25%"), Fraction(1, 4) + TINY, Fraction(1, 4)),
        (at_most(5), 5, 5 + TINY),
        (at_least(5), 5, 5 - TINY),
        (exactly(42), 42, 43),
    ):
        assert bound.admits(inside)
        assert not bound.admits(outside)


def test_one_side_alone_is_bounded() -> None:
    """A bound from above admits anything less, and one from below anything more."""
    assert below("1").admits(-(10**100))
    assert at_most(1).admits(-inf)
    assert above("1").admits(10**100)
    assert at_least(1).admits(inf)


def test_an_identity_admits_rounding_errors_only() -> None:
    """Up to the tolerance in either direction."""
    assert identity().admits(1e-12)
    assert identity().admits(-1e-12)
    assert not identity().admits(1.1e-12)
    assert not identity().admits(-1.1e-12)
    assert identity(1e-3).admits(1e-3)


EACH = (printed("5 billion"), about("2"), below("1"), above("1"), at_most(1), at_least(1))


@pytest.mark.parametrize("bound", [*EACH, exactly(1), identity()], ids=lambda bound: bound.text)
def test_no_bound_admits_what_is_no_number(bound: Interval) -> None:
    """A value that is not a number keeps no bound and is near none."""
    assert not bound.admits(nan)
    assert not bound.near(nan)


@given(st.fractions(min_value=Fraction(1, 1000), max_value=1000), st.fractions(-2, 2))
def test_deviation_is_relative_to_the_figure(figure: Fraction, share: Fraction) -> None:
    """A value 10 % more than the figure deviates by 0.1, and is near up to 20 %, both ends in."""
    bound = exactly(figure)
    value = figure * (1 + share)
    assert bound.deviation(value) == float(share)
    assert bound.near(value) == (abs(share) <= NEAR)


def test_near_at_its_edges() -> None:
    """6 is near to 5, and the least bit more is not; nor is what is infinite."""
    for bound in (exactly(5), printed("5"), about("5")):
        assert bound.near(6)
        assert bound.near(4)
        assert not bound.near(6 + TINY)
        assert not bound.near(4 - TINY)
        assert not bound.near(inf)


def test_nothing_deviates_from_zero() -> None:
    """There is no share of nothing: no deviation, and nothing is near."""
    assert exactly(0).deviation(1) is None
    assert not exactly(0).near(1e-300)


def test_the_same_is_no_number() -> None:
    """Another shape is neither near nor far."""
    bound = same((3, 5, 2), "3, 5, 2")
    assert bound.admits((3, 5, 2))
    assert not bound.admits((3, 4, 2))
    assert not bound.near((3, 4, 2))
    assert bound.deviation((3, 4, 2)) is None
    assert bound.text == "3, 5, 2"


def test_texts_say_the_bound() -> None:
    """Each bound says itself as a reader would, unless told how."""
    bounds: list[Bound] = [about("2.5"), below("25 million"), above("25%"), at_most(3)]
    bounds += [at_least(5), exactly(42), exactly(2, "2 d²k²"), identity()]
    assert [bound.text for bound in bounds] == [
        "2.5 ± 10 %",
        "< 25 million",
        "> 25%",
        "≤ 3",
        "≥ 5",
        "42",
        "2 d²k²",
        "equal within 1e-12",
    ]


@pytest.mark.parametrize(("scale", "factor"), SCALES.items())
def test_every_scale_is_read(scale: str, factor: Fraction) -> None:
    """The figure is the number times its scale, with or without a space."""
    assert printed(f"7{scale}").figure == printed(f" 7 {scale} ").figure == 7 * factor
