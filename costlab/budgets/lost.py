"""What the budget file of a commit held and that of now does not: limits that went unnoticed.

Knows budgets, neither reports nor values. Only whether a limit is there is compared, not how much
it allows: a number that was raised is in the diff of the file, where a reviewer sees it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from costlab.budgets import configfile
from costlab.budgets.git import run
from costlab.budgets.subjects import chosen
from costlab.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from costlab.budgets.budget import Config
    from costlab.budgets.refs import Commit

KINDS = ("max", "max_increase", "anchor_increase")


class Held(NamedTuple):
    """A kind of limit on a metric of a model, or of what some globs match in it."""

    model: str
    of: tuple[str, ...]
    metric: str
    kind: str


class Loss(NamedTuple):
    """What a reader has to know of a limit that is gone; `held` if it only has another name."""

    text: str
    held: bool = False


def budgets_at(commit: Commit, file: str) -> Config | None:
    """What the budget file of a commit says, by whichever of its two names; None if none is there.

    One that cannot be read holds nothing.
    """
    for name in dict.fromkeys((Path(file).name, configfile.OWN, configfile.SHARED)):
        path = (Path(commit.below) / name).as_posix()
        found = run(commit.top, "show", f"{commit.sha}:{path}")
        if not found.returncode:
            try:
                return configfile.parsed(found.stdout, name)
            except UsageError:
                continue
    return None


def lost(now: Config, before: Config, at: str) -> Iterator[Loss]:
    """A line for each limit that was there and has no like now, and for each model."""
    named = {model.name: model for model in now.models}
    held = {one for one, _ in _held(now)}
    known = {model.name for model in before.models}
    called = {
        (model.source, repr(dict(model.kwargs))): model.name
        for model in now.models
        if model.name not in known
    }
    for model in before.models:
        name = model.name
        if name in named:
            continue
        other = called.get((model.source, repr(dict(model.kwargs))))
        if other:
            yield Loss(f"{name} is called {other} since {at}", held=True)
        else:
            yield Loss(f"{name} has budgets at {at}, and is not checked any more")
    told: dict[Loss, None] = {}
    for one, budget in _held(before):
        if one in held or one.model not in named:
            continue
        of = f"the {one.metric} of {', '.join(one.of)} in" if one.of else f"the {one.metric} of"
        what = f"budget {budget!r} at {at} holds {of} {one.model} ({one.kind})"
        told[Loss(f"{what}, and no budget does now")] = None
    yield from told


def _held(config: Config) -> Iterator[tuple[Held, str]]:
    """All that a configuration limits, with the name of the budget."""
    names = [model.name for model in config.models]
    for budget in config.budgets:
        of = tuple(sorted((*budget.modules, *budget.ops)))
        for name in chosen(budget.models, names)[0]:
            for limit in budget.limits:
                for kind in KINDS:
                    if getattr(limit, kind) is not None:
                        yield Held(name, of, limit.metric, kind), budget.id
