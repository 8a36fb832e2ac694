"""Checks as a comment on a pull request: what is over first, what holds folded away.

A hidden marker at its start lets one comment be found again and updated, instead of a new one each
time. It knows no service beyond that Markdown with `<details>` is shown.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from costlab.render import markdown
from costlab.render.checks import checks_table, problems_table
from costlab.render.sentences import headline, problems_of, worst_first

if TYPE_CHECKING:
    from costlab.budgets.checks import Checks
    from costlab.units import Units

MARKER = "<!-- costlab check -->"


def render(checks: Checks, units: Units = "si") -> str:
    """The comment.

    >>> from costlab.budgets.checks import Checks
    >>> render(Checks((), (), {})).splitlines()[:3]
    ['<!-- costlab check -->', '', '### costlab: could not be checked: 1 problem']
    """
    ordered = worst_first(checks.checks)
    told = [check for check in ordered if check.outcome != "pass"]
    passed = [check for check in ordered if check.outcome == "pass"]
    parts = [MARKER, "", f"### costlab: {headline(checks)}", ""]
    problems = problems_of(checks)
    if problems:
        parts.append(markdown.render(problems_table(problems), units=units))
    shown = checks_table(checks, told, units)
    kept = checks_table(checks, passed, units)
    if told:
        parts.append(markdown.render(replace(shown, title=""), units=units))
    if passed:
        notes = () if told else kept.notes
        rows = tuple(replace(row, emphasis="normal") for row in kept.rows)
        table = markdown.render(replace(kept, title="", rows=rows, notes=notes), units=units)
        summary = f"<summary>{len(passed)} within the limits</summary>"
        parts += ["<details>", summary, "", table, "</details>", ""]
    return "\n".join(parts)
