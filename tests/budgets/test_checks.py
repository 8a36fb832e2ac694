"""The document of checks: comes back as it was, is as its schema says, and cannot be forged."""

import json
from dataclasses import replace
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from costlab.budgets.budget import Place
from costlab.budgets.checks import SCHEMA, Check, Checks, Problem
from costlab.errors import DocumentError
from costlab.schemas import schema
from tests.cli.test_schemas import mutations

FAILED = Check(
    "total", "net", "body.*", "macs", 12, 10, "max_increase = 2%", "fail", Place("a.toml", 3),
    base=9, source=Place("net.py", 7), message="Ask", because="wider", waiver="expired",
)  # fmt: skip
PASSED = replace(FAILED, value=10, outcome="pass", base=None, source=None)
CHECKS = Checks(
    (FAILED, PASSED),
    (Problem("::error \x1b[1m\n", Place("a.toml", 1), "net"), Problem("another")),
    {"costlab": "0.1.0", "torch": "2"},
    "git:main",
    ("a note",),
)


def document() -> Any:
    """A document with everything in it."""
    return json.loads(CHECKS.to_json())


def test_it_comes_back() -> None:
    """What is written is read as the same checks, with or without keys of a later version."""
    assert Checks.from_dict(document()) == CHECKS
    assert Checks.from_dict({**document(), "novel": 1}) == CHECKS
    assert document()["schema"] == SCHEMA
    assert document()["checks"][0]["over"] == 2


def test_the_schema_notices_every_change() -> None:
    """A document is valid, and whatever key goes, comes or changes its type, it is no more."""
    validator = Draft202012Validator(schema(SCHEMA))
    assert [error.message for error in validator.iter_errors(document())] == []
    changed = list(mutations(document()))
    assert len(changed) > 50
    assert [what for what, edited in changed if validator.is_valid(edited)] == []


def test_a_damaged_document() -> None:
    """Whatever key goes or changes its type, the reader says so too."""
    for what, edited in mutations(document()):
        if "key more" in what or "'schema'" in what:
            continue
        with pytest.raises(DocumentError, match="the checks are damaged"):
            Checks.from_dict(edited)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("value", 10),
        ("limit", 12),
        ("outcome", "pass"),
        ("outcome", "passed"),
        ("over", 3),
        ("metric", "mac"),
        ("value", True),
        ("value", -1),
        ("value", 12.0),
        ("place", None),
    ],
)
def test_a_document_that_contradicts_itself(key: str, value: object) -> None:
    """A failure cannot be passed off as a pass by editing one key."""
    edited = document()
    edited["checks"][0][key] = value
    with pytest.raises(DocumentError):
        Checks.from_dict(edited)


def test_the_exit_code_is_that_of_the_checks() -> None:
    """0 only if something was checked, nothing broke, and all could be said."""
    assert CHECKS.exit_code == 2
    assert replace(CHECKS, problems=()).exit_code == 1
    assert replace(CHECKS, problems=(), checks=(PASSED,)).exit_code == 0
    assert replace(CHECKS, problems=(), checks=()).exit_code == 2
    for code in (0, 1):
        with pytest.raises(DocumentError, match="its exit code is"):
            Checks.from_dict({**document(), "exit_code": code})
