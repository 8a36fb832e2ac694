"""Checks in each format: what they say, and that no text in them breaks or forges a line."""

import csv as stdlib_csv
import io
import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from costlab.budgets.budget import Place
from costlab.budgets.checks import Checks, Problem
from costlab.render import comment, csv, github, gitlab, html, junit, sarif, terminal
from costlab.render.checks import checks_data, checks_tables
from costlab.render.fingerprints import fingerprint
from costlab.render.places import Tree
from costlab.render.sentences import said, worst_first
from tests.render.checked import check, checks

if TYPE_CHECKING:
    from collections.abc import Callable

TREE = Tree("/repo", "/repo/nets", "costlab.toml")


def text_of(found: Checks, **options: Any) -> str:
    """The tables as text into a pipe."""
    return "\n".join(
        terminal.render(table, environ={}, **options) for table in checks_tables(found)
    )


@pytest.mark.parametrize(
    ("value", "limit", "shown"),
    [
        (5_801_000_001, 5_801_000_000, ("5,801,000,001", "5,801,000,000", "1 over")),
        (5_801_000_000, 5_801_000_000, ("5,801,000,000", "5,801,000,000", "0 left")),
        (410_000_000, 400_000_000, ("410 M", "400 M", "10.0 M over")),
        (0, 0, ("0", "0", "0 left")),
    ],
)
def test_what_looks_the_same_is_said_in_full(value: int, limit: int, shown: Any) -> None:
    """A value that rounds to its limit is shown with every digit, and so is the limit."""
    assert said(check("pass", value=value, limit=limit))[:3] == shown


def test_bytes_are_bytes() -> None:
    """A size has a binary unit, or the word for bytes where digits are told."""
    sized = check(metric="bytes", value=20 * 2**20 + 1, limit=20 * 2**20)
    assert said(sized)[:3] == ("20,971,521 B", "20,971,520 B", "1 B over")


@pytest.mark.parametrize(
    ("base", "value", "change"),
    [
        (None, 5, None),
        (0, 5, "new"),
        (0, 0, "0"),
        (400, 410, "+2.5 %"),
        (400, 390, "−2.5 %"),
        (10**6, 10**6 + 1, "+<0.001 %"),
        (7, 7, "0"),
    ],
)
def test_the_change_from_the_baseline(base: int | None, value: int, change: str | None) -> None:
    """The change is relative to the base, and new where the base had nothing."""
    assert said(check("pass", base=base, value=value, limit=2**40)).change == change


def test_the_worst_comes_first() -> None:
    """Failures before warnings before waivers before passes; the furthest over leads its kind."""
    ordered = [
        check(value=1, limit=0, budget="of nothing"),
        check(value=900_000_000),
        check(value=410_000_000),
        check("warn"),
        check("waived"),
        check("pass", value=399_000_000),
        check("pass"),
    ]
    assert worst_first(reversed(ordered)) == ordered


FOUND = checks(
    check(because="Mixed_7b.branch3x3: kernel 3×3 → 5×5", message="Ask #perf", base=322_000_000),
    check("warn", budget="near"),
    check("waived", budget="old", waiver="wider stem, #123 (until 2027-01-31)"),
    check("pass", budget="kept"),
    notes=("no budget speaks of x",),
)


@pytest.mark.parametrize("form", ["junit", "sarif", "github", "gitlab", "comment", "text", "html"])
def test_each_format_names_the_block_and_the_reason(form: str) -> None:
    """Wherever one reads it: the module, its value, its limit, and why it changed."""
    renderers: dict[str, Callable[[Checks], str]] = {
        "junit": junit.render,
        "sarif": sarif.render,
        "github": github.render,
        "gitlab": gitlab.render,
        "comment": comment.render,
        "text": text_of,
        "html": lambda found: "".join(html.render(table) for table in checks_tables(found)),
    }
    told = renderers[form](FOUND)
    told = json.dumps(json.loads(told), ensure_ascii=False) if form in {"sarif", "gitlab"} else told
    for text in ("Mixed_7b", "410 M", "400 M", "kernel 3×3 → 5×5", "Ask #perf"):
        shown = text.replace("#", "&#35;") if form == "comment" else text
        assert shown in told, text


def test_junit_counts_what_it_lists() -> None:
    """Failures fail, waivers are skipped, warnings and passes pass, and the sums are right."""
    root = ET.fromstring(junit.render(FOUND))  # noqa: S314 - we wrote it
    counted = [root.get(name) for name in ("tests", "failures", "errors", "skipped")]
    assert counted == ["4", "1", "0", "1"]
    kinds = [[part.tag for part in case] for case in root.iter("testcase")]
    assert kinds == [["failure"], ["system-out"], ["skipped"], []]


def test_sarif_has_what_the_standard_and_github_ask_for() -> None:
    """Version, tool, a rule and a physical location for each result; passes are none."""
    log = json.loads(sarif.render(FOUND, TREE))
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert run["invocations"] == [{"executionSuccessful": True}]
    assert [result["level"] for result in run["results"]] == ["error", "warning", "note"]
    for result in run["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
        (location,) = result["locations"]
        physical = location["physicalLocation"]
        assert physical["artifactLocation"] == {
            "uri": "nets/costlab.toml",
            "uriBaseId": "%SRCROOT%",
        }
        assert physical["region"]["startLine"] == 12
    assert run["results"][2]["suppressions"][0]["kind"] == "external"


@pytest.mark.parametrize(
    ("source", "place", "shown"),
    [
        (Place("net.py", 3), Place("costlab.toml", 12), ("nets/net.py", 3)),
        (Place("/repo/net.py", 3), Place("costlab.toml", 12), ("net.py", 3)),
        (Place("/usr/lib/torch.py", 3), Place("costlab.toml", 12), ("nets/costlab.toml", 12)),
        (Place("../../x.py", 3), Place("costlab.toml", 12), ("nets/costlab.toml", 12)),
        (None, Place("--max"), ("nets/costlab.toml", 1)),
        (None, Place("/elsewhere/costlab.toml", 12), ("nets/costlab.toml", 1)),
    ],
)
def test_a_finding_is_shown_inside_the_repository(
    source: Place | None, place: Place, shown: tuple[str, int]
) -> None:
    """At the module's class, else at the limit, else in the budget file; nowhere else."""
    found = check(source=source, place=place)
    assert TREE.of(found) == Place(*shown)
    assert f"file={shown[0]},line={shown[1]}" in github.render(checks(found), TREE)
    (finding,) = json.loads(gitlab.render(checks(found), TREE))
    assert finding["location"] == {"path": shown[0], "lines": {"begin": shown[1]}}


def test_a_file_outside_has_no_better_place() -> None:
    """Where even the budget file is outside, there is still a place."""
    assert Tree("/repo", "/tmp", "costlab.toml").of(check()) == Place("pyproject.toml", 1)  # noqa: S108 - nothing is written


@pytest.mark.parametrize(("failing", "shown"), [(1, 1), (9, 9), (10, 9), (40, 9)])
def test_github_shows_the_worst_nine(failing: int, shown: int) -> None:
    """Never more than ten commands of a type: the worst nine, and one that counts the rest."""
    found = checks(
        *(check(budget=f"b{n}", value=401_000_000 + n * 10**6) for n in range(failing)),
        check("warn"),
    )
    lines = github.render(found).splitlines()
    errors = [line for line in lines if line.startswith("::error ")]
    assert len(errors) == shown + 1
    assert f"title=budget b{failing - 1}::" in lines[0]
    more = f"(and {failing + 1 - shown} more than these 9)" in lines[-1]
    assert more == (failing >= 9)
    assert f"{failing} over the limit" in lines[-1]


def test_fingerprints_are_stable() -> None:
    """Another value, line or limit is the same finding; another module, metric or kind is not."""

    def prints(*found: Any) -> set[str]:
        return {json.loads(gitlab.render(checks(one)))[0]["fingerprint"] for one in found}

    same = (
        check(),
        check(value=500_000_000, place=Place("other.toml", 99), rule="max = 300M", message="x"),
        check("warn"),
    )
    assert len(prints(*same)) == 1
    others = (
        check(subject="Mixed_7c"),
        check(metric="params"),
        check(model="other"),
        check(budget="other"),
        check(rule="max_increase = 2%"),
    )
    assert len(prints(*same, *others)) == 1 + len(others)


def test_fields_cannot_run_together() -> None:
    """A name that ends where the next begins makes another fingerprint."""
    one, other = check(budget="a", model="bc"), check(budget="ab", model="c")
    assert fingerprint(one) != fingerprint(other)


@pytest.mark.parametrize("render", [junit.render, sarif.render, github.render, gitlab.render])
def test_nothing_checked_is_an_error(render: Any) -> None:
    """An empty verdict is told as an error in every format of a service."""
    told = render(checks())
    assert "nothing was checked" in told
    assert any(word in told for word in ("<error", '"error"', "::error", "blocker"))


def test_the_comment_can_be_found_again() -> None:
    """The hidden marker leads, nothing else in the comment is hidden, and what holds is folded."""
    told = comment.render(FOUND)
    assert told.startswith(f"{comment.MARKER}\n")
    assert told.count("<!--") == 1
    assert told.index("Mixed_7b") < told.index("<details>") < told.index("kept")


def test_numbers_end_in_one_line() -> None:
    """Value, limit, room and change are right-aligned where a page aligns; no change is none."""
    found = Checks((check("fail", base=400_000_000),), (), {})
    (table,) = checks_tables(found)
    titles = [column.title for column in table.columns if column.right]
    assert titles == ["value", "limit", "over or left", "change"]
    assert comment.render(found).count("---:") == len(titles)
    assert html.page([table]).count('<td class="number">') == len(titles)
    (bare,) = checks_tables(Checks((check("fail", base=None),), (), {}))
    assert "change" not in {column.key for column in bare.columns}


def test_csv_is_for_programs() -> None:
    """Exact integers under plain names, a row a check, and problems as rows of their own."""
    found = replace(FOUND, problems=(Problem("there is no such model", Place("a.toml", 3), "x"),))
    rows = list(stdlib_csv.DictReader(io.StringIO(csv.render(checks_data(found)))))
    assert [row["outcome"] for row in rows] == ["error", "fail", "warn", "waived", "pass"]
    assert (rows[1]["value"], rows[1]["over"]) == ("410000000", "10000000")
    assert (rows[0]["file"], rows[0]["line"], rows[0]["text"]) == (
        *("a.toml", "3"),
        "there is no such model",
    )
