"""The gate on a real git repository: what fails, what passes, and what cannot be said."""

import csv
import io
import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from costlab.schemas import schema
from tests.cli.conftest import Costlab
from tests.cli.repository import BUDGETS, NET, WIDER, apart, change, commit, git, repository

SUFFIXES = {
    "text": "txt",
    "json": "json",
    "junit": "xml",
    "sarif": "sarif",
    "github": "log",
    "gitlab": "gitlab.json",
    "markdown": "md",
    "html": "html",
    "csv": "csv",
}
GROWN = (12 - 8) * 16 * 16 * (16 + 16 * 9)
"""Multiply-adds of four more channels between 1×1 from 16 and 3×3 to 16 channels, on 16×16."""


@pytest.fixture(scope="module")
def widened(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository on a branch that widens one block, checked once, in every format."""
    folder = repository(tmp_path_factory.mktemp("widened"))
    change(folder / "nets.py", WIDER)
    commit(folder, "wider")
    formats = [f"--format={form}:out/check.{suffix}" for form, suffix in SUFFIXES.items()]
    (folder / "out").mkdir()
    found = apart(folder, "check", *formats)
    assert (found.returncode, found.stdout, found.stderr) == (1, "", "")
    return folder / "out"


def test_the_gate_fails_on_the_branch(widened: Path) -> None:
    """Each limit on growth is broken, by the very count; the absolute one holds."""
    document = json.loads((widened / "check.json").read_text(encoding="utf-8"))
    assert list(Draft202012Validator(schema("check/1")).iter_errors(document)) == []
    broken = {check["budget"]: check for check in document["checks"] if check["outcome"] == "fail"}
    assert set(broken) == {"growth", "blocks"}
    assert broken["growth"]["value"] - broken["growth"]["base"] == GROWN
    assert broken["blocks"]["value"] - broken["blocks"]["base"] == GROWN
    assert broken["blocks"]["subject"] == "second"
    assert document["baseline"] == "merge-base:main"
    passed = {check["budget"] for check in document["checks"] if check["outcome"] == "pass"}
    assert passed == {"total", "blocks"}


@pytest.mark.parametrize("form", SUFFIXES)
def test_each_format_says_where_and_why(widened: Path, form: str) -> None:
    """The block, and what of it changed, in whatever one reads."""
    told = (widened / f"check.{SUFFIXES[form]}").read_text(encoding="utf-8")
    told = json.dumps(json.loads(told), ensure_ascii=False) if told[0] in "[{" else told
    assert "second" in told
    assert "out channels 8 → 12" in told
    assert "in channels 8 → 12" in told


def test_each_format_parses(widened: Path) -> None:
    """Each file is of its format, and places the failure at the class of the block."""
    line = NET[: NET.index("class Block")].count("\n") + 1

    def text(form: str) -> str:
        return (widened / f"check.{SUFFIXES[form]}").read_text(encoding="utf-8")

    cases = ET.fromstring(text("junit"))  # noqa: S314 - we wrote it
    assert (cases.get("failures"), cases.get("errors")) == ("2", "0")
    results = json.loads(text("sarif"))["runs"][0]["results"]
    places = [one["locations"][0]["physicalLocation"] for one in results]
    found = [(p["artifactLocation"]["uri"], p["region"]["startLine"]) for p in places]
    assert ("nets.py", line) in found
    assert f"::error file=nets.py,line={line},title=budget blocks::" in text("github")
    locations = [one["location"] for one in json.loads(text("gitlab"))]
    assert {"path": "nets.py", "lines": {"begin": line}} in locations
    rows = list(csv.DictReader(io.StringIO(text("csv"))))
    assert [row["outcome"] for row in rows] == ["fail", "fail", "pass", "pass"]


def test_a_saved_verdict_is_shown_again(widened: Path, costlab: Costlab) -> None:
    """`costlab show` renders the same comment from the JSON, without the model or its code."""
    found = costlab("show", str(widened / "check.json"), "--format", "markdown")
    assert (found.code, found.err) == (0, "")
    assert found.out == (widened / "check.md").read_text(encoding="utf-8")


@pytest.fixture
def branch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: a repository on a branch that has changed nothing yet."""
    monkeypatch.chdir(repository(tmp_path))
    return tmp_path


ABSOLUTE = """
[models.net]
model = "nets.py:Net"
inputs = ["f32[1,3,16,16]"]

[[budgets]]
id = "total"
macs = { max = "9M" }

[[budgets]]
id = "second"
modules = ["second"]
macs = { max = "1k" }

[[budgets]]
id = "convolutions"
ops = ["conv2d"]
macs = { max = "9M" }
"""


def test_absolute_limits_tell_the_change(branch: Path, costlab: Costlab) -> None:
    """A baseline that no limit is relative to is measured, and each value told against it."""
    change(branch / "nets.py", WIDER)
    (branch / "costlab.toml").write_text(ABSOLUTE, encoding="utf-8")
    said = costlab("check", "--baseline", "git:main", "--format", "text", "--format", "json:a.json")
    assert said.code == 1
    document = json.loads((branch / "a.json").read_text(encoding="utf-8"))
    grown = {check["budget"]: check["value"] - check["base"] for check in document["checks"]}
    assert grown == dict.fromkeys(("total", "second", "convolutions"), GROWN)
    assert "because second" in said.out
    assert "out channels 8" in said.out


def test_a_baseline_that_cannot_be_measured_fails_no_absolute_limit(
    branch: Path, costlab: Costlab
) -> None:
    """What stops at the commit is a note, where nothing is relative to it."""
    (branch / "costlab.toml").write_text(ABSOLUTE.replace("1k", "9M"), encoding="utf-8")
    sound = (branch / "nets.py").read_text(encoding="utf-8")
    (branch / "nets.py").write_text("raise ValueError('broken then')\n", encoding="utf-8")
    commit(branch, "broken")
    (branch / "nets.py").write_text(sound, encoding="utf-8")
    said = costlab("check", "--baseline", "git:HEAD")
    assert said.code == 0
    assert "note: baseline: net at git:HEAD" in said.out
    assert "broken then" in " ".join(said.out.split())  # which is folded at a terminal's width


def test_a_branch_that_only_renames_passes(branch: Path, costlab: Costlab) -> None:
    """Another name for a class and for what it holds costs nothing, and nothing is said to."""
    change(branch / "nets.py", ("Block", "Bottleneck"), ("squeeze", "reduce"))
    commit(branch, "renamed")
    found = costlab("check")
    assert (found.code, found.err) == (0, "")
    assert "all within their limits" in found.out


def test_the_worktree_is_gone(branch: Path, costlab: Costlab) -> None:
    """The base is measured elsewhere: nothing is left of it, nor changed in the checkout."""
    (branch / "untracked.txt").write_text("mine", encoding="utf-8")
    change(branch / "nets.py", WIDER)  # not committed: what is on disk is what is checked
    assert costlab("check").code == 1
    assert git(branch, "worktree", "list").count("\n") == 0
    assert git(branch, "status", "--short").split() == ["M", "nets.py", "??", "untracked.txt"]


@pytest.fixture
def kept(branch: Path, costlab: Costlab) -> Path:
    """The same with a baseline in a file, which takes no process of its own to compare with."""
    change(branch / "costlab.toml", ("merge-base:main", "file:costlab.baseline"))
    assert costlab("baseline", "update").code == 0
    return branch


def test_a_deleted_model(kept: Path, costlab: Costlab) -> None:
    """A model that is gone is no cheap model."""
    (kept / "nets.py").unlink()
    found = costlab("check")
    assert found.code == 2
    assert "nets.py" in found.out
    assert "could not be checked" in found.out or "error" in found.out


def test_a_renamed_target(kept: Path, costlab: Costlab) -> None:
    """A budget of a block that is called otherwise now is held by nothing, and says so."""
    change(kept / "nets.py", ("self.second", "self.last"))
    found = costlab("check")
    assert found.code == 2
    assert "no module of net matches 'second'" in found.out


UNKNOWN = "return self.head(x.mean((2, 3))) + torch.linalg.svdvals(x.mean(1)).sum()"


def test_an_operation_without_a_rule(kept: Path, costlab: Costlab) -> None:
    """A total that is only a lower bound holds nothing."""
    change(
        kept / "nets.py",
        ("from torch import nn", "import torch\nfrom torch import nn"),
        ("return self.head(x.mean((2, 3)))", UNKNOWN),
    )
    found = costlab("check")
    assert found.code == 2
    assert "no rule prices" in found.out


@pytest.mark.parametrize("exit_zero", [True, False])
def test_exit_zero_is_for_broken_limits_only(kept: Path, costlab: Costlab, exit_zero: bool) -> None:
    """What fails is told and ends with 0; what cannot be said ends with 2 all the same."""
    option = ["--exit-zero"] if exit_zero else []
    change(kept / "nets.py", WIDER)
    found = costlab("check", *option)
    assert found.code == (0 if exit_zero else 1)
    assert "over the limit" in found.out
    (kept / "nets.py").unlink()
    assert costlab("check", *option).code == 2


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (("merge-base:main", "git:gone"), "there is no commit 'gone'"),
        (("merge-base:main", "file:gone.txt"), "cannot read the baseline"),
        (("macs = { max =", "macs = { maximum ="), "there is no key 'maximum'"),
        (('"1M"', '"1 GFLOPs"'), "limit flops"),
        (('"2%"', '"2"'), "is no percentage"),
        (('id = "total"', "id = "), "this is no TOML"),
        ((BUDGETS, ""), "it names no model"),
    ],
    ids=["no such ref", "no baseline", "unknown key", "unit", "percent", "TOML", "empty"],
)
def test_what_cannot_be_said_is_written_too(
    branch: Path, costlab: Costlab, edit: tuple[str, str], told: str
) -> None:
    """Exit 2, the reason on stderr, and every file is there: a result never vanishes."""
    change(branch / "costlab.toml", edit)
    found = costlab("check", "--quiet", "--format=json:a.json", "--format=junit:a.xml")
    assert found.code == 2
    assert told in found.err
    assert "Traceback" not in found.err
    document = json.loads((branch / "a.json").read_text(encoding="utf-8"))
    assert document["exit_code"] == 2
    assert list(Draft202012Validator(schema("check/1")).iter_errors(document)) == []
    assert "<error" in (branch / "a.xml").read_text(encoding="utf-8")
