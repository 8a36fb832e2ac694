"""Checks as SARIF 2.1.0, the format of code scanning: a result for each that is not a plain pass.

GitHub refuses a whole file if one result has no physical location, so each has one (codeql-action
issue 1738): the class of the module, else the line of the limit.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from costlab.render.cells import literal
from costlab.render.fingerprints import fingerprint, of_problem
from costlab.render.places import Tree
from costlab.render.sentences import problems_of, remarks, sentence, told, worst_first

if TYPE_CHECKING:
    from collections.abc import Sequence

    from costlab.budgets.budget import Place
    from costlab.budgets.checks import Check, Checks, Outcome

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_PLACEHOLDER = re.compile(r"\{([0-9]+)\}")
COULD_NOT_SAY = "could-not-say"
LEVELS: dict[Outcome, str] = {"fail": "error", "warn": "warning", "waived": "note", "new": "note"}
RULES = {
    "over-budget": "A model costs more than its budget allows",
    "near-budget": "A model costs more than it should, and less than its budget allows",
    "waived": "A model costs more than its budget allows, and that is waived",
    COULD_NOT_SAY: "A budget could not be checked",
    "new": "What a budget limits the increase of is new, and has none",
}
RULE_OF: dict[Outcome, str] = {
    "fail": "over-budget",
    "warn": "near-budget",
    "waived": "waived",
    "new": "new",
}


def render(checks: Checks, tree: Tree | None = None) -> str:
    """The checks as a SARIF log of one run.

    >>> from costlab.budgets.checks import Checks
    >>> json.loads(render(Checks((), (), {})))["runs"][0]["results"][0]["level"]
    'error'
    """
    place = (tree or Tree()).of
    results = [
        _result(COULD_NOT_SAY, "error", [told(problem)], place(problem), of_problem(problem))
        for problem in problems_of(checks)
    ]
    results += [_checked(check, place(check)) for check in worst_first(checks.checks)
                if check.outcome != "pass"]  # fmt: skip
    driver = {
        "name": "costlab",
        "version": checks.versions.get("costlab", ""),
        "rules": [{"id": name, "shortDescription": {"text": text}} for name, text in RULES.items()],
    }
    failed = bool(problems_of(checks))
    run = {
        "tool": {"driver": {name: value for name, value in driver.items() if value}},
        "originalUriBaseIds": {"%SRCROOT%": {"description": {"text": "The repository's root."}}},
        "invocations": [{"executionSuccessful": not failed}],
        "results": results,
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1) + "\n"


def _checked(check: Check, place: Place) -> dict[str, Any]:
    texts = [sentence(check), *remarks(check)]
    name, level = RULE_OF[check.outcome], LEVELS[check.outcome]
    result = _result(name, level, texts, place, fingerprint(check))
    if check.outcome == "waived":
        result["suppressions"] = [{"kind": "external", "justification": literal(check.waiver)}]
    return result


def _result(
    rule: str, level: str, texts: Sequence[str], place: Place, print_: str
) -> dict[str, Any]:
    location = {
        "artifactLocation": {"uri": quote(literal(place.file)), "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": max(place.line, 1)},
    }
    return {
        "ruleId": rule,
        "ruleIndex": list(RULES).index(rule),
        "level": level,
        "message": {"text": _plain(". ".join(text.rstrip(".") for text in texts) + ".")},
        "locations": [{"physicalLocation": location}],
        "partialFingerprints": {"costlab/v1": print_},
    }


def _plain(text: str) -> str:
    r"""A text without embedded links and placeholders (SARIF 2.1.0, §3.11.5 and §3.11.6).

    >>> _plain("[here](http://x) {0}"), _plain("f32[1] {}")
    ('\\[here\\](http://x) {{0}}', 'f32[1] {}')
    """
    text = _PLACEHOLDER.sub(r"{{\1}}", literal(text))
    return text.replace("[", r"\[").replace("]", r"\]") if "](" in text else text
