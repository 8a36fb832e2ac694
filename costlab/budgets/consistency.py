"""Whether what a budget file says agrees with itself: no name twice, no limit said in two ways.

Knows no report: what overlaps only by what globs match in a model is found where that is known.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from costlab.errors import UsageError
from costlab.globs import matches

if TYPE_CHECKING:
    from collections.abc import Iterator

    from costlab.budgets.budget import Budget, Config, Limit, Waiver

Saying = tuple[str, object]


def agree(config: Config) -> None:
    """Raises a UsageError that names both places if two parts of a configuration disagree."""
    for one, other in combinations(config.budgets, 2):
        if one.id == other.id:
            raise UsageError(
                f"{other.place}: there are two budgets {one.id!r}; the other is at {one.place}. "
                "Give each an id of its own"
            )
        shared = _shared(config, one.models, other.models)
        if shared and _selects(one) == _selects(other):
            _same_limits(one, other, shared[0])
    for first, second in combinations(config.waivers, 2):
        shared = _shared(config, first.models, second.models)
        if shared and _waives(first) == _waives(second):
            raise UsageError(
                f"{second.place}: a second waiver of {first.budget!r} for {shared[0]}; the other "
                f"is at {first.place}. Leave one of them"
            )


def sayings(limit: Limit) -> Iterator[Saying]:
    """What a limit says, each thing that may be said once."""
    for kind in ("warn", "max"):
        if getattr(limit, kind) is not None:
            yield kind, getattr(limit, kind)
    for kind in ("max_increase", "anchor_increase"):
        if getattr(limit, kind) is not None:
            yield kind, (getattr(limit, kind), limit.and_over)


def _same_limits(one: Budget, other: Budget, model: str) -> None:
    for limit in one.limits:
        said = dict(sayings(limit))
        for against in other.limits:
            if against.metric != limit.metric:
                continue
            for kind, saying in sayings(against):
                if kind in said and said[kind] != saying:
                    raise UsageError(
                        f"{other.place}: budget {other.id!r} and budget {one.id!r} ({one.place}) "
                        f"set different {kind} for the {limit.metric} of {model}; leave one of them"
                    )


def _waives(waiver: Waiver) -> tuple[object, ...]:
    """What of its models a waiver speaks of."""
    return waiver.budget, waiver.metric, frozenset(waiver.modules)


def _selects(budget: Budget) -> tuple[object, ...]:
    """What of a model a budget speaks of, as it is written."""
    per = budget.per if budget.modules or budget.ops else ""
    return frozenset(budget.modules), frozenset(budget.ops), per


def _shared(config: Config, some: tuple[str, ...], others: tuple[str, ...]) -> list[str]:
    """The models that both lists of globs match."""
    return [
        model.name
        for model in config.models
        if any(matches(glob, model.name) for glob in some)
        and any(matches(glob, model.name) for glob in others)
    ]
