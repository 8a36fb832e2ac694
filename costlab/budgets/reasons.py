"""Why a limit is broken: the block that most of the increase is in, and what changed there.

Knows differences and checks, neither how a difference is found nor how a reason is shown.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from costlab.budgets.diffing import difference
from costlab.budgets.subjects import outermost
from costlab.budgets.wording import reason
from costlab.cost import METRICS
from costlab.globs import matches

if TYPE_CHECKING:
    from collections.abc import Mapping

    from costlab.budgets.checks import Check, Checks
    from costlab.budgets.difference import BlockChange, Difference
    from costlab.report import Report

PARTS = (Fraction(95, 100), Fraction(1, 2))
"""How much of an increase a block must hold to be named for it."""


def explained(checks: Checks, reports: Mapping[str, Report], bases: Mapping[str, Report]) -> Checks:
    """The checks, those over a limit with what changed since the base, where that is known."""
    known: dict[str, Difference] = {}
    found = []
    for check in checks.checks:
        name = check.model
        if (
            check.outcome in {"pass", "new"}
            or check.because
            or name not in bases
            or name not in reports
        ):
            found.append(check)
            continue
        if name not in known:
            known[name] = difference(bases[name], reports[name])
        found.append(replace(check, because=because(check, known[name])))
    return replace(checks, checks=tuple(found))


def because(check: Check, changed: Difference) -> str:
    """The innermost block that nearly all of the increase is in, or else half of it, and why."""
    metric = check.metric if check.metric in METRICS else "macs"
    every = list(changed.walk())
    # Operations of a kind are in no block of their own: theirs is wherever the model grew.
    changes = [one for one in every if _is_in(one, check.subject)] or every
    whole = changed.totals[metric].amount if changes == every else _increase(changes, metric)
    if whole <= 0:
        return ""
    # Parents come first: the last is the innermost.
    for part in PARTS:
        within = [one for one in changes if one.deltas[metric].amount >= part * whole]
        if within:
            break
    else:
        grown = [one.path for one in changes if one.deltas[metric].amount > 0 and not one.children]
        return f"{len(grown)} blocks grew" if grown else ""
    why = reason(within[-1])
    return ": ".join(told for told in (within[-1].path, why) if told)


def _is_in(change: BlockChange, subject: str) -> bool:
    """Whether a change is of what a check limits, or below it."""
    path = change.path
    return (
        not subject
        or path == subject
        or path.startswith(f"{subject}.")
        or any(matches(glob.strip(), path) for glob in subject.split(", "))
    )


def _increase(changes: list[BlockChange], metric: str) -> int:
    """The increase of the outermost of these changes together."""
    outer = set(outermost(one.path for one in changes))
    return sum(one.deltas[metric].amount for one in changes if one.path in outer)
