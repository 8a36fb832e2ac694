"""Budgets held against reports: each limit on each value, and all that could not be said.

Knows neither files nor how a model is built. The world is closed: what matches nothing, lacks its
baseline or was not counted in full is a problem, and never passes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from costlab.budgets.baseline import UPDATE, Baseline, Key
from costlab.budgets.before import ABSOLUTE, Before, Befores
from costlab.budgets.budget import Place
from costlab.budgets.checks import Check, Checks, Problem
from costlab.budgets.limits import rules
from costlab.budgets.overlaps import Overlaps
from costlab.budgets.soundness import problems_of_baseline, problems_of_report
from costlab.budgets.subjects import chosen, select, unsuited
from costlab.budgets.successors import of_models, of_modules
from costlab.budgets.waiving import Waivers
from costlab.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import date

    from costlab.budgets.budget import Budget, Config, Limit
    from costlab.budgets.checks import Outcome
    from costlab.budgets.limits import Rule
    from costlab.budgets.subjects import Subject
    from costlab.budgets.successors import Successor
    from costlab.report import Report


def nowhere(model: str, path: str) -> Place | None:  # noqa: ARG001 - the form of a lookup
    """The place of a module's class, where none is known."""
    return None


def silences(config: Config) -> list[str]:
    """What to say of each model that no budget speaks of."""
    return [
        f"no budget speaks of {model.name}"
        for model in config.models
        if not any(chosen(one.models, [model.name])[0] for one in config.budgets)
    ]


def check(
    config: Config,
    reports: Mapping[str, Report],
    baseline: Baseline | None,
    anchor: Baseline | None,
    today: date,
    *,
    problems: Iterable[Problem] = (),
    sources: Callable[[str, str], Place | None] = nowhere,
) -> Checks:
    """All checks of a configuration, in the order of its budgets, and all problems.

    `reports` are by the names of the configuration's models; `problems` those that came up while
    the reports were made; `sources` says where the class of a module of a model is defined.
    """
    run = _Run(config, reports, {"baseline": baseline, "anchor": anchor}, today, sources)
    run.problems.extend(problems)
    run.check_models()
    for budget in config.budgets:
        run.check_budget(budget)
    run.problems.extend(run.overlaps.problems())
    run.problems.extend(run.waivers.problems())
    if not run.checks and not run.problems:
        run.problem("nothing was checked: there is no budget, or none limits anything", Place(""))
    elif run.checks and not run.problems and all(one.outcome == "new" for one in run.checks):
        run.problem(f"all that is limited is new, so that nothing was held: {ABSOLUTE}", Place(""))
    versions: Mapping[str, str] = next((dict(one.versions) for one in reports.values()), {})
    return Checks(
        tuple(run.checks),
        tuple(dict.fromkeys(run.problems)),
        versions,
        config.baseline,
        (*run.waivers.notes(), *run.notes),
    )


@dataclass(slots=True)
class _Run:
    """What is known while budgets are gone through."""

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

    def check_models(self) -> None:
        """Notes models without a report, reports without a model, and what is not sound."""
        told = {problem.model for problem in self.problems}
        named = {model.name for model in self.config.models}
        for model in self.config.models:
            if model.name in self.reports:
                faults = list(problems_of_report(model, self.reports[model.name]))
                self.problems.extend(faults)
                if faults:
                    self.unsound.add(model.name)
            elif model.name not in told:
                self.problem(f"there is no report of {model.name}", model.place, model.name)
            found = self.reports.get(model.name)
            if found is not None and found.complete and not any(b.ops for b in found.root.walk()):
                self.notes.append(f"the forward of {model.name} runs no operation, so that it is 0")
        self.notes.extend(silences(self.config))
        for name in self.reports:
            if name not in named:
                near = did_you_mean(name, named)
                self.problem(f"there is a report of {name}, which no model is called.{near}", None)

    def check_budget(self, budget: Budget) -> None:
        """Holds a budget's limits against all that it selects."""
        names = [model.name for model in self.config.models]
        found, unused = chosen(budget.models, names)
        for glob in unused:
            near = did_you_mean(glob, names)
            self.problem(
                f"budget {budget.id!r}: no model matches {glob!r}.{near} There are "
                f"{', '.join(names) or 'none'}.",
                budget.place,
            )
        if not budget.limits:
            self.problem(f"budget {budget.id!r} limits nothing", budget.place)
        if not budget.models:
            self.problem(f"budget {budget.id!r} names no model", budget.place)
        if any(one.id == budget.id and one is not budget for one in self.config.budgets):
            self.problem(f"there are several budgets {budget.id!r}", budget.place)
        before = len(self.checks)
        for name in found:
            if name in self.reports:
                self.check_model(budget, name)
        for limit in () if budget.modules or budget.ops else budget.limits:
            for rule in rules(limit):
                new = {
                    one.model: one.value
                    for one in self.new(before, limit, rule)
                    if one.model in self.base_of(rule).absent
                }
                self.succeed(
                    budget, limit, rule, of_models(limit.metric, new, self.base_of(rule)), None
                )
        if len(self.checks) == before and not self.problems:
            self.problem(f"budget {budget.id!r} checks nothing", budget.place)

    def check_model(self, budget: Budget, model: str) -> None:
        """Holds a budget's limits against one model."""
        report = self.reports[model]
        selection = select(budget, report, model)
        begun = len(self.checks)
        for missing in selection.missing:
            self.problem(f"budget {budget.id!r}: {missing}", budget.place, model)
        for limit in budget.limits:
            if wrong := unsuited(budget, limit.metric):
                self.problem(f"budget {budget.id!r}: {wrong}", budget.place, model)
                continue
            if not any(True for _ in rules(limit)):
                self.problem(f"budget {budget.id!r}: {limit.metric} has no limit", budget.place)
            for subject in selection.subjects:
                self.overlaps.add(budget, limit, model, subject)
                self.waivers.meet(budget, model, subject.name)
                for rule in rules(limit):
                    self.check_value(budget, limit, model, subject, rule)
            for rule in rules(limit) if budget.modules and budget.per == "match" else ():
                paths = {one.subject for one in self.new(begun, limit, rule)}
                new = [one for one in selection.subjects if one.name in paths]
                base = self.base_of(rule)
                matched = self.befores.matched(model, base, report.root)
                if new and matched is not None:
                    roots = base.roots[model], report.root
                    found = of_modules(budget, limit.metric, new, matched, *roots)
                    self.succeed(budget, limit, rule, found, model)

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
        if found is None or rule.held(found.value, found.base)[0] != "fail":
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
                limit=rule.held(found.value, found.base)[1],
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

    def check_value(
        self, budget: Budget, limit: Limit, model: str, subject: Subject, rule: Rule
    ) -> None:
        """Holds one rule against one value."""
        value = subject.value(self.reports[model], limit.metric)
        was = Before(None)
        if rule.against:
            key = Key(model, subject.kind, subject.name, limit.metric)
            found = self.before(budget, key, subject, rule)
            if found is None:
                return
            was = found
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

    def before(self, budget: Budget, key: Key, subject: Subject, rule: Rule) -> Before | None:
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
        if base.at and key.model not in base.models and self.is_told(key.model):
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

    def is_told(self, model: str) -> bool:
        """Whether there is a problem of a model already."""
        return any(problem.model == model for problem in self.problems)
