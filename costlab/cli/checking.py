"""Where the verdict of `costlab check` goes: in each format, at the place that a service shows.

Does not know how a verdict is come to.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from costlab.budgets import configfile
from costlab.budgets.budget import Config
from costlab.budgets.checks import Checks
from costlab.cli.judging import problem_of
from costlab.cli.output import Face, Target, emit
from costlab.cli.voice import Voice
from costlab.errors import CostlabError
from costlab.release import release
from costlab.render import comment, github, gitlab, html, junit, sarif
from costlab.render.checks import checks_data, checks_tables
from costlab.render.places import Tree
from costlab.render.table import Table

SPECIAL = ("junit", "sarif", "github", "gitlab")
"""The formats of a verdict besides those of every table."""
ROOTS = ("GITHUB_WORKSPACE", "CI_PROJECT_DIR")
"""Variables in which services name the root of the checkout."""


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
        "html": lambda: html.page([*extra(), *checks_tables(checks, face.units)], units=face.units),
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
