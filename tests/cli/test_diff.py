"""`costlab diff`: two sides of any kind, in every format."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from costlab.budgets.difference import Difference
from costlab.schemas import schema
from tests.cli.conftest import Costlab
from tests.cli.models import IMAGE
from tests.cli.repository import git
from tests.cli.test_schemas import still_valid

FORMATS = ("text", "json", "csv", "markdown", "html")
WIDE = ("net.py:Net", "net.py:Net(width=12)", "-i", IMAGE)


def document(costlab: Costlab, *arguments: str) -> Any:
    """The difference as JSON."""
    found = costlab("diff", *arguments, "--quiet", "--format", "json")
    assert found.code == 0, found.err
    return json.loads(found.out)


@pytest.mark.parametrize("form", FORMATS)
def test_the_reason_in_every_format(costlab: Costlab, desk: Path, form: str) -> None:
    """Each format tells which block changed, and why."""
    del desk
    found = costlab("diff", *WIDE, "--format", form, "--quiet")
    assert (found.code, found.err) == (0, "chatter of the import\nchatter of the forward\n" * 2)
    assert "conv" in found.out
    assert "out channels 8 → 12" in found.out


def test_the_document(costlab: Costlab, desk: Path) -> None:
    """The document is valid, its schema notices every change, and loaded it is the same."""
    del desk
    found = document(costlab, *WIDE)
    errors = Draft202012Validator(schema("costlab.diff/1")).iter_errors(found)
    assert [f"{error.json_path}: {error.message}" for error in errors] == []
    assert still_valid(found) == []
    assert Difference.from_dict(found).to_dict() == found


@pytest.mark.parametrize("form", FORMATS)
def test_show_gives_it_again(costlab: Costlab, desk: Path, form: str) -> None:
    """A saved difference is shown as it was made, without the models."""
    told = costlab("diff", *WIDE, "--format", "json:d.json", "--format", form, "--quiet").out
    (desk / "net.py").unlink()
    assert costlab("show", "d.json", "--format", form).out == told


def test_a_damaged_difference(costlab: Costlab, desk: Path) -> None:
    """A document whose parts do not add up is refused."""
    found = document(costlab, *WIDE)
    found["blocks"][0]["deltas"]["macs"]["amount"] += 1
    (desk / "d.json").write_text(json.dumps(found), encoding="utf-8")
    ended = costlab("show", "d.json")
    assert ended.code == 2
    assert "the difference is damaged" in ended.err


@pytest.mark.parametrize(
    ("head", "code"), [("net.py:Net(width=12)", 1), ("net.py:make", 0), ("net.py:Net", 0)]
)
def test_the_exit_code(costlab: Costlab, desk: Path, head: str, code: int) -> None:
    """With --exit-code it is 1 if the two differ, as git has it; without, 0."""
    del desk
    arguments = ("diff", "net.py:Net", head, "-i", IMAGE, "--quiet")
    assert costlab(*arguments, "--exit-code").code == code
    assert costlab(*arguments).code == 0


def test_saved_reports(costlab: Costlab, desk: Path) -> None:
    """Two files; or one and its model as it is now, with the inputs and the mode of the file."""
    costlab("report", "net.py:Net", "-i", IMAGE, "--mode", "train", "--format", "json:a.json")
    assert document(costlab, "a.json", "a.json")["same"]
    assert document(costlab, "a.json")["same"]
    text = (desk / "net.py").read_text(encoding="utf-8").replace("width=8", "width=12")
    (desk / "other.py").write_text(text, encoding="utf-8")
    found = document(costlab, "a.json", "other.py:Net")
    assert (found["base"], found["head"], found["same"]) == ("a.json", "other.py:Net", False)
    assert found["warnings"] == []


def test_what_differs_besides_is_said(costlab: Costlab, desk: Path) -> None:
    """Where inputs differ the table says so, and so does stderr beside another format."""
    del desk
    costlab("report", "net.py:Kinds.Inner", "-i", IMAGE, "--format", "json:a.json")
    two = ("diff", "a.json", "net.py:Net", "-i", "f32[2,3,8,8]")
    assert "warning: the inputs differ" in costlab(*two).out
    assert "warning: the inputs differ" in costlab(*two, "--format", "csv").err


def test_git_refs(costlab: Costlab, desk: Path) -> None:
    """A ref takes its model from the other side, two need it once; the commit is named."""
    git(desk, "init", "-q", "-b", "main")
    git(desk, "add", "net.py")
    git(desk, "commit", "-qm", "a network")
    text = (desk / "net.py").read_text(encoding="utf-8")
    (desk / "net.py").write_text(text.replace("width=8", "width=12"), encoding="utf-8")
    found = document(costlab, "git:main", "net.py:Net", "-i", IMAGE)
    commit = git(desk, "rev-parse", "main")[:9]
    assert (found["base"], found["head"]) == (f"net.py:Net at git:main ({commit})", "net.py:Net")
    assert [cause["text"] for cause in found["blocks"][0]["causes"]] != []
    assert not found["same"]
    same = document(costlab, "git:main:net.py:Net", "merge-base:main", "-i", IMAGE)
    assert same["same"]
    told = costlab("diff", "git:main:net.py:Gone", "net.py:Net", "-i", IMAGE)
    assert told.code == 2
    assert "net.py:Gone at git:main" in told.err
    assert "Traceback" not in told.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("net.py:Nope", "net.py:Net", "-i", IMAGE), "has no 'Nope'"),
        (("inception_v33", "inception_v3"), "Did you mean inception_v3?"),
        (("gone.json", "net.py:Net"), "cannot read gone.json"),
        (("net.py:Net", "net.py:make"), "needs its inputs"),
        (("net.py:Net", "net.py:Broken", "-i", IMAGE), "net.py:Broken: "),
        (("git:main", "git:other"), "neither git:main nor git:other names a model"),
        (("git:main",), "git:main"),
        (("git:-x", "net.py:Net"), "'-x' is no name of a git ref"),
        (("net.py:Net", "net.py:Net", "-i", "f32["), "cannot read the input spec"),
        (("net.py:Net", "net.py:Net", "--depth", "x"), "--depth is 'x'"),
        (("\0", "net.py:Net"), "error: "),
    ],
    ids=str,
)
def test_what_cannot_be_compared(
    costlab: Costlab,
    desk: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    told: str,
) -> None:
    """Whatever is wrong with a side: exit 2, a sentence, nothing on stdout."""
    git(desk, "init", "-q", "-b", "main")
    git(desk, "commit", "-qm", "nothing", "--allow-empty")
    git(desk, "branch", "other")
    monkeypatch.chdir(desk)
    found = costlab("diff", *arguments)
    assert (found.code, found.out) == (2, "")
    assert told in found.err
    assert "Traceback" not in found.err
    assert "a defect" not in found.err


def test_a_document_that_is_no_report(costlab: Costlab, desk: Path) -> None:
    """A difference has no difference."""
    del desk
    costlab("diff", *WIDE, "--format", "json:d.json")
    found = costlab("diff", "d.json", "net.py:Net")
    assert found.code == 2
    assert "d.json holds no report" in found.err


def test_a_lower_bound_is_said(costlab: Costlab, desk: Path) -> None:
    """An operation that no rule prices makes the difference one of lower bounds: it says so."""
    del desk
    found = costlab("diff", "net.py:Sorted", "net.py:Nothing", "-i", "f32[4,4]")
    assert found.code == 0
    assert "warning: net.py:Sorted is a lower bound: no rule prices" in found.out
