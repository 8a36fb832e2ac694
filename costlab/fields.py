"""Single values of a saved document, each of the kind that it must be.

Every function gives back the value, or raises a TypeError or ValueError that names it.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf, isfinite
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")


def maybe(read: Callable[[Any], T], found: Any) -> T | None:
    """What `read` makes of the value; None of null."""
    return None if found is None else read(found)


def number(found: Any) -> float:
    """A number; infinities and what is none stand as words, for which JSON has no number.

    >>> number(3), number("inf")
    (3.0, inf)
    """
    if isinstance(found, str) and not isfinite(float(found)):
        return float(found)
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise TypeError(f"{found!r} is no number")
    return float(found)


def above_zero(found: Any) -> float:
    """A number above zero, and finite."""
    above = number(found)
    if not 0 < above < inf:
        raise ValueError(f"{found!r} is not above zero")
    return above


def count(found: Any) -> int:
    """A whole number, zero or more."""
    if type(found) is not int or found < 0:
        raise TypeError(f"{found!r} is no count")
    return found


def whole(found: Any) -> int:
    """A whole number of any sign; a float would have lost digits, and is none."""
    if type(found) is not int:
        raise TypeError(f"{found!r} is no whole number")
    return found


def text(found: Any) -> str:
    """A text."""
    if not isinstance(found, str):
        raise TypeError(f"{found!r} is no text")
    return found


def flag(found: Any) -> bool:
    """True or false."""
    if not isinstance(found, bool):
        raise TypeError(f"{found!r} is neither true nor false")
    return found


def items(found: Any) -> list[Any]:
    """The items of an array."""
    if not isinstance(found, list | tuple):
        raise TypeError(f"{found!r} is no list")
    return list(found)


def texts(found: Any) -> tuple[str, ...]:
    """An array of texts."""
    return tuple(map(text, items(found)))


def numbers(found: Any) -> tuple[float, ...]:
    """An array of numbers."""
    return tuple(map(number, items(found)))


def mapping(found: Any) -> Mapping[str, Any]:
    """An object."""
    if not isinstance(found, Mapping):
        raise TypeError(f"{found!r} is no object")
    return found


def one_of(found: Any, known: Sequence[Any]) -> Any:
    """One of the known values."""
    if found not in known:
        raise ValueError(f"{found!r} is none of {', '.join(map(str, known))}")
    return found
