"""What relative limits are relative to: a baseline in a file, or the models at a git ref.

Knows where values come from, not what is limited. The models of a ref are measured on its own code
in one process of their own, with the names, inputs and modes that the budget file has now.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from costlab.budgets import baselinefile
from costlab.budgets.baseline import Baseline, snapshot
from costlab.budgets.budget import Config, ModelSpec, Place
from costlab.budgets.checks import Problem
from costlab.budgets.refs import is_ref, parse_ref, resolve, worktree
from costlab.errors import DocumentError, UsageError
from costlab.report import Report

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE = "file:"
MEASURE = "at-ref"
"""The hidden command that a ref's process runs: `costlab at-ref SPECS OUT`."""


@dataclass(frozen=True, slots=True)
class Base:
    """A baseline; where it was measured now, with the reports, and what could not be."""

    baseline: Baseline
    reports: Mapping[str, Report] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


def folder_of(config: Config) -> Path:
    """The folder that the paths of a configuration start from."""
    return Path(config.file).resolve().parent if config.file else Path.cwd()


def path_of(text: str, config: Config) -> Path:
    """The file that `file:PATH` names.

    Raises:
        UsageError: it is of another form.
    """
    if not text.startswith(FILE) or not text.removeprefix(FILE).strip():
        raise UsageError(f"{text!r} names no baseline; write file:PATH, git:REF or merge-base:REF")
    return folder_of(config) / text.removeprefix(FILE)


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
        listed, found = tree.scratch / "models.json", tree.scratch / "reports.json"
        listed.write_text(_listed(config), encoding="utf-8")
        ended = tree.run(MEASURE, str(listed), str(found))
        if ended.returncode or not found.exists():
            told = ended.stderr.strip().splitlines()[-1:] or ["it says nothing"]
            raise UsageError(f"{commit}: the models could not be measured there: {told[0]}")
        reports, failed = _read(found.read_text(encoding="utf-8"), str(commit))
    problems = tuple(
        Problem(f"{name} at {commit}: {why}", model.place, name)
        for model in config.models
        if (name := model.name) in failed and (why := failed[name])
    )
    return Base(snapshot(config, reports), reports, problems)


def _listed(config: Config) -> str:
    return json.dumps([asdict(model) for model in config.models])


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


def told(reports: Mapping[str, Report], problems: tuple[Problem, ...]) -> str:
    """What a process of a ref answers."""
    failed = {one.model: one.text.removeprefix(f"{one.model}: ") for one in problems}
    documents = {name: report.to_dict() for name, report in reports.items()}
    return json.dumps({"reports": documents, "failed": failed})


def _read(text: str, commit: str) -> tuple[dict[str, Report], dict[str, str]]:
    try:
        found: dict[str, Any] = json.loads(text)
        reports = {name: Report.from_dict(one) for name, one in found["reports"].items()}
        return reports, {str(name): str(why) for name, why in found["failed"].items()}
    except (ValueError, KeyError, AttributeError, RecursionError, DocumentError) as error:
        raise UsageError(f"{commit}: its answer is damaged: {error}") from error
