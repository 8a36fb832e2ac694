"""Pieces of Markdown that the pages made of results share: tables and lists in a sentence.

Does not know what is told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

NOTICE = "<!-- Written by `make docs`; what stands here is changed where it comes from. -->"


def table(
    titles: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    numeric_from: int = 1,
    text_from: int | None = None,
) -> str:
    """A pipe table; columns from `numeric_from` on stand right, from `text_from` on left again."""
    end = len(titles) if text_from is None else text_from
    rules = ["---:" if numeric_from <= column < end else ":---" for column in range(len(titles))]
    lines = [titles, rules, *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def listed(names: Iterable[str]) -> str:
    """Names in a sentence.

    >>> listed(["a", "b", "c"])
    '`a`, `b` and `c`'
    """
    *most, last = [f"`{name}`" for name in names]
    return f"{', '.join(most)} and {last}" if most else last


def versions_in_words(versions: Mapping[str, str]) -> str:
    """Packages and their versions, in a sentence."""
    return ", ".join(f"{name} {number}" for name, number in versions.items())
