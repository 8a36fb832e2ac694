"""Checks as workflow commands of GitHub: annotations beside the lines of a pull request.

A step shows ten annotations of a type, whatever more it prints: the worst nine are given, and one
that sums up (actions/toolkit, docs/problem-matchers.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from costlab.render.cells import literal
from costlab.render.places import Tree
from costlab.render.sentences import headline, problems_of, remarks, sentence, told, worst_first

if TYPE_CHECKING:
    from costlab.budgets.budget import Place
    from costlab.budgets.checks import Checks

SHOWN = 9


def render(checks: Checks, tree: Tree | None = None) -> str:
    """A command a line.

    >>> from costlab.budgets.checks import Checks
    >>> print(render(Checks((), (), {})).splitlines()[-1])
    ::error title=costlab check::could not be checked: 1 problem
    """
    place = (tree or Tree()).of
    found = [
        ("error", "costlab could not say", told(problem), place(problem))
        for problem in problems_of(checks)
    ]
    kinds = {"fail": "error", "warn": "warning", "new": "notice"}
    for check in worst_first(checks.checks):
        if check.outcome in kinds:
            text = "; ".join([sentence(check), *remarks(check)])
            found.append((kinds[check.outcome], f"budget {check.budget}", text, place(check)))
    lines = [_command(kind, title, text, at) for kind, title, text, at in found[:SHOWN]]
    left = len(found) - SHOWN
    kind = found[0][0] if found else "notice"
    more = f" (and {left} more than these {SHOWN})" if left > 0 else ""
    lines.append(_command(kind, "costlab check", headline(checks) + more, None))
    return "\n".join(lines) + "\n"


def _command(kind: str, title: str, text: str, place: Place | None) -> str:
    properties = {"title": title}
    if place is not None:
        properties = {"file": place.file, "line": str(place.line), **properties}
    listed = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"::{kind} {listed}::{_data(text)}"


def _data(text: str) -> str:
    r"""A message in which nothing is a command, nor ends one.

    >>> _data("50 %\n::error::x ##[group]")
    '50 %25\\n::error::x ##\\[group]'
    """
    escaped = literal(text).replace("##[", r"##\[")
    return escaped.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """A property's value: what parts properties is escaped too.

    >>> _property("a:b,c")
    'a%3Ab%2Cc'
    """
    return _data(text).replace(":", "%3A").replace(",", "%2C")
