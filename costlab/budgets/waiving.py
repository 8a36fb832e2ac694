"""Waivers held against broken limits: which one applies, whether it still does, up to where.

A waiver that has expired, or whose ceiling is exceeded, suppresses nothing, and says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from costlab.budgets.checks import Problem
from costlab.budgets.subjects import chosen
from costlab.errors import did_you_mean
from costlab.globs import matches

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from costlab.budgets.budget import Budget, Config, Metric, Waiver
    from costlab.budgets.checks import Outcome


class Waivers:
    """The waivers of a configuration on a day, and which of them were needed."""

    def __init__(self, config: Config, today: date) -> None:
        self._config = config
        self._today = today
        self._needed: set[Waiver] = set()
        self._unmet: dict[tuple[Waiver, str], set[str]] = {}
        self._faults = {waiver: text for waiver in config.waivers if (text := self._fault(waiver))}

    def meet(self, budget: Budget, model: str, subject: str) -> None:
        """Notes that something is limited, of which a waiver may speak."""
        for waiver in self._config.waivers:
            if waiver.budget == budget.id and chosen(waiver.models, [model])[0]:
                unmet = self._unmet.setdefault((waiver, model), set(waiver.modules))
                unmet -= {glob for glob in unmet if matches(glob, subject)}

    def judge(
        self, budget: Budget, model: str, subject: str, metric: Metric, value: int
    ) -> tuple[Outcome, str]:
        """What becomes of a broken limit, and what its waiver says, if it has one."""
        said = []
        for waiver in self._config.waivers:
            if not self._is_of(waiver, budget, model, metric):
                continue
            if waiver.modules and not chosen(waiver.modules, [subject])[0]:
                continue
            self._needed.add(waiver)
            if waiver in self._faults:
                continue
            if waiver.expires < self._today:
                said.append(f"its waiver expired on {waiver.expires} ({waiver.reason})")
            elif value > waiver.up_to:
                said.append(f"beyond its waiver's ceiling of {waiver.up_to:,} ({waiver.reason})")
            else:
                until = f"until {waiver.expires}, up to {waiver.up_to:,}"
                return "waived", f"{waiver.reason} ({until})"
        return "fail", "; ".join(said)

    def problems(self) -> Iterator[Problem]:
        """Waivers that can never apply."""
        for waiver, text in self._faults.items():
            yield Problem(f"waiver of {waiver.budget!r}: {text}", waiver.place)
        for (waiver, model), unmet in self._unmet.items():
            for glob in sorted(unmet if waiver not in self._faults else ()):
                what = f"its budget limits no module of {model} that {glob!r} matches"
                yield Problem(f"waiver of {waiver.budget!r}: {what}", waiver.place)

    def notes(self) -> Iterator[str]:
        """Waivers that nothing needed."""
        for waiver in self._config.waivers:
            if waiver not in self._needed and waiver not in self._faults:
                expired = ", and has expired" if waiver.expires < self._today else ""
                yield (
                    f"{waiver.place}: the waiver of {waiver.budget!r} ({waiver.reason}) is not "
                    f"needed{expired}; remove it"
                )

    def _is_of(self, waiver: Waiver, budget: Budget, model: str, metric: Metric) -> bool:
        return (
            waiver.budget == budget.id
            and waiver.metric in {None, metric}
            and bool(chosen(waiver.models, [model])[0])
        )

    def _fault(self, waiver: Waiver) -> str:
        """Why a waiver cannot be used; empty if it can."""
        budgets = {budget.id: budget for budget in self._config.budgets}
        waived = budgets.get(waiver.budget)
        if waived is None:
            return f"there is no such budget.{did_you_mean(waiver.budget, budgets)}"
        metrics = [limit.metric for limit in waived.limits]
        if waiver.metric is None and len(metrics) != 1:
            return "its budget limits several metrics, and it does not say which is waived"
        if waiver.metric is not None and waiver.metric not in metrics:
            return f"its budget does not limit {waiver.metric}"
        if not waiver.reason.strip():
            return "it has no reason"
        limited = chosen(waived.models, [model.name for model in self._config.models])[0]
        unused = chosen(waiver.models, limited)[1]
        return f"its budget is of no model that matches {unused[0]!r}" if unused else ""
