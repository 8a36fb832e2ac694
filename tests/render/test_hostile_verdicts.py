"""Checks with any text in them: in no format does it break or forge a line."""

import csv as stdlib_csv
import io
import json
import xml.etree.ElementTree as ET
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from markdown_it import MarkdownIt

from costlab.budgets.checks import Checks
from costlab.render import comment, csv, github, gitlab, html, junit, sarif, terminal
from costlab.render.cells import literal
from costlab.render.checks import checks_data, checks_tables
from costlab.render.places import Tree
from tests.render.checked import any_checks, check, checks
from tests.render.test_hostile import Cells

TREE = Tree("/repo", "/repo/nets", "costlab.toml")


def results(found: Checks, tree: Tree = TREE) -> list[Any]:
    """The results of a SARIF log."""
    (run,) = json.loads(sarif.render(found, tree))["runs"]
    return list(run["results"])


def text_of(found: Checks, **options: Any) -> str:
    """The tables as text into a pipe."""
    return "\n".join(
        terminal.render(table, environ={}, **options) for table in checks_tables(found)
    )


def is_command(line: str) -> bool:
    """Whether GitHub's runner takes a line of a log for a command."""
    return line.lstrip().startswith("::") or "##[" in line


def test_the_guard_knows_a_command() -> None:
    """The guard below can fail."""
    assert is_command("  ::error::x")
    assert is_command("x ##[error]y")
    assert not is_command("a::b")


@given(any_checks)
def test_text_forges_no_line(found: Checks) -> None:
    """At any width, each line begins with a word of ours, and none is a command of a runner."""
    for options in ({}, {"width": 40}, {"accessible": True}, {"ascii": True}):
        told = text_of(found, **options)
        assert told.replace("\n", "").isprintable()
        assert not any(map(is_command, told.split("\n")))


@given(any_checks)
def test_junit_parses(found: Checks) -> None:
    """The document is XML; its cases are the checks and problems, and its texts are printable."""
    told = junit.render(found)
    told.encode()
    root = ET.fromstring(told)  # noqa: S314 - that it parses is what is tested
    problems = len(found.problems) or (not found.held)
    assert len(list(root.iter("testcase"))) == len(found.checks) + problems
    for part in root.iter():
        assert all(value.isprintable() for value in part.attrib.values())
        assert (part.text or "").replace("\n", "").isprintable()


@given(any_checks)
def test_sarif_parses(found: Checks) -> None:
    """The log is JSON in ASCII; each result has one place, which is a file inside the tree."""
    assert sarif.render(found, TREE).isascii()
    listed = results(found)
    passed = sum(one.outcome == "pass" for one in found.checks)
    problems = len(found.problems) or (not found.held)
    assert len(listed) == len(found.checks) - passed + problems
    for result in listed:
        physical = result["locations"][0]["physicalLocation"]
        path = PurePosixPath(unquote(physical["artifactLocation"]["uri"]))
        assert path.parts
        assert not path.is_absolute()
        assert ".." not in path.parts
        assert physical["region"]["startLine"] >= 1
        text = result["message"]["text"]
        assert text.isprintable()
        assert "](" not in text.replace("\\](", "")


@given(any_checks)
def test_github_forges_no_command(found: Checks) -> None:
    """One line a command, each ours; a property ends where we end it; ten of a type at most."""
    told = github.render(found, TREE)
    told.encode()
    lines = told.removesuffix("\n").split("\n")
    for line in lines:
        head, _, message = line.removeprefix("::").partition("::")
        kind, _, properties = head.partition(" ")
        assert line.startswith("::")
        assert kind in {"error", "warning", "notice"}
        names = [part.partition("=")[0] for part in properties.split(",")]
        assert names in (["title"], ["file", "line", "title"])
        assert "##[" not in line
        assert message.isprintable()
    kinds = [line.split(" ")[0] for line in lines]
    assert all(kinds.count(kind) <= 10 for kind in kinds)


@given(any_checks)
def test_gitlab_parses(found: Checks) -> None:
    """The report is a JSON list of findings, each with all that GitLab asks for."""
    told = gitlab.render(found, TREE)
    assert told.isascii()
    for finding in json.loads(told):
        assert set(finding) == {"description", "check_name", "fingerprint", "severity", "location"}
        assert finding["description"].isprintable()
        assert finding["severity"] in {"info", "minor", "major", "blocker"}
        assert not PurePosixPath(finding["location"]["path"]).is_absolute()


@settings(max_examples=50)
@given(any_checks)
def test_the_comment_is_ours(found: Checks) -> None:
    """As Markdown is rendered: no element but ours, no comment but the marker, no link."""
    told = comment.render(found)
    assert told.replace("\n", "").isprintable()
    assert told.count("<!--") == 1
    page = Cells()
    page.feed(MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(told))
    assert page.names <= {
        *("h3", "p", "table", "thead", "tbody", "tr", "th", "td", "style"),
        *("code", "em", "strong", "details", "summary"),
    }


@given(any_checks)
def test_csv_and_html_hold_no_control(found: Checks) -> None:
    """A CSV reader finds a row for each check and problem; a browser finds no script."""
    told = csv.render(checks_data(found))
    rows = list(stdlib_csv.DictReader(io.StringIO(told)))
    assert len(rows) == len(found.checks) + (len(found.problems) or (not found.held))
    page = Cells()
    page.feed("".join(html.render(table) for table in checks_tables(found)))
    assert "script" not in page.names


def test_a_raw_name_would_break_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """The guards above can fail: without escapes, a name ends the XML and begins a command."""
    found = checks(check(subject="\x00\n::error::forged"))
    assert literal("\n") == "\\n"
    for module in (junit, github):
        monkeypatch.setattr(module, "literal", str)
    with pytest.raises(ET.ParseError):
        ET.fromstring(junit.render(found))  # noqa: S314 - it does not parse
    monkeypatch.setattr(github, "_data", str)
    assert "\n::error::forged" in github.render(found)
