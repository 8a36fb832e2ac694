"""`assert_cost`: a budget in a test, and the failure that a reader of the test's output sees.

Knows no test runner. What cannot be said (a glob that matches nothing, an operation without a rule)
is an error and never a pass.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from costlab.budgets import configfile
from costlab.budgets.budget import METRICS, WHOLE_MODEL, Budget, Config, Limit, ModelSpec, Place
from costlab.budgets.evaluate import check
from costlab.budgets.quantities import amount
from costlab.errors import UsageError, did_you_mean
from costlab.globs import matches
from costlab.render import terminal
from costlab.render.checks import checks_tables
from costlab.render.sentences import headline

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    import torch

    from costlab.budgets.budget import Metric, Per, Waiver
    from costlab.budgets.checks import Checks
    from costlab.report import Report

HERE = Place("assert_cost")
_BOUND = re.compile(r"\s*(?P<sign><=|<|≤)?\s*(?P<amount>.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a test asks of a model: limits on metrics, of the whole or of modules."""

    limits: tuple[Limit, ...]
    modules: tuple[str, ...] = ()
    per: Per = "match"
    place: Place = HERE


def assert_cost(
    model: torch.nn.Module,
    inputs: Any = None,
    *,
    module: str | tuple[str, ...] | None = None,
    per: Per = "match",
    mode: str | None = None,
    name: str | None = None,
    **limits: str | int,
) -> Report:
    """The report on a model that keeps its limits, such as `macs="<=5.8G", params="<25M"`.

    `module` limits the modules that a glob matches, each or (`per="sum"`) together; `name` is what
    a model is called in the budget file, whose absolute limits then hold too, except on what is
    limited here, and whose inputs and mode are used where none are given.

    Raises:
        AssertionError: a limit is broken; the message is the table of all checks.
        UsageError: something could not be checked, or nothing is limited.

    >>> import torch
    >>> assert_cost(torch.nn.Linear(64, 10), "f32[8,64]", macs="<= 5120").total.macs
    5120
    """
    __tracebackhide__ = True
    wishes = [wish(limits, module, per, HERE)] if limits or module is not None else []
    return held(model, inputs, wishes, mode=mode, name=name)


def wish(
    limits: Mapping[str, str | int],
    module: str | tuple[str, ...] | list[str] | None,
    per: str,
    place: Place,
) -> Wish:
    """What keyword arguments ask for.

    Raises:
        UsageError: a metric or a limit that is none, or nothing is limited.
    """
    __tracebackhide__ = True
    for metric in limits:
        if metric not in METRICS:
            message = f"there is no metric {metric!r}.{did_you_mean(metric, METRICS)} "
            raise UsageError(f"{message}Metrics: {', '.join(METRICS)}")
    if not limits:
        raise UsageError('nothing is limited; write a metric and its limit, as macs="<=5.8G"')
    modules = (module,) if isinstance(module, str) else tuple(module or ())
    if module is not None and (not modules or not all(modules)):
        raise UsageError("module is empty, and so selects nothing; leave it out, or name a glob")
    if per not in {"match", "sum"}:
        raise UsageError(f"per is {per!r}; it must be match or sum")
    for metric in limits:
        if modules and metric in WHOLE_MODEL:
            raise UsageError(f"{metric} is of a whole model, not of modules")
    told = tuple(limit_of(limit, cast("Metric", metric)) for metric, limit in limits.items())
    return Wish(told, modules, cast("Per", per), place)


def limit_of(text: str | int, metric: Metric) -> Limit:
    """The limit that a text says; one without a sign is the largest value that passes.

    >>> limit_of("<=5.8G", "macs").max, limit_of("<25M", "params").max, limit_of(48, "depth").max
    (5800000000, 24999999, 48)

    Raises:
        UsageError: it says none, or more than that a value is at most something.
    """
    if not isinstance(text, str):
        return Limit(metric, max=amount(text, metric), written={"max": str(text)})
    found = _BOUND.fullmatch(text)
    said = found["amount"] if found else text
    if said.startswith((">", "=", "!", "≥")):
        raise UsageError(f'{metric}={text!r} is no limit; write "<=5.8G", or "<5.8G"')
    highest = amount(said, metric)
    if found and found["sign"] == "<":
        highest -= 1
    if highest < 0:
        raise UsageError(f"{metric}={text!r}: nothing costs less than nothing")
    return Limit(metric, max=highest, written={"max": f"{highest:,}"})


def held(
    model: torch.nn.Module,
    inputs: Any,
    wishes: Iterable[Wish],
    *,
    mode: str | None = None,
    name: str | None = None,
    start: Path | None = None,
) -> Report:
    """The report on a model that keeps what is wished, and what the budget file says of `name`.

    Raises:
        AssertionError: a limit is broken.
        UsageError: something could not be checked, or nothing is limited.
    """
    __tracebackhide__ = True
    config = _config(list(wishes), name, start)
    spec = config.models[0]
    if inputs is None:
        inputs = spec.inputs or None
    if inputs is None:
        raise UsageError('there are no inputs; give tensors, or specs such as "f32[1,3,299,299]"')
    from costlab.analysis import analyze

    if mode is None and name is not None:
        mode = spec.mode
    report = analyze(model, inputs, mode=mode, name=name or type(model).__name__)
    spec = replace(spec, mode=cast("Any", report.mode), inputs=())
    checks = _checked(replace(config, models=(spec,)), report)
    if checks.problems:
        raise UsageError(_said(checks))
    if checks.exit_code:
        raise AssertionError(_said(checks))
    return report


def _checked(config: Config, report: Report) -> Checks:
    if not config.budgets:
        raise UsageError(f"nothing limits {config.models[0].name}")
    today = datetime.now(UTC).date()
    return check(config, {config.models[0].name: report}, None, None, today)


def _said(checks: Checks) -> str:
    """What came out in a few words, and the tables."""
    tables = [replace(table, title="") for table in checks_tables(checks)]
    told = "\n".join(terminal.render(table, environ={}) for table in tables)
    return f"costlab: {headline(checks)}\n\n{told}"


def _config(wishes: list[Wish], name: str | None, start: Path | None) -> Config:
    """The wishes as budgets, with those of the budget file that they do not replace."""
    __tracebackhide__ = True
    spec = ModelSpec(name or "model", "", HERE)
    budgets: list[Budget] = []
    waivers: tuple[Waiver, ...] = ()
    if name is not None:
        found = configfile.load(configfile.find(start))
        known = {model.name: model for model in found.models}
        if name not in known:
            near = did_you_mean(name, known)
            raise UsageError(f"{found.file} has no model {name!r}.{near} It has {', '.join(known)}")
        spec = known[name]
        ours = [one for one in found.budgets if any(matches(glob, name) for glob in one.models)]
        budgets = [kept for one in ours if (kept := _kept(one, wishes, name)) is not None]
        names = {kept.id for kept in budgets}
        waivers = tuple(
            replace(waiver, models=("**",))
            for waiver in found.waivers
            if waiver.budget in names and any(matches(glob, name) for glob in waiver.models)
        )
    for number, one in enumerate(wishes, start=1):
        ids = f"test {number}" if wishes[1:] else "test"
        budgets.append(Budget(ids, one.place, ("**",), one.limits, one.modules, one.per))
    if not budgets:
        raise UsageError('nothing is limited; write a metric and its limit, as macs="<=5.8G"')
    return Config((spec,), tuple(budgets), waivers)


def _kept(budget: Budget, wishes: list[Wish], name: str) -> Budget | None:
    """What is left of a budget: its absolute limits, but for the metrics that a test limits.

    Relative limits are `costlab check`'s, which knows the baseline.
    """
    replaced = {
        limit.metric
        for one in wishes
        if bool(one.modules) == bool(budget.modules) and not budget.ops
        for limit in one.limits
    }
    limits = tuple(
        replace(limit, max_increase=None, anchor_increase=None, and_over=0)
        for limit in budget.limits
        if limit.metric not in replaced and (limit.max is not None or limit.warn is not None)
    )
    return replace(budget, models=(name,), limits=limits) if limits else None
