"""What relative limits are relative to: a baseline in a file, or the models at a git ref.

Knows where values come from, not what is limited. The models of a ref are measured on its own code
in one process of their own, with the names, inputs and modes that the budget file has now. A model
that is not where the budget file has it now is looked for where that of the ref has it, so that
one that moved to another file is no new one.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from costlab.budgets import baselinefile, configfile
from costlab.budgets.absence import REMEDY, unproven
from costlab.budgets.baseline import Baseline, snapshot
from costlab.budgets.budget import Config, ModelSpec, Place
from costlab.budgets.checks import Problem
from costlab.budgets.elsewhere import everywhere
from costlab.budgets.lost import budgets_at
from costlab.budgets.refs import is_ref, parse_ref, resolve
from costlab.budgets.worktrees import Worktree, worktree
from costlab.errors import DocumentError, UsageError
from costlab.report import Report

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from costlab.budgets.collect import Collected
    from costlab.budgets.refs import Commit

FILE = "file:"
MEASURE = "at-ref"
"""The hidden command that a ref's process runs: `costlab at-ref SPECS OUT`."""


@dataclass(frozen=True, slots=True)
class Base:
    """A baseline; where it was measured now, with the reports, and what could not be.

    `notes` are what a reader of a comparison with it has to know.
    """

    baseline: Baseline
    reports: Mapping[str, Report] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a process of a ref found: reports, why others failed, and which are not there."""

    reports: Mapping[str, Report]
    failed: Mapping[str, str]
    absent: frozenset[str]


def folder_of(config: Config) -> Path:
    """The folder that the paths of a configuration start from."""
    return Path(config.file).resolve().parent if config.file else Path.cwd()


def path_of(text: str, config: Config) -> Path:
    """The file that `file:PATH` names, as it is called from the current folder.

    Raises:
        UsageError: it is of another form.
    """
    if not text.startswith(FILE) or not text.removeprefix(FILE).strip():
        raise UsageError(f"{text!r} names no baseline; write file:PATH, git:REF or merge-base:REF")
    path = folder_of(config) / text.removeprefix(FILE)
    try:
        return Path(os.path.relpath(path))
    except ValueError:  # another drive, or no path at all
        return path


def base_of(text: str, config: Config) -> Base | None:
    """What a text such as `file:PATH`, `git:REF` or `merge-base:REF` names; None for no text.

    Raises:
        UsageError: the file or the ref is not there, or cannot be read.
    """
    if not text:
        return None
    if not is_ref(text):
        return Base(baselinefile.read(path_of(text, config)))
    ref = parse_ref(text)
    if ref.model:
        raise UsageError(f"{text!r} names a model; a baseline is of all models: write git:REF")
    commit = resolve(ref, folder_of(config))
    with worktree(commit) as tree:
        found = _measured(tree, config.models)
        before = _budgeted(tree, config)
        moved = tuple(
            replace(model, source=was.source, kwargs=was.kwargs)
            for model in config.models
            if model.name in found.failed
            and (was := before.get(model.name)) is not None
            and (was.source, was.kwargs) != (model.source, model.kwargs)
        )
        if moved:
            again = _measured(tree, moved)
            found = _Answer(
                {**found.reports, **again.reports},
                {name: why for name, why in found.failed.items() if name not in again.reports},
                found.absent - again.reports.keys(),
            )
        found = _proven(found, config.models, before, tree)
        # What is new may be one of those that are gone by another name.
        gone = _gone(before, config) if found.absent else ()
        left = _measured(tree, gone) if gone else _Answer({}, {}, frozenset())
    problems = tuple(
        Problem(
            f"{model.name} at {commit}: {found.failed[model.name]}"
            + ("" if REMEDY in found.failed[model.name] else f"; mend it there, or {REMEDY}"),
            model.place,
            model.name,
        )
        for model in config.models
        if model.name in found.failed.keys() - found.absent
    )
    problems += tuple(
        Problem(f"{name} has budgets at {commit}, and is gone; it cannot be measured there: {why}")
        for name, why in left.failed.items()
    )
    base = replace(
        snapshot(config, found.reports, every=True),
        at=str(commit),
        absent=found.absent,
        roots={name: report.root for name, report in found.reports.items()},
        gone={name: report.total for name, report in left.reports.items()},
    )
    sources = [model.source for model in config.models]
    notes = tuple(everywhere(sources, folder_of(config), commit.top))
    if found.absent and not before:
        notes += (_by_no_other_name(found.absent, config, commit),)
    return Base(base, found.reports, problems, notes)


def _measured(tree: Worktree, models: Iterable[ModelSpec]) -> _Answer:
    """The models as their code is at a commit.

    Raises:
        UsageError: the process failed as a whole, or its answer is damaged.
    """
    listed, found = tree.scratch / "models.json", tree.scratch / "reports.json"
    listed.write_text(json.dumps([asdict(model) for model in models]), encoding="utf-8")
    found.unlink(missing_ok=True)
    ended = tree.run(MEASURE, str(listed), str(found))
    if ended.returncode or not found.exists():
        why = tree.told(ended)
        raise UsageError(f"{tree.commit}: the models could not be measured there: {why}")
    return _read(found.read_text(encoding="utf-8"), str(tree.commit))


def _proven(
    found: _Answer, models: Iterable[ModelSpec], before: Mapping[str, ModelSpec], tree: Worktree
) -> _Answer:
    """The answer, with those only absent that the commit has by no way that anybody knows of."""
    failed, absent = dict(found.failed), set(found.absent)
    for model in models:
        ways = (model, *(before[name] for name in [model.name] if name in before))
        whys = [unproven(way.source, tree) for way in ways if model.name in absent]
        if any(whys):
            absent.discard(model.name)
            failed[model.name] = next(filter(None, whys))
    return _Answer(found.reports, failed, frozenset(absent))


def _budgeted(tree: Worktree, config: Config) -> Mapping[str, ModelSpec]:
    """The models that the budget file of a commit names; none if it has none that can be read."""
    found = budgets_at(tree.commit, config.file) if config.file else None
    return {model.name: model for model in found.models} if found else {}


def _by_no_other_name(absent: Iterable[str], config: Config, commit: Commit) -> str:
    """What to say of new models where no budget file of the commit says what it had."""
    where = f"without a budget file at {commit}" if config.file else "without a budget file"
    named = ", ".join(sorted(absent))
    return f"{named}: told as new; {where}, what had another name there is not found"


def _gone(before: Mapping[str, ModelSpec], config: Config) -> tuple[ModelSpec, ...]:
    """The models of a commit's budget file that that of now has by no name."""
    now = configfile.load(config.file).models if before else ()
    names = {model.name for model in now}
    made = [(model.source, model.kwargs) for model in now]
    return tuple(
        model
        for name, model in before.items()
        if name not in names and (model.source, model.kwargs) not in made
    )


def specs_of(text: str) -> tuple[ModelSpec, ...]:
    """The models that `base_of` lists for a process of a ref.

    Raises:
        DocumentError: it is no such list.
    """
    try:
        return tuple(
            ModelSpec(
                **{
                    **model,
                    "place": Place(**model["place"]),
                    "inputs": tuple(model["inputs"]),
                }
            )
            for model in json.loads(text)
        )
    except (ValueError, TypeError, KeyError) as error:
        raise DocumentError(f"this is no list of models: {error}") from error


def told(found: Collected) -> str:
    """What a process of a ref answers."""
    failed = {one.model: one.text.removeprefix(f"{one.model}: ") for one in found.problems}
    documents = {name: report.to_dict() for name, report in found.reports.items()}
    return json.dumps({"reports": documents, "failed": failed, "absent": sorted(found.absent)})


def _read(text: str, commit: str) -> _Answer:
    try:
        found: dict[str, Any] = json.loads(text)
        return _Answer(
            {name: Report.from_dict(one) for name, one in found["reports"].items()},
            {str(name): str(why) for name, why in found["failed"].items()},
            frozenset(map(str, found["absent"])),
        )
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        RecursionError,
        DocumentError,
    ) as error:
        raise UsageError(f"{commit}: its answer is damaged: {error}") from error
