"""Checks as a code quality report of GitLab: shown in the merge request, followed by fingerprint.

The keys are those that GitLab documents for the report's JSON.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from costlab.render.cells import literal
from costlab.render.fingerprints import fingerprint, of_problem
from costlab.render.places import Tree
from costlab.render.sentences import problems_of, remarks, sentence, told, worst_first

if TYPE_CHECKING:
    from costlab.budgets.budget import Place
    from costlab.budgets.checks import Checks, Outcome

SEVERITIES: dict[Outcome, str] = {"fail": "major", "warn": "minor", "waived": "info", "new": "info"}


def render(checks: Checks, tree: Tree | None = None) -> str:
    """A list of findings: all that is not a plain pass.

    >>> from costlab.budgets.checks import Checks
    >>> json.loads(render(Checks((), (), {})))[0]["severity"]
    'blocker'
    """
    place = (tree or Tree()).of
    found = [
        _finding("costlab/could-not-say", "blocker", told(problem), place(problem),
                 of_problem(problem))
        for problem in problems_of(checks)
    ]  # fmt: skip
    for check in worst_first(checks.checks):
        if check.outcome in SEVERITIES:
            text = "; ".join([sentence(check), *remarks(check)])
            severity = SEVERITIES[check.outcome]
            found.append(
                _finding("costlab/budget", severity, text, place(check), fingerprint(check))
            )
    return json.dumps(found, indent=1) + "\n"


def _finding(name: str, severity: str, text: str, place: Place, print_: str) -> dict[str, Any]:
    return {
        "description": literal(text),
        "check_name": name,
        "fingerprint": print_,
        "severity": severity,
        "location": {"path": literal(place.file), "lines": {"begin": max(place.line, 1)}},
    }
