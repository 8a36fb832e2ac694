"""What is held: rules of limits against values, the checks that come of it, and what was unsaid.

Knows one value at a time, and what a commit had in its place; not which budgets there are.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from costlab.budgets.baseline import UPDATE, Baseline, Key
from costlab.budgets.before import Before, Befores
from costlab.budgets.checks import Check, Problem
from costlab.budgets.overlaps import Overlaps
from costlab.budgets.soundness import problems_of_baseline
from costlab.budgets.waiving import Waivers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date

    from costlab.budgets.budget import Budget, Config, Limit, Place
    from costlab.budgets.checks import Outcome
    from costlab.budgets.limits import Rule
    from costlab.budgets.subjects import Subject
    from costlab.budgets.successors import Successor
    from costlab.report import Report


@dataclass(slots=True)
class Holding:
    """What is known while budgets are gone through, and what has come of it so far."""

    config: Config
    reports: Mapping[str, Report]
    bases: Mapping[str, Baseline | None]
    today: date
    sources: Callable[[str, str], Place | None]
    checks: list[Check] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unsound: set[str] = field(default_factory=set)
    overlaps: Overlaps = field(default_factory=Overlaps)
    befores: Befores = field(default_factory=Befores)
    waivers: Waivers = field(init=False)

    def __post_init__(self) -> None:
        """Waivers keep count of what they were needed for."""
        self.waivers = Waivers(self.config, self.today)

    def problem(self, text: str, place: Place | None, model: str = "") -> None:
        """Notes something that could not be said."""
        self.problems.append(Problem(text, place if place and place.file else None, model))

    def hold(self, budget: Budget, limit: Limit, model: str, subject: Subject, rule: Rule) -> None:
        """Holds one rule against one value."""
        value = subject.value(self.reports[model], limit.metric)
        key = Key(model, subject.kind, subject.name, limit.metric)
        found = self._before(budget, key, subject, rule) if rule.against else None
        if rule.against and found is None:
            return
        was = found or Before(self._was(budget, key, subject))
        outcome: Outcome
        outcome, largest, text = (
            ("new", value, rule.text) if was.is_new else rule.held(value, was.value)
        )
        waived = ""
        if outcome == "fail":
            outcome, waived = self.waivers.judge(budget, model, subject.name, limit.metric, value)
        if model in self.unsound and outcome != "fail":
            return  # what is not sound passes nothing; a limit that it breaks is told all the same
        where = self.sources(model, subject.path) if outcome not in {"pass", "new"} else None
        self.checks.append(
            Check(
                budget=budget.id,
                model=model,
                subject=subject.name,
                metric=limit.metric,
                value=value,
                limit=largest,
                rule=text,
                outcome=outcome,
                place=limit.place or budget.place,
                base=was.value,
                source=where,
                message=budget.message,
                waiver=waived,
            )
        )

    def base_of(self, rule: Rule) -> Baseline:
        """What a rule is relative to; an empty baseline where there is none."""
        return self.bases.get(rule.against) or Baseline({}, {}, {}, "")

    def new(self, begun: int, limit: Limit, rule: Rule) -> list[Check]:
        """The checks from one on that found something new, by a rule of a limit."""
        return [
            one
            for one in self.checks[begun:]
            if one.outcome == "new" and (one.metric, one.rule) == (limit.metric, rule.text)
        ]

    def succeed(
        self, budget: Budget, limit: Limit, rule: Rule, found: Successor | None, model: str | None
    ) -> None:
        """Holds what is new against what is gone; it is told where that breaks the limit."""
        if found is None:
            return
        broken, largest, _ = rule.held(found.value, found.base)
        if broken != "fail":
            return
        named = ", ".join(found.new)
        of, subject = (model, named) if model else (named, "")
        waived: list[tuple[Outcome, str]] = [
            self.waivers.judge(
                budget, model or new, new if model else "", limit.metric, found.value
            )
            for new in found.new
        ]
        # All that is new must be waived: its sum is what is over.
        outcome, waiver = next((one for one in waived if one[0] == "fail"), waived[0])
        self.checks.append(
            Check(
                budget=budget.id,
                model=of,
                subject=subject,
                metric=limit.metric,
                value=found.value,
                limit=largest,
                rule=rule.text,
                outcome=outcome,
                place=limit.place or budget.place,
                base=found.base,
                source=self.sources(model, found.new[0]) if model else None,
                message=budget.message,
                because=found.told,
                waiver=waiver,
            )
        )

    def _before(self, budget: Budget, key: Key, subject: Subject, rule: Rule) -> Before | None:
        """What a rule is relative to; None, and a problem, if that cannot be said."""
        base = self.bases[rule.against]
        if base is None:
            self.problem(
                f"budget {budget.id!r}: {rule.text} is relative to the {rule.against}, and there "
                f"is none; name one as {rule.against} in the budget file",
                budget.place,
            )
            return None
        spec = next(model for model in self.config.models if model.name == key.model)
        report = self.reports[key.model]
        if base.at and key.model not in base.models and self._is_told(key.model):
            return None  # why it could not be measured there stands already
        faults = list(problems_of_baseline(spec, report, base, rule.against))
        self.problems.extend(faults)
        if faults:
            return None
        if not base.at and key not in base.values:
            self.problem(
                f"budget {budget.id!r}: {key} is not in the {rule.against}; {UPDATE}, and what is "
                "new can have an absolute limit instead",
                budget.place,
                key.model,
            )
            return None
        was = self.befores.of(budget, key, subject, base, report.root)
        if was.fault:
            self.problem(f"budget {budget.id!r}: {was.fault}", budget.place, key.model)
            return None
        return was

    def _was(self, budget: Budget, key: Key, subject: Subject) -> int | None:
        """What the baseline has of what is limited absolutely; None if nothing can be said."""
        base = self.bases.get("baseline")
        if base is None:
            return None
        spec = next(model for model in self.config.models if model.name == key.model)
        report = self.reports[key.model]
        known = key.model in base.models
        if not known or any(problems_of_baseline(spec, report, base, "baseline")):
            return None
        return self.befores.of(budget, key, subject, base, report.root).value

    def _is_told(self, model: str) -> bool:
        """Whether there is a problem of a model already."""
        return any(problem.model == model for problem in self.problems)
