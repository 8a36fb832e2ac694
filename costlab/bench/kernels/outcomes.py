"""What came of choosing how a launch runs: each way that was tried, its time, and which was taken.

As text it goes into a document (`how`), and comes out of it again for a page. Knows no kernel.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_ASKED: ContextVar[list[tuple[str, str]] | None] = ContextVar("asked", default=None)
_WRITTEN = re.compile(r"(?P<launch>.+?) by (?P<took>[^()|]+) \((?P<tried>[^()]*)\)(?:; |$)")
_TIMED = re.compile(r"(?P<way>.+) (?P<us>\S+) µs")
UNTIMED = "not timed"


class Outcome(NamedTuple):
    """A launch, the way that it runs, and the seconds of the fastest tiling of each way tried.

    Without seconds nothing was timed: there was one way, or no time left to choose.
    """

    launch: str
    took: str
    times_s: Mapping[str, float]


def said(outcomes: Iterable[Outcome]) -> str:
    """Outcomes as text, each way with its time, the fastest first.

    >>> said([Outcome("series: a, b", "one kernel", {"a kernel each": 4e-5, "one kernel": 3.2e-5})])
    'series: a, b by one kernel (one kernel 32 µs | a kernel each 40 µs)'
    """
    return "; ".join(
        f"{one.launch} by {one.took} ({' | '.join(_timed(one.times_s)) or UNTIMED})"
        for one in outcomes
    )


def _timed(times_s: Mapping[str, float]) -> list[str]:
    ways = sorted(times_s, key=times_s.__getitem__)
    return [f"{way} {1e6 * times_s[way]:.4g} µs" for way in ways]


def read(text: str) -> tuple[Outcome, ...]:
    """The outcomes that a text tells.

    >>> read("conv: c by sums in parts (sums in parts 3.5 µs)")[0].times_s
    {'sums in parts': 3.5e-06}
    """
    return tuple(
        Outcome(
            found["launch"],
            found["took"],
            {
                one["way"]: float(f"{float(one['us']) / 1e6:.4g}")
                for part in found["tried"].split(" | ")
                for one in [_TIMED.fullmatch(part)]
                if one
            },
        )
        for found in _WRITTEN.finditer(text)
    )


@contextmanager
def asked() -> Iterator[list[tuple[str, str]]]:
    """The choices that are made within, in their order: the key of each, and the way taken."""
    made: list[tuple[str, str]] = []
    before = _ASKED.set(made)
    try:
        yield made
    finally:
        _ASKED.reset(before)


def note(key: str, way: str) -> None:
    """Notes a choice that was made, or was known, if somebody listens."""
    made = _ASKED.get()
    if made is not None:
        made.append((key, way))
