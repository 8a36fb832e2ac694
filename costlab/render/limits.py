"""The limits of a configuration as a table: what each holds for, and which line it comes from.

Knows no values: what is held against the limits is in `costlab.render.checks`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from costlab.render.sentences import tame
from costlab.render.table import Column, Row, Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from costlab.budgets.budget import Budget, Config, Waiver

COLUMNS = (
    Column("where", "where", "text"),
    Column("budget", "budget", "text"),
    Column("models", "models", "text"),
    Column("of", "of", "text"),
    Column("metric", "metric", "text"),
    Column("limit", "limit", "text"),
)


def limits_table(config: Config) -> Table:
    """A row for each limit of a configuration."""
    notes = [
        f"{called}: {tame(text)}"
        for called, text in (("baseline", config.baseline), ("anchor", config.anchor))
        if text
    ]
    notes += [
        f"waiver: {tame(waiver.budget)}{_only(waiver)} until {waiver.expires}, up to "
        f"{waiver.up_to:,}: "
        f"{tame(waiver.reason)} ({tame(str(waiver.place))})"
        for waiver in config.waivers
    ]
    rows = tuple(row for budget in config.budgets for row in _rows(budget))
    return Table("limits, and where each stands", COLUMNS, rows, tuple(notes))


def _only(waiver: Waiver) -> str:
    """The modules that a waiver is of, if it is not of all."""
    return f" of {tame(', '.join(waiver.modules))}" if waiver.modules else ""


def _rows(budget: Budget) -> Iterator[Row]:
    of = ", ".join((*budget.modules, *budget.ops)) or "the whole"
    if budget.per == "sum" and (budget.modules or budget.ops):
        of = f"the sum of {of}"
    for limit in budget.limits:
        written = ", ".join(f"{kind} = {text}" for kind, text in limit.written.items())
        place = limit.place or budget.place
        texts = (str(place), budget.id, ", ".join(budget.models), of, limit.metric, written)
        yield Row(tuple(map(tame, texts)))
