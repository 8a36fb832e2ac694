"""Two budgets that set one limit: seen only where it is known what their globs match.

Budgets whose selectors are written alike are found by `costlab.budgets.consistency`, before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from costlab.budgets.checks import Problem
from costlab.budgets.consistency import sayings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from costlab.budgets.budget import Budget, Limit
    from costlab.budgets.subjects import Subject


class Overlaps:
    """The limits that have been met, each by all that it is a limit of."""

    def __init__(self) -> None:
        self._met: dict[tuple[object, ...], tuple[Budget, object]] = {}
        self._found: dict[tuple[str, str, str, str], tuple[str, Budget, Budget]] = {}

    def add(self, budget: Budget, limit: Limit, model: str, subject: Subject) -> None:
        """Notes a limit, and whether another budget says it differently."""
        for kind, said in sayings(limit):
            key = (model, subject.parts, limit.metric, kind)
            other, before = self._met.setdefault(key, (budget, said))
            if other is not budget and before != said:
                what = f"{kind} for the {limit.metric} of {subject.name or model}"
                name = (other.id, budget.id, limit.metric, kind)
                self._found.setdefault(name, (what, other, budget))

    def problems(self) -> Iterator[Problem]:
        """Each pair of budgets that disagree, once."""
        for what, one, other in self._found.values():
            yield Problem(
                f"budget {other.id!r} and budget {one.id!r} ({one.place}) set different {what}; "
                "leave one of them, or narrow its modules",
                other.place,
            )
