"""From the tables of a budget file to a `Config`: which keys there are, and what each must hold.

Knows neither where the file is nor what any model costs. Whatever is unknown, of the wrong type or
says nothing is an error with its line: a gate that reads half a file passes by accident.
"""

from __future__ import annotations

import keyword
import math
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from costlab.budgets.budget import (
    METRICS,
    Budget,
    Config,
    Limit,
    Metric,
    ModelSpec,
    On,
    Per,
    Waiver,
)
from costlab.budgets.consistency import agree
from costlab.budgets.quantities import amount, share, shown
from costlab.budgets.subjects import unsuited
from costlab.errors import UsageError, did_you_mean
from costlab.globs import pattern
from costlab.inputspec import read

if TYPE_CHECKING:
    from costlab.budgets.tables import Table

KEYS = ("schema", "baseline", "anchor", "models", "budgets", "waivers")
BASELINES = ("file:", "git:", "merge-base:")
LIMITS = ("warn", "max", "max_increase", "anchor_increase", "and_over")
LONGEST = 256
STARS = 8
"""More wildcards than anybody writes in a glob would take long to match."""


def config(table: Table, *, begun: bool = False) -> Config:
    """All that a budget file says; one that is only `begun` may have no budgets yet.

    Raises:
        UsageError: something in it cannot be used; the message begins with its file and line.
    """
    table.only(KEYS)
    version = table.values.get("schema", 1)
    if type(version) is not int or version != 1:
        table.fail(
            f"schema is {shown(version)}, and this costlab reads schema 1; update costlab, or "
            "write schema = 1",
            "schema",
        )
    models = table.below("models", "models")
    budgets = tuple(_budget(row) for row in table.rows("budgets", "budget"))
    found = Config(
        models=tuple(
            _model(models.below(name, f"model {shown(name)}"), name) for name in models.values
        ),
        budgets=budgets,
        waivers=tuple(_waiver(row, budgets) for row in table.rows("waivers", "waiver")),
        baseline=_baseline(table, "baseline"),
        anchor=_baseline(table, "anchor"),
        file=table.origin.file,
    )
    if not found.models:
        table.fail('it names no model; write [models.NAME] with model = "net.py:Net"')
    if not found.budgets and not begun:
        table.fail("it has no budget, and so would check nothing; write [[budgets]]")
    agree(found)
    return found


def _baseline(table: Table, key: str) -> str:
    found = table.text(key, "") if key in table.values else ""
    if not found:
        return ""
    start = next((start for start in BASELINES if found.startswith(start)), None)
    if start is None or not found.removeprefix(start).strip():
        table.fail(f"{key} is {shown(found)}; write file:PATH, git:REF or merge-base:REF", key)
    return found


def _model(table: Table, name: str) -> ModelSpec:
    table.only(("model", "kwargs", "inputs", "inputs_from", "mode", "on"))
    if "." in name or not name.strip():
        table.fail("a model's name has no dots and is not empty: `*` would not match it")
    inputs = table.texts("inputs")
    for text in inputs:
        try:
            read(text)
        except UsageError as error:
            table.fail(str(error), "inputs")
    function = table.text("inputs_from", "") if "inputs_from" in table.values else ""
    if function and inputs:
        table.fail("inputs and inputs_from both say what goes in; write one of them", "inputs_from")
    if "inputs_from" in table.values and ":" not in function:
        table.fail(f"{shown(function)} names no function; write inputs.py:make", "inputs_from")
    mode = table.one_of("mode", ("eval", "train"), "eval")
    return ModelSpec(
        name=name,
        source=table.text("model"),
        place=table.place,
        inputs=inputs,
        mode=cast("Literal['eval', 'train']", mode),
        kwargs=_kwargs(table),
        inputs_from=function,
        on=cast("On", table.one_of("on", get_args(On), "auto")),
    )


def _kwargs(table: Table) -> dict[str, Any]:
    found = table.below("kwargs", f"{table.title}: kwargs")
    for name, value in found.values.items():
        if not name.isidentifier() or keyword.iskeyword(name):
            found.fail(f"{shown(name)} cannot be the name of an argument", name)
        if not _is_literal(value):
            found.fail(f"{name} must be made of texts, numbers, lists and tables", name)
    return dict(found.values)


def _is_literal(value: object) -> bool:
    """Whether Python writes the value as a literal: neither a date nor an infinity is one."""
    if isinstance(value, list):
        return all(map(_is_literal, value))
    if isinstance(value, dict):
        return all(map(_is_literal, value.values()))
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, bool | int | str)


def _globs(table: Table, key: str) -> tuple[str, ...]:
    found = table.texts(key)
    for glob in found:
        if len(glob) > LONGEST or glob.count("*") > STARS:
            table.fail(f"{key} holds a glob that is too long, or has over {STARS} stars", key)
        try:
            pattern(glob)
        except UsageError as error:
            table.fail(str(error), key)
    return found


def _budget(table: Table) -> Budget:
    table.only(("id", "models", "modules", "ops", "per", "message", *METRICS))
    name = table.text("id")
    table = replace(table, title=f"budget {shown(name)}")
    modules, ops = _globs(table, "modules"), table.texts("ops")
    if modules and ops:
        table.fail("it has modules and ops; write a budget for each", "ops")
    if "per" in table.values and not (modules or ops):
        table.fail("per tells how modules or ops are counted, and it has neither", "per")
    limits = tuple(_limit(table, metric) for metric in METRICS if metric in table.values)
    if not limits:
        table.fail(f'it limits nothing; write {METRICS[0]} = {{ max = "5G" }}, or one of '
                   f"{', '.join(METRICS[1:])}")  # fmt: skip
    budget = Budget(
        id=name,
        place=table.place,
        models=_globs(table, "models") or ("*",),
        limits=limits,
        modules=modules,
        per=cast("Per", table.one_of("per", ("match", "sum"), "match")),
        ops=ops,
        message=table.text("message", "") if "message" in table.values else "",
    )
    for limit in limits:
        if wrong := unsuited(budget, limit.metric):
            table.fail(wrong, limit.metric)
    return budget


def _limit(budget: Table, metric: Metric) -> Limit:
    table = budget.below(metric, f"{budget.title}: {metric}")
    table.only(LIMITS)

    def read(key: str, how: Any) -> Any:
        if key not in table.values:
            return None
        try:
            return how(table.values[key])
        except UsageError as error:
            table.fail(f"{key}: {error}", key)

    warn, highest, floor = (
        read(key, lambda text: amount(text, metric)) for key in ("warn", "max", "and_over")
    )
    increase, anchored = read("max_increase", share), read("anchor_increase", share)
    if (warn, highest, increase, anchored) == (None, None, None, None):
        table.fail("it limits nothing; write max, warn, max_increase or anchor_increase")
    if floor is not None and increase is None and anchored is None:
        table.fail("and_over is a floor of max_increase, and there is none", "and_over")
    if warn is not None and highest is not None and warn >= highest:
        table.fail("warn is not below max, and so would never be seen", "warn")
    written = {key: str(value) for key, value in table.values.items()}
    return Limit(metric, warn, highest, increase, floor or 0, anchored, written, table.place)


def _waiver(table: Table, budgets: tuple[Budget, ...]) -> Waiver:
    table.only(("budget", "models", "modules", "metric", "up_to", "reason", "expires"))
    name = table.text("budget")
    table = replace(table, title=f"waiver of {shown(name)}")
    waived = next((budget for budget in budgets if budget.id == name), None)
    if waived is None:
        known = [budget.id for budget in budgets]
        near = did_you_mean(name, known) or f" There are {', '.join(map(shown, known))}."
        table.fail(f"there is no such budget.{near}", "budget")
    reason = table.text("reason")
    if "expires" not in table.values:
        table.fail("it has no expires; a waiver ends on a day, such as expires = 2027-01-31")
    expires = table.values["expires"]
    if type(expires) is not date:
        table.fail("expires must be a day, without quotes or time: expires = 2027-01-31", "expires")
    if "up_to" not in table.values:
        table.fail('it has no up_to; a waiver has a ceiling, such as up_to = "5.8G"')
    metric = _waived_metric(table, waived)
    try:
        up_to = amount(table.values["up_to"], metric)
    except UsageError as error:
        table.fail(f"up_to: {error}", "up_to")
    models, modules = _globs(table, "models") or ("*",), _globs(table, "modules")
    if modules and (waived.per == "sum" or not waived.modules):
        table.fail("the budget does not hold modules one by one; leave modules out", "modules")
    return Waiver(name, table.place, up_to, reason, expires, models, metric, modules)


def _waived_metric(table: Table, waived: Budget) -> Metric:
    """The metric that a waiver is of: the one it names, or the only one that the budget limits."""
    limited = tuple(limit.metric for limit in waived.limits)
    if "metric" in table.values:
        return cast("Metric", table.one_of("metric", limited, limited[0]))
    if len(limited) > 1:
        table.fail(f"the budget limits {' and '.join(limited)}; say which is waived as metric")
    return limited[0]
