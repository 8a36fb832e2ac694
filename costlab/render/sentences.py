"""Checks in words: the numbers of one, the sentence that a service shows, what came out in all.

Knows documents, neither tables nor any service; what is said holds no line break of ours.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from costlab.budgets.checks import Problem
from costlab.units import Units, binary_bytes, exact, percent, si

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from costlab.budgets.checks import Check, Checks, Outcome

BADNESS: tuple[Outcome, ...] = ("fail", "warn", "waived", "new", "pass")
"""The outcomes, from worst to best."""
NOTHING = Problem("nothing was checked, so that nothing can be said to hold")
IN_BYTES = ("bytes", "peak_activation_bytes")
FINE = 0.001

_COMMAND = re.compile(r"(?<!\S)::|(?<=##)\[")


def worst_first(checks: Iterable[Check]) -> list[Check]:
    """The checks: failures first, and of each outcome those furthest over their limit first."""
    return sorted(checks, key=lambda check: (BADNESS.index(check.outcome), -_excess(check)))


def _excess(check: Check) -> float:
    """How far a value is over its limit, relative to it; any value is far over a limit of 0."""
    return check.over / check.limit if check.limit else float(check.over) * 2**64


def problems_of(checks: Checks) -> tuple[Problem, ...]:
    """What could not be said; that nothing was checked is a problem too."""
    return checks.problems or (() if checks.held else (NOTHING,))


class Said(NamedTuple):
    """The numbers of a check as text; `change` is that from the baseline, if it has one.

    What is new has neither a limit nor room.
    """

    value: str
    limit: str
    room: str
    change: str | None


def said(check: Check, units: Units = "si") -> Said:
    """The numbers of a check; with every digit if value and limit would look the same.

    >>> from costlab.budgets.budget import Place
    >>> from costlab.budgets.checks import Check
    >>> check = Check("a", "net", "", "macs", 5_801_000_001, 5_801_000_000, "", "fail", Place("f"))
    >>> said(check)
    Said(value='5,801,000,001', limit='5,801,000,000', room='1 over', change=None)
    """
    in_bytes = check.metric in IN_BYTES
    if check.outcome == "new":
        return Said(counted(check.value, units, in_bytes=in_bytes), "", "", "new")
    value, limit = (counted(n, units, in_bytes=in_bytes) for n in (check.value, check.limit))
    if value == limit:
        value, limit = (counted(n, "exact", in_bytes=in_bytes) for n in (check.value, check.limit))
    room = counted(abs(check.over), units, in_bytes=in_bytes)
    return Said(value, limit, f"{room} {'over' if check.over > 0 else 'left'}", changed(check))


def counted(count: int, units: Units, *, in_bytes: bool) -> str:
    """A count, or a size in bytes.

    >>> counted(5_801_000_000, "si", in_bytes=False), counted(2048, "exact", in_bytes=True)
    ('5.80 G', '2,048 B')
    """
    if units == "exact":
        return f"{exact(count)} B" if in_bytes else exact(count)
    return binary_bytes(count) if in_bytes else si(count)


def changed(check: Check) -> str | None:
    """The change from the baseline; 'new' where there was nothing, None without a baseline."""
    if check.base is None:
        return None
    if not check.base:
        return "new" if check.value else "0"
    if check.value == check.base:
        return "0"
    share = (check.value - check.base) / check.base
    sign = "+" if share > 0 else "−"
    return sign + percent(abs(share), 1 if abs(share) >= FINE else 3)


def headline(checks: Checks) -> str:
    """What came out, in a few words.

    >>> from costlab.budgets.checks import Checks
    >>> headline(Checks((), (), {}))
    'could not be checked: 1 problem'
    """
    problems = len(problems_of(checks))
    counts = {word: sum(check.outcome == word for check in checks.checks) for word in BADNESS}
    total = len(checks.checks)
    kinds = {
        "fail": "over the limit", "warn": "to be warned of", "waived": "waived",
        "new": "new, with nothing to compare",
    }  # fmt: skip
    told = [f"{counts[word]} {kinds[word]}" for word in BADNESS if word in kinds and counts[word]]
    rest = f"{_plural(total, 'check')}: {', '.join(told)}" if told else ""
    if problems:
        start = f"could not be checked: {_plural(problems, 'problem')}"
        return f"{start}; {rest}" if rest else start
    return rest or f"{_plural(total, 'check')}, all within their limits"


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def subject_of(check: Check) -> str:
    """The model and what of it is limited.

    >>> from costlab.budgets.budget import Place
    >>> from costlab.budgets.checks import Check
    >>> subject_of(Check("a", "net", "Mixed_7b", "macs", 1, 2, "", "pass", Place("f")))
    'net Mixed_7b'
    """
    return f"{check.model} {check.subject}" if check.subject else check.model


def sentence(check: Check, units: Units = "si") -> str:
    """A check in one sentence: what, how much, and by how much it is over or within its limit."""
    told = said(check, units)
    if check.outcome == "new":
        return (
            f"{subject_of(check)}: {told.value} {check.metric}, new, so that there is no increase "
            f"to limit ({check.rule})"
        )
    change = f", {told.change} against {_base(check, units)}" if told.change else ""
    return (
        f"{subject_of(check)}: {told.value} {check.metric}, {told.room} (limit {told.limit}, "
        f"{check.rule}{change})"
    )


def _base(check: Check, units: Units) -> str:
    base = check.base or 0
    text, value = (
        counted(n, units, in_bytes=check.metric in IN_BYTES) for n in (base, check.value)
    )
    return counted(base, "exact", in_bytes=check.metric in IN_BYTES) if text == value else text


def remarks(check: Check) -> Iterator[str]:
    """What is to be said beside the numbers: why it changed, the waiver, whom to ask."""
    if check.because:
        yield f"because {check.because}"
    if check.waiver:
        yield f"waived: {check.waiver}" if check.outcome == "waived" else check.waiver
    if check.message and check.outcome in {"fail", "warn"}:
        yield check.message


def told(problem: Problem) -> str:
    """A problem, with the model that it is of."""
    named = problem.model and not problem.text.startswith(problem.model)
    return f"{problem.model}: {problem.text}" if named else problem.text


def tame(text: str) -> str:
    r"""A text that no service takes for a command, wherever a line of it may be broken.

    >>> tame("a ::error::b ##[group]"), tame("a::b")
    ('a \\::error::b ##\\[group]', 'a::b')
    """
    return _COMMAND.sub(lambda found: f"\\{found[0]}", text)
