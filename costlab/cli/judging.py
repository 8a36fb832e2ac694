"""The verdict of `costlab check` on a configuration, and what failed on the way to it.

Knows neither options nor where a verdict goes.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from costlab.budgets import configfile
from costlab.budgets.budget import Config, Limit, Place
from costlab.budgets.checks import Checks, Problem
from costlab.budgets.lost import Loss, budgets_at, lost
from costlab.cli.running import load_torch
from costlab.cli.voice import Voice
from costlab.errors import CostlabError

if TYPE_CHECKING:
    from costlab.budgets.bases import Base

_AT = re.compile(r"(?P<file>[^\n:]+):(?P<line>[0-9]{1,9}): ")


def judged(config: Config, voice: Voice, *, strict: bool = False) -> Checks:
    """The verdict on a configuration; what fails on the way is a problem in it.

    What the budget file of the baseline's commit held, and that of now does not, is a note, and
    a problem if one is `strict`. Where no limit is relative to the baseline, the change from it is
    told all the same, and what of it cannot be said is a note; one that is not there at all is a
    problem.
    """
    from costlab.budgets.bases import base_of

    problems: list[Problem] = []
    asked, aside = config, list[str]()
    bases: dict[str, Base | None] = {}
    for called, kind in (("baseline", "max_increase"), ("anchor", "anchor_increase")):
        text = getattr(config, called)
        relative = any(_has(limit, kind) for one in config.budgets for limit in one.limits)
        bases[called] = None
        if not relative and called == "anchor":
            if text:
                aside.append(f"{called} {text} is not used: no budget has an {kind}")
            continue
        try:
            with voice.step(called, text or "none"):
                bases[called] = found = base_of(text, config)
        except CostlabError as error:
            if not relative and _has_commit(text, config):
                aside.append(f"{called} {text}: no change from it is told, as {error}")
                continue
            # The message names the file or the ref, and not what it is of the two.
            problems.append(problem_of(error, f"{called}: "))
            # What is relative to it is not held, and the problem says so once.
            config = _without(config, kind)
            continue
        failed = found.problems if found else ()
        problems += failed if relative else ()
        # Absolute limits hold whatever was before; the change is told where it is known.
        aside += () if relative else (f"{called}: {problem.text}" for problem in failed)
    losses = _losses(config)
    if strict:
        problems += [Problem(loss.text) for loss in losses if not loss.held]
    # Nothing heavy before here: what is wrong in a file is said at once.
    from costlab.budgets.collect import collect
    from costlab.budgets.evaluate import check, silences
    from costlab.budgets.reasons import explained

    load_torch(voice)
    found_models = collect(config, lambda name: voice.tell(f"measure: {name}"))
    baseline, anchor = bases["baseline"], bases["anchor"]
    today = datetime.now(UTC).date()
    checks = check(
        config,
        found_models.reports,
        baseline.baseline if baseline else None,
        anchor.baseline if anchor else None,
        today,
        problems=(*problems, *found_models.problems),
        sources=found_models.source,
    )
    before = baseline or anchor
    notes = [note for base in (baseline, anchor) if base for note in base.notes]
    notes += [loss.text for loss in losses if loss.held or not strict]
    # A budget whose base is missing is not held, but it speaks of its models.
    silent = set(silences(config)) - set(silences(asked))
    notes += [note for note in (*checks.notes, *aside) if note not in silent]
    checks = replace(checks, notes=tuple(dict.fromkeys(notes)))
    return explained(checks, found_models.reports, before.reports if before else {})


def _has_commit(text: str, config: Config) -> bool:
    """Whether a baseline is a commit that is there, whatever could be measured at it."""
    from costlab.budgets.bases import folder_of
    from costlab.budgets.refs import is_ref, parse_ref, resolve

    if not is_ref(text):
        return False
    try:
        ref = parse_ref(text)
        resolve(ref, folder_of(config))
    except CostlabError:
        return False
    return not ref.model


def _losses(config: Config) -> list[Loss]:
    """What the budget files of the commits that are compared with held, and none holds now."""
    from costlab.budgets.bases import folder_of
    from costlab.budgets.refs import is_ref, parse_ref, resolve

    found: dict[Loss, None] = {}
    for text in filter(is_ref, (config.baseline, config.anchor) if config.file else ()):
        try:
            commit = resolve(parse_ref(text), folder_of(config))
        except CostlabError:
            continue  # whoever is relative to it says so
        before = budgets_at(commit, config.file)
        if before is not None:
            # Of the file: on the command line, it may be of some of its models only.
            found |= dict.fromkeys(lost(configfile.load(config.file), before, str(commit)))
    return list(found)


def _has(limit: Limit, kind: str) -> bool:
    return getattr(limit, kind) is not None


def _without(config: Config, kind: str) -> Config:
    """The configuration without one kind of limit."""
    budgets = []
    for budget in config.budgets:
        none: dict[str, Any] = {kind: None}
        limits = [replace(limit, **none) for limit in budget.limits]
        left = tuple(
            limit
            for limit in limits
            if any(_has(limit, each) for each in ("warn", "max", "max_increase", "anchor_increase"))
        )
        if left:
            budgets.append(replace(budget, limits=left))
    ids = {budget.id for budget in budgets}
    waivers = tuple(waiver for waiver in config.waivers if waiver.budget in ids)
    return replace(config, budgets=tuple(budgets), waivers=waivers)


def problem_of(error: CostlabError, before: str = "") -> Problem:
    """An error as something that could not be said, at the place that its message begins with."""
    found = _AT.match(str(error))
    if found is None:
        return Problem(f"{before}{error}")
    return Problem(before + str(error)[found.end() :], Place(found["file"], int(found["line"])))
