"""What `costlab check` is asked to hold, how it finds out, and where the verdict goes.

Knows the options' values, not their parser.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from costlab.budgets import command, configfile
from costlab.budgets.budget import Budget, Config, Limit, Place
from costlab.budgets.checks import Checks, Problem
from costlab.budgets.lost import Loss, budgets_at, lost
from costlab.cli.output import Face, Target, emit
from costlab.cli.running import load_torch
from costlab.cli.voice import Voice
from costlab.errors import CostlabError, UsageError, did_you_mean
from costlab.globs import matches
from costlab.release import release
from costlab.render import FORMATS, comment, github, gitlab, junit, sarif
from costlab.render.checks import checks_data, checks_tables
from costlab.render.places import Tree
from costlab.render.table import Table

SPECIAL = ("junit", "sarif", "github", "gitlab")
"""The formats of a verdict besides those of every table."""
ROOTS = ("GITHUB_WORKSPACE", "CI_PROJECT_DIR")
"""Variables in which services name the root of the checkout."""
_AT = re.compile(r"(?P<file>[^\n:]+):(?P<line>[0-9]{1,9}): ")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the options say: which models, and further limits."""

    models: tuple[str, ...]
    file: str | None
    limits: tuple[Budget, ...]
    inputs: tuple[str, ...]
    inputs_from: str
    mode: str | None
    on: str
    baseline: str
    anchor: str

    def config(self) -> Config:
        """The configuration that is asked for: that of a file, or that of the options alone.

        Raises:
            UsageError: it cannot be used, or there is nothing to be held.
        """
        path = Path(self.file) if self.file else configfile.find()
        found = configfile.load(path) if path or not self.models else None
        known = {model.name for model in found.models} if found else set()
        strangers = [name for name in self.models if name not in known]
        if found and not strangers:
            config = _chosen(found, self.models) if self.models else found
            given = (
                ("--input", self.inputs),
                ("--inputs-from", self.inputs_from),
                ("--mode", self.mode),
                ("--on", self.on != "auto"),
            )
            option = next((option for option, value in given if value), "")
            if option:
                raise UsageError(f"{option} is for a MODEL that {found.file} does not name")
            config = command.beside(config, self.limits) if self.limits else config
        elif len(strangers) < len(self.models) or self.file or (found and not self.limits):
            file = found.file if found else self.file
            near = did_you_mean(strangers[0], known)
            aside = "" if self.limits else " A model that is not in it needs --max."
            raise UsageError(f"{file} has no model {strangers[0]!r}.{near}{aside}")
        else:
            config = self._alone()
        return replace(
            config, baseline=self.baseline or config.baseline, anchor=self.anchor or config.anchor
        )

    def _alone(self) -> Config:
        """The models of the options, with the limits of the options."""
        if len(set(self.models)) < len(self.models):
            raise UsageError("a MODEL is named twice; name each once")
        each = [
            command.for_model(
                name,
                self.limits,
                inputs=self.inputs,
                inputs_from=self.inputs_from,
                mode=self.mode or "eval",
                on=self.on,
            )
            for name in self.models
        ]
        return replace(each[0], models=tuple(model for one in each for model in one.models))


def _chosen(config: Config, names: tuple[str, ...]) -> Config:
    """The configuration as it speaks of some of its models."""

    def of(globs: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name for name in names if any(matches(glob, name) for glob in globs))

    budgets = [replace(one, models=of(one.models)) for one in config.budgets if of(one.models)]
    if not budgets:
        raise UsageError(f"{config.file} has no budget for {', '.join(names)}")
    kept = {budget.id: budget for budget in budgets}
    # A waiver of models that its budget does not have is a fault, and here it would be ours.
    waivers = [
        replace(one, models=waived)
        for one in config.waivers
        if one.budget in kept
        and (waived := tuple(n for n in of(one.models) if n in kept[one.budget].models))
    ]
    models = tuple(model for model in config.models if model.name in names)
    return replace(config, models=models, budgets=tuple(budgets), waivers=tuple(waivers))


def judged(config: Config, voice: Voice, *, strict: bool = False) -> Checks:
    """The verdict on a configuration; what fails on the way is a problem in it.

    What the budget file of the baseline's commit held, and that of now does not, is a note, and
    a problem if one is `strict`.
    """
    from costlab.budgets.bases import Base, base_of

    problems: list[Problem] = []
    asked, unused = config, list[str]()
    bases: dict[str, Base | None] = {}
    for called, kind in (("baseline", "max_increase"), ("anchor", "anchor_increase")):
        text = getattr(config, called)
        if not any(_has(limit, kind) for one in config.budgets for limit in one.limits):
            bases[called] = None
            if text and called == "anchor":
                unused.append(f"anchor {text} is not used: no budget has an anchor_increase")
            continue
        try:
            with voice.step(called, text or "none"):
                bases[called] = found = base_of(text, config)
            problems += found.problems if found else ()
        except CostlabError as error:
            bases[called] = None
            # The message names the file or the ref, and not what it is of the two.
            problems.append(problem_of(error, f"{called}: "))
            # What is relative to it is not held, and the problem says so once.
            config = _without(config, kind)
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
    notes += [note for note in (*checks.notes, *unused) if note not in silent]
    checks = replace(checks, notes=tuple(dict.fromkeys(notes)))
    return explained(checks, found_models.reports, before.reports if before else {})


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


def unsaid(error: CostlabError) -> Checks:
    """The verdict where nothing could be checked."""
    return Checks((), (problem_of(error),), {"costlab": release()})


def promoted(checks: Checks) -> Checks:
    """The checks with each warning a failure."""
    return replace(
        checks,
        checks=tuple(
            replace(check, outcome="fail") if check.outcome == "warn" else check
            for check in checks.checks
        ),
    )


def show(
    checks: Checks,
    wanted: list[Target],
    face: Face,
    voice: Voice,
    file: str = "",
    extra: Callable[[], list[Table]] = list,
) -> None:
    """Writes a verdict in each format; `file` is the budget file, for what has no other place."""
    tree = Tree(_root(), ".", file or configfile.SHARED)
    special = {
        "html": lambda: "\n".join(
            FORMATS["html"](table, units=face.units)
            for table in [*extra(), *checks_tables(checks, face.units)]
        ),
        "junit": lambda: junit.render(checks),
        "sarif": lambda: sarif.render(checks, tree),
        "github": lambda: github.render(checks, tree),
        "gitlab": lambda: gitlab.render(checks, tree),
        "markdown": lambda: comment.render(checks, face.units),
    }
    emit(
        wanted,
        lambda: [*extra(), *checks_tables(checks, face.units, every=voice.verbose)],
        checks.to_json,
        face,
        voice,
        lambda: checks_data(checks),
        special,
    )


def file_of(config: Config) -> str:
    """The first file that a model is in, for findings that no budget file is the place of."""
    homes = (model.source.partition(":")[0] for model in config.models)
    return next((home for home in homes if home.endswith(".py") and Path(home).is_file()), "")


def _root() -> str:
    """The root of the checkout: as a service names it, or the nearest folder that git keeps."""
    here = Path.cwd()
    for name in ROOTS:
        named = os.environ.get(name)
        if named and here.is_relative_to(named):
            return named
    return str(next((at for at in (here, *here.parents) if (at / ".git").exists()), here))
