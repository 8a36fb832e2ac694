"""Checks as JUnit XML: a suite a model, a case a check; what could not be said is an error.

The elements are those that Jenkins, GitLab and Azure read; no attribute holds a control character.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

from costlab.render.cells import literal
from costlab.render.sentences import problems_of, remarks, sentence, subject_of, told, worst_first

if TYPE_CHECKING:
    from costlab.budgets.checks import Check, Checks, Problem


def render(checks: Checks) -> str:
    """The checks as an XML document.

    >>> from costlab.budgets.checks import Checks
    >>> '<error message="nothing was checked' in render(Checks((), (), {}))
    True
    """
    root = ET.Element("testsuites", name="costlab check")
    problems = problems_of(checks)
    if problems:
        suite = _suite(root, "costlab", len(problems), errors=len(problems))
        for problem in problems:
            _problem(suite, problem)
    models = list(dict.fromkeys(check.model for check in checks.checks))
    for model in models:
        found = worst_first(check for check in checks.checks if check.model == model)
        suite = _suite(
            root,
            model,
            len(found),
            failures=sum(check.outcome == "fail" for check in found),
            skipped=sum(check.outcome in {"waived", "new"} for check in found),
        )
        for check in found:
            _case(suite, check)
    for name in ("tests", "failures", "errors", "skipped"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in root)))
    ET.indent(root, " ")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _suite(
    root: ET.Element, name: str, tests: int, *, failures: int = 0, errors: int = 0, skipped: int = 0
) -> ET.Element:
    return ET.SubElement(
        root,
        "testsuite",
        name=literal(name),
        tests=str(tests),
        failures=str(failures),
        errors=str(errors),
        skipped=str(skipped),
    )


def _case(suite: ET.Element, check: Check) -> None:
    """A check: a failure has its sentence as message; one waived, or new, is skipped with why."""
    name = f"{check.budget}: {check.subject or 'total'} {check.metric} ({check.rule})"
    case = ET.SubElement(
        suite,
        "testcase",
        classname=literal(subject_of(check)),
        name=literal(name),
        file=literal(check.place.file),
        line=str(check.place.line),
    )
    text = literal(sentence(check))
    lines = [literal(remark) for remark in remarks(check)]
    if check.outcome == "fail":
        failure = ET.SubElement(case, "failure", message=text, type=literal(check.metric))
        failure.text = "\n".join([text, *lines, f"limit at {literal(str(check.place))}"])
    elif check.outcome in {"waived", "new"}:
        ET.SubElement(case, "skipped", message="; ".join([text, *lines]))
    elif check.outcome == "warn":
        ET.SubElement(case, "system-out").text = "\n".join([f"warning: {text}", *lines])


def _problem(suite: ET.Element, problem: Problem) -> None:
    text = literal(told(problem))
    place = {}
    if problem.place is not None:
        place = {"file": literal(problem.place.file), "line": str(problem.place.line)}
    case = ET.SubElement(suite, "testcase", classname="costlab", name=text, attrib=place)
    ET.SubElement(case, "error", message=text, type="problem").text = text
