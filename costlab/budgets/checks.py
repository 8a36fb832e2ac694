"""What came of the budgets: a document of checks, each a value held against a limit.

Knows neither torch nor how a check is shown. Values are exact; nothing is rounded to be compared.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from costlab.budgets.budget import METRICS, Place
from costlab.errors import DocumentError
from costlab.fields import count, items, mapping, maybe, one_of, text, texts

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA = "costlab.check/1"

Outcome = Literal["pass", "warn", "waived", "new", "fail"]


@dataclass(frozen=True, slots=True)
class Check:
    """One limit on one value.

    `subject` is the path of a module, the kind of operation, a glob whose matches are summed, or
    empty for the whole model. `limit` is the largest value that passes; `rule` how it was written
    ("max = 5.8G", "max_increase = 2%"); `base` what the baseline had, None for an absolute limit.
    `source` is where the module's class is defined, if that is known, and `place` where the limit
    stands. `because` says what changed, in one line, for a relative limit that is broken. What is
    `new` has no base, and so no increase that a relative limit could hold: its limit is its value.
    """

    budget: str
    model: str
    subject: str
    metric: str
    value: int
    limit: int
    rule: str
    outcome: Outcome
    place: Place
    base: int | None = None
    source: Place | None = None
    message: str = ""
    because: str = ""
    waiver: str = ""

    @property
    def over(self) -> int:
        """By how much the value exceeds the limit; negative is room that is left."""
        return self.value - self.limit


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that could not be said: a model fails, a selector matches nothing, and so on.

    Problems make the exit code 2, whatever the checks say.
    """

    text: str
    place: Place | None = None
    model: str = ""


@dataclass(frozen=True, slots=True)
class Checks:
    """All checks of a run, with what could not be said."""

    checks: tuple[Check, ...]
    problems: tuple[Problem, ...]
    versions: Mapping[str, str]
    baseline: str = ""
    notes: tuple[str, ...] = ()

    @property
    def held(self) -> bool:
        """Whether any limit was held against a value; none is against what is new."""
        return any(check.outcome != "new" for check in self.checks)

    @property
    def exit_code(self) -> int:
        """2 if something could not be said or nothing was held, 1 if a limit is broken, or 0."""
        if self.problems or not self.held:
            return 2
        return int(any(check.outcome == "fail" for check in self.checks))

    def to_dict(self) -> dict[str, Any]:
        """The document as JSON holds it: exact integers, no rounding."""
        return {
            "schema": SCHEMA,
            "exit_code": self.exit_code,
            "baseline": self.baseline,
            "checks": [_check(check) for check in self.checks],
            "problems": [
                {"text": one.text, "model": one.model, "place": _place(one.place)}
                for one in self.problems
            ],
            "notes": list(self.notes),
            "versions": dict(self.versions),
        }

    def to_json(self) -> str:
        """The document as text."""
        return json.dumps(self.to_dict(), indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Checks:
        """The checks that a document holds; keys that it does not know it leaves out.

        Raises:
            DocumentError: something is missing, of the wrong kind, or contradicts itself.
        """
        try:
            found = cls(
                checks=tuple(_read_check(one) for one in items(document["checks"])),
                problems=tuple(
                    Problem(text(one["text"]), _read_place(one["place"]), text(one["model"]))
                    for one in items(document["problems"])
                ),
                versions={
                    text(name): text(told) for name, told in mapping(document["versions"]).items()
                },
                baseline=text(document["baseline"]),
                notes=texts(document["notes"]),
            )
            _agree(count(document["exit_code"]), found)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            message = f"the checks are damaged: {type(error).__name__}: {error}"
            raise DocumentError(message) from error
        return found


def _agree(code: int, found: Checks) -> None:
    if code != found.exit_code:
        raise ValueError(f"its exit code is {code}, and its checks come to {found.exit_code}")


def _check(check: Check) -> dict[str, Any]:
    return {
        "budget": check.budget,
        "model": check.model,
        "subject": check.subject,
        "metric": check.metric,
        "value": check.value,
        "limit": check.limit,
        "over": check.over,
        "base": check.base,
        "rule": check.rule,
        "outcome": check.outcome,
        "place": _place(check.place),
        "source": _place(check.source),
        "message": check.message,
        "because": check.because,
        "waiver": check.waiver,
    }


def _place(place: Place | None) -> dict[str, Any] | None:
    return None if place is None else {"file": place.file, "line": place.line}


def _read_check(found: Mapping[str, Any]) -> Check:
    place = _read_place(found["place"])
    if place is None:
        raise TypeError("a check stands nowhere")
    check = Check(
        budget=text(found["budget"]),
        model=text(found["model"]),
        subject=text(found["subject"]),
        metric=one_of(found["metric"], METRICS),
        value=count(found["value"]),
        limit=count(found["limit"]),
        rule=text(found["rule"]),
        outcome=one_of(found["outcome"], get_args(Outcome)),
        place=place,
        base=maybe(count, found["base"]),
        source=_read_place(found["source"]),
        message=text(found["message"]),
        because=text(found["because"]),
        waiver=text(found["waiver"]),
    )
    if check.outcome == "new" and (check.over or check.base is not None):
        raise ValueError(f"{check.value} against {check.limit} is not new")
    if (check.outcome in {"pass", "new"}) is not (check.over <= 0):
        raise ValueError(f"{check.value} against {check.limit} is no {check.outcome}")
    if found["over"] != check.over:
        raise ValueError(f"over is {found['over']!r}, not {check.over}")
    return check


def _read_place(found: Any) -> Place | None:
    return None if found is None else Place(text(found["file"]), count(found["line"]))
