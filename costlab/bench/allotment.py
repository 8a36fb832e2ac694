"""The time that a run has, and what of it each comparison gets.

Knows neither a device nor what is measured.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import ceil, fsum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from costlab.bench.plan import Plan
    from costlab.bench.seams import Timer
    from costlab.bench.study import Case

SPARE = 2
"""A time that is proposed is so much longer than what was seen: ceilings and checks come beside."""
LEAST_SHARE = 0.25
"""A comparison gets at least this share of its limit, so that some are good rather than all bad."""


UNSEEN_SHARE, UNSEEN_S = 0.25, 15.0
"""An arm that was not prepared before, while others were, may compile for longer than they took:
it is begun while at least this share of a run is left, of which so many seconds are enough."""


@dataclass(slots=True)
class Allotment:
    """What is left of a run's time, and what a case of each arm takes besides its comparison.

    `all_s` is the time of the whole run.
    """

    timer: Timer
    plan: Plan
    end_s: float
    beside_s: dict[str, float] = field(default_factory=dict)
    all_s: float = 0.0

    @property
    def left_s(self) -> float:
        """Seconds until the run is to end; below zero once it should have."""
        return self.end_s - self.timer.wait_s()

    @property
    def is_young(self) -> bool:
        """Whether at least half of the time is left: then something may be tried again."""
        return self.left_s >= self.all_s / 2

    def has_room(self, case: Case) -> bool:
        """Whether a case can be begun: once its arm is ready, there is some time to compare."""
        unseen_s = min(UNSEEN_S, UNSEEN_SHARE * self.all_s) if self.beside_s else 0.0
        beside_s = self.beside_s.get(case.variant.arm, unseen_s)
        return self.left_s > beside_s + LEAST_SHARE * self.plan.limit_s

    def share(self, cases: Sequence[Case]) -> Plan:
        """The plan of the first of these cases: its share of the time that is left for all.

        A plan with a patience of its own has no more than that.
        """
        beside_s = fsum(self.beside_s.get(case.variant.arm, 0.0) for case in cases)
        fair_s = (self.left_s - beside_s) / len(cases)
        full_s = self.plan.limit_s
        limit_s = min(full_s, max(fair_s, LEAST_SHARE * full_s))
        patience_s = min(fair_s, self.plan.patience_s or fair_s)
        return replace(self.plan, limit_s=limit_s, patience_s=max(limit_s, patience_s))

    def bounded(self, plan: Plan, share: float) -> Plan:
        """A plan that takes at most a share of the time that is left, patience and all."""
        most_s = max(share * self.left_s, LEAST_SHARE * plan.limit_s)
        return replace(
            plan, limit_s=min(plan.limit_s, most_s), patience_s=min(plan.patience_s, most_s)
        )

    def wanted_min(self, cases: Sequence[Case]) -> int:
        """Whole minutes that these cases may take, by what others took besides their comparison."""
        known = max(self.beside_s.values(), default=0.0)
        beside_s = fsum(self.beside_s.get(case.variant.arm, known) for case in cases)
        return ceil(SPARE * (beside_s + (len(cases) + 1) * self.plan.limit_s) / 60)

    def took(self, case: Case, all_s: float, plan: Plan) -> None:
        """Notes what a case took besides its comparison: compiling, above all."""
        self.beside_s[case.variant.arm] = max(0.0, all_s - plan.limit_s)
