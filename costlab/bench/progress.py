"""How a run tells what it is doing, so that somebody can be shown; it knows no terminal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Moment:
    """What is being done: a step, the cases that are done of all, and the seconds left at most."""

    what: str
    done: int
    cases: int
    left_s: float


Watch = Callable[[Moment], None]
"""Whoever is told: must not fail, nor take long, though nothing is timed meanwhile."""


def nobody(moment: Moment) -> None:
    """Takes no note."""
    del moment
