"""Budgets held against reports: each limit on each value, and all that could not be said.

Knows neither files nor how a model is built. The world is closed: what matches nothing, lacks its
baseline or was not counted in full is a problem, and never passes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from costlab.budgets.before import ABSOLUTE
from costlab.budgets.budget import Place
from costlab.budgets.checks import Checks, Problem
from costlab.budgets.holding import Holding
from costlab.budgets.limits import rules
from costlab.budgets.soundness import problems_of_report
from costlab.budgets.subjects import chosen, select, unsuited
from costlab.budgets.successors import of_models, of_modules
from costlab.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import date

    from costlab.budgets.baseline import Baseline
    from costlab.budgets.budget import Budget, Config
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
    run = Holding(config, reports, {"baseline": baseline, "anchor": anchor}, today, sources)
    run.problems.extend(problems)
    _check_models(run)
    for budget in config.budgets:
        _check_budget(run, budget)
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


def _check_models(run: Holding) -> None:
    """Notes models without a report, reports without a model, and what is not sound."""
    told = {problem.model for problem in run.problems}
    named = {model.name for model in run.config.models}
    for model in run.config.models:
        if model.name in run.reports:
            faults = list(problems_of_report(model, run.reports[model.name]))
            run.problems.extend(faults)
            if faults:
                run.unsound.add(model.name)
        elif model.name not in told:
            run.problem(f"there is no report of {model.name}", model.place, model.name)
        found = run.reports.get(model.name)
        if found is not None and found.complete and not any(b.ops for b in found.root.walk()):
            run.notes.append(f"the forward of {model.name} runs no operation, so that it is 0")
    run.notes.extend(silences(run.config))
    for name in run.reports:
        if name not in named:
            near = did_you_mean(name, named)
            run.problem(f"there is a report of {name}, which no model is called.{near}", None)


def _check_budget(run: Holding, budget: Budget) -> None:
    """Holds a budget's limits against all that it selects."""
    names = [model.name for model in run.config.models]
    found, unused = chosen(budget.models, names)
    for glob in unused:
        near = did_you_mean(glob, names)
        run.problem(
            f"budget {budget.id!r}: no model matches {glob!r}.{near} There are "
            f"{', '.join(names) or 'none'}.",
            budget.place,
        )
    if not budget.limits:
        run.problem(f"budget {budget.id!r} limits nothing", budget.place)
    if not budget.models:
        run.problem(f"budget {budget.id!r} names no model", budget.place)
    if any(one.id == budget.id and one is not budget for one in run.config.budgets):
        run.problem(f"there are several budgets {budget.id!r}", budget.place)
    before = len(run.checks)
    for name in found:
        if name in run.reports:
            _check_model(run, budget, name)
    for limit in () if budget.modules or budget.ops else budget.limits:
        for rule in rules(limit):
            new = {
                one.model: one.value
                for one in run.new(before, limit, rule)
                if one.model in run.base_of(rule).absent
            }
            run.succeed(budget, limit, rule, of_models(limit.metric, new, run.base_of(rule)), None)
    if len(run.checks) == before and not run.problems:
        run.problem(f"budget {budget.id!r} checks nothing", budget.place)


def _check_model(run: Holding, budget: Budget, model: str) -> None:
    """Holds a budget's limits against one model."""
    report = run.reports[model]
    selection = select(budget, report, model)
    begun = len(run.checks)
    for missing in selection.missing:
        run.problem(f"budget {budget.id!r}: {missing}", budget.place, model)
    for limit in budget.limits:
        if wrong := unsuited(budget, limit.metric):
            run.problem(f"budget {budget.id!r}: {wrong}", budget.place, model)
            continue
        if not any(True for _ in rules(limit)):
            run.problem(f"budget {budget.id!r}: {limit.metric} has no limit", budget.place)
        for subject in selection.subjects:
            run.overlaps.add(budget, limit, model, subject)
            run.waivers.meet(budget, model, subject.name)
            for rule in rules(limit):
                run.hold(budget, limit, model, subject, rule)
        for rule in rules(limit) if budget.modules and budget.per == "match" else ():
            paths = {one.subject for one in run.new(begun, limit, rule)}
            new = [one for one in selection.subjects if one.name in paths]
            base = run.base_of(rule)
            matched = run.befores.matched(model, base, report.root)
            if new and matched is not None:
                roots = base.roots[model], report.root
                found = of_modules(budget, limit.metric, new, matched, *roots)
                run.succeed(budget, limit, rule, found, model)
