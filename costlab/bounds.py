"""Bounds on a value: one notion of them, for what a paper prints and for what a budget allows.

It does not know what is bounded. Limits are exact: `printed("0.1")` is one tenth, not the float.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import isfinite
from typing import TYPE_CHECKING, Any, Protocol

from costlab.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

Number = int | float | Fraction

NEAR = Fraction(1, 5)
"""How far a value may be from a bound that it misses, and still be near it."""

SCALES: Mapping[str, Fraction] = {
    "": Fraction(1),
    "x": Fraction(1),
    "×": Fraction(1),
    "%": Fraction(1, 100),
    "thousand": Fraction(10**3),
    "million": Fraction(10**6),
    "billion": Fraction(10**9),
    "Bn": Fraction(10**9),
}
FIGURE = re.compile(r"(?P<number>-?\d[\d,]*(\.\d+)?)\s*(?P<scale>[a-zA-Z%×]*)")


class Bound(Protocol):
    """What a value is held against; `text` is how it is said."""

    @property
    def text(self) -> str:
        """The bound as it is said."""
        ...

    def admits(self, value: Any) -> bool:
        """Whether the value keeps the bound."""
        ...

    def deviation(self, value: Any) -> float | None:
        """How far the value is from the bound's figure, relative to it; None if that says nothing.

        Units: 0.1 is 10 % more than the figure.
        """
        ...

    def near(self, value: Any) -> bool:
        """Whether the value is within 20 % of the bound's figure."""
        ...


@dataclass(frozen=True, slots=True)
class Interval:
    """All numbers from `lowest` to `highest`, None where there is no limit.

    `figure` is the number that deviations are relative to, None if there is no single one.
    """

    text: str
    figure: Number | None
    lowest: Number | None = None
    highest: Number | None = None
    includes_lowest: bool = True
    includes_highest: bool = True

    def admits(self, value: Number) -> bool:
        """Whether the value lies in the interval; nothing that is no number does."""
        if value != value:  # noqa: PLR0124 - only nan differs from itself
            return False
        if self.lowest is not None:
            above = value >= self.lowest if self.includes_lowest else value > self.lowest
            if not above:
                return False
        if self.highest is not None:
            return value <= self.highest if self.includes_highest else value < self.highest
        return True

    def deviation(self, value: Number) -> float | None:
        """The relative distance, value / figure − 1; None if there is no figure, or it is 0."""
        return float(value / self.figure - 1) if self.figure else None

    def near(self, value: Number) -> bool:
        """Whether the value is within 20 % of the figure, or else of the nearer limit."""
        if isinstance(value, float) and not isfinite(value):
            return False
        limits = (self.lowest, self.highest) if self.figure is None else (self.figure,)
        # In fractions: as a float, six fifths exceed one by more than a fifth.
        return any(
            abs(Fraction(value) - Fraction(limit)) <= NEAR * abs(Fraction(limit))
            for limit in limits
            if limit
        )


@dataclass(frozen=True, slots=True)
class Same:
    """One value that is no number: a shape, a series of counts, a word."""

    text: str
    value: Any

    def admits(self, value: Any) -> bool:
        """Whether it is that very value."""
        return bool(value == self.value)

    def deviation(self, value: Any) -> float | None:  # noqa: ARG002 - a bound has this method
        """None: there is no distance between such values."""
        return None

    def near(self, value: Any) -> bool:  # noqa: ARG002 - a bound has this method
        """False: there is no distance between such values."""
        return False


def printed(text: str) -> Interval:
    """The numbers that round to what is printed, at the printed precision; halves round up.

    >>> bound = printed("28%")
    >>> [bound.admits(Fraction(saving)) for saving in ("0.275", "0.28", "0.285")]
    [True, True, False]
    >>> printed("5 billion").admits(5_499_999_999), printed("5 billion").admits(5_713_216_096)
    (True, False)

    Raises:
        UsageError: the text is no figure.
    """
    figure, step = _read(text)
    half = step / 2
    return Interval(text, figure, figure - half, figure + half, includes_highest=False)


def about(text: str, relative: Fraction = Fraction(1, 10)) -> Interval:
    """The numbers within a tenth (or `relative`) of a figure that is given as approximate.

    >>> about("2.5").admits(2.75), about("2.5").admits(2.76)
    (True, False)

    Raises:
        UsageError: the text is no figure.
    """
    figure, _ = _read(text)
    room = abs(figure) * relative
    return Interval(
        f"{text} ± {float(relative):.0%}".replace("%", " %"), figure, figure - room, figure + room
    )


def between(lowest: Number, highest: Number, text: str) -> Interval:
    """The numbers from one limit to another, and both limits.

    >>> bound = between(12, 20, "12 to 20")
    >>> bound.admits(17), bound.admits(21), bound.near(21), bound.deviation(17)
    (True, False, True, None)
    """
    return Interval(text, None, lowest, highest)


def exactly(value: Number, text: str = "") -> Interval:
    """That number and no other.

    >>> exactly(42).admits(42), exactly(42).admits(48), exactly(42).near(48)
    (True, False, True)
    """
    return Interval(text or f"{value}", value, value, value)


def below(text: str) -> Interval:
    """The numbers that are less than a figure.

    >>> below("25 million").admits(24_999_999), below("25 million").admits(25_000_000)
    (True, False)

    Raises:
        UsageError: the text is no figure.
    """
    figure, _ = _read(text)
    return Interval(f"< {text}", figure, highest=figure, includes_highest=False)


def above(text: str) -> Interval:
    """The numbers that are more than a figure.

    Raises:
        UsageError: the text is no figure.
    """
    figure, _ = _read(text)
    return Interval(f"> {text}", figure, lowest=figure, includes_lowest=False)


def at_most(limit: Number, text: str = "") -> Interval:
    """The numbers up to a limit, and the limit."""
    return Interval(text or f"≤ {limit}", limit, highest=limit)


def at_least(limit: Number, text: str = "") -> Interval:
    """The numbers from a limit on."""
    return Interval(text or f"≥ {limit}", limit, lowest=limit)


def identity(tolerance: float = 1e-12) -> Interval:
    """The differences between two sides of an equation that count as none.

    >>> identity().admits(2e-16), identity().admits(1e-9)
    (True, False)
    """
    return Interval(f"equal within {tolerance:g}", 0, -tolerance, tolerance)


def same(value: Any, text: str) -> Same:
    """One value that is no number, and how it is said."""
    return Same(text, value)


def _read(text: str) -> tuple[Fraction, Fraction]:
    """A printed figure, and one unit of its last printed place."""
    match = FIGURE.fullmatch(text.strip())
    if match is None or match["scale"] not in SCALES:
        raise UsageError(
            f"{text!r} is no figure: write a number and perhaps one of "
            f"{', '.join(filter(None, SCALES))}, as in '28%' or '5 billion'"
        )
    number, scale = Decimal(match["number"].replace(",", "")), SCALES[match["scale"]]
    exponent = number.as_tuple().exponent
    place = Fraction(10) ** exponent if isinstance(exponent, int) else Fraction(1)
    return Fraction(number) * scale, place * scale
