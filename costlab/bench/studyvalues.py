"""Single values of a study's file, each of the kind that it must be.

Every function gives back the value, or raises a UsageError that says where it stands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from costlab.errors import UsageError, did_you_mean
from costlab.inputspec import LARGEST_SIZE, read

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LARGEST_BATCH = 2**20
"""Images in a batch: more is a slip of the hand."""


def known_keys(found: Mapping[str, Any], keys: tuple[str, ...], place: str) -> None:
    """Refuses a table with a key that nobody reads."""
    for key in found:
        if key not in keys:
            near = did_you_mean(key, keys) or f" Known: {', '.join(keys)}."
            raise UsageError(f"{f'{place}.{key}'.removeprefix('.')}: there is no such key.{near}")


def choice(value: Any, known: Iterable[str], place: str) -> str:
    """One of the known names."""
    names = list(known)
    if not isinstance(value, str) or value not in names:
        near = did_you_mean(str(value), names) or f" Known: {', '.join(names) or 'none'}."
        raise UsageError(f"{place}: there is no {value!r}.{near}")
    return value


def table(value: Any, place: str) -> Mapping[str, Any]:
    """A table."""
    if not isinstance(value, dict):
        raise UsageError(f"{place}: it is {value!r}, not a table")
    return value


def text(value: Any, place: str) -> str:
    """A text; only a block's path may be empty."""
    if not isinstance(value, str) or (not value.strip() and not place.endswith(".block")):
        raise UsageError(f"{place}: it is {value!r}, not a text")
    return value


def flag(value: Any, place: str) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise UsageError(f"{place}: it is {value!r}, neither true nor false")
    return value


def count(value: Any, place: str, most: int) -> int:
    """A whole number from 1 to the most that makes sense."""
    if type(value) is not int or not 1 <= value <= most:
        raise UsageError(f"{place}: it is {value!r}, not a whole number from 1 to {most}")
    return value


def shape(value: Any, place: str) -> tuple[int, ...]:
    """The sizes of one sample."""
    if not isinstance(value, list) or not value:
        raise UsageError(f"{place}: it is {value!r}, not a list of sizes such as [3, 224, 224]")
    return tuple(
        count(size, f"{place}[{number}]", LARGEST_SIZE)
        for number, size in enumerate(value, start=1)
    )


def specs(value: Any, place: str) -> tuple[str, ...]:
    """The specs of inputs, each one that can be read.

    >>> specs(["ids=i64[8,128]", "mask=bool[8,128]"], "inputs")
    ('ids=i64[8,128]', 'mask=bool[8,128]')
    """
    if not isinstance(value, list) or not value:
        raise UsageError(f"{place}: it is {value!r}, not a list of specs such as ['f32[1,3,9,9]']")
    for number, spec in enumerate(value, start=1):
        here = f"{place}[{number}]"
        try:
            read(text(spec, here))
        except UsageError as error:
            told = str(error)
            raise UsageError(told if told.startswith(here) else f"{here}: {told}") from error
    return tuple(value)
