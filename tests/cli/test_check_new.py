"""A branch that adds, moves or renames a model, against the commit that it began at."""

import json
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.cli.conftest import Costlab
from tests.cli.repository import WIDER, change, commit, git, repository

NEW = """

class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.only = nn.Conv2d(3, 4, 1)

    def forward(self, x):
        return self.only(x)
"""
MORE = '[models.small]\nmodel = "{file}:Small"\ninputs = ["f32[1,3,16,16]"]\n\n[[budgets]]'


@pytest.fixture
def branch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: a repository on a branch of main, each model held to its growth."""
    monkeypatch.chdir(repository(tmp_path))
    return tmp_path


class Verdict(NamedTuple):
    """The exit code, the outcome of each check, all that is said beside them, and the table."""

    code: int
    told: dict[tuple[str, str, str], str]
    said: str
    shown: str


def verdict(costlab: Costlab, *arguments: str) -> Verdict:
    """What one run of `costlab check` finds, as a document and as a table."""
    kept = Path("verdict.json")
    found = costlab("check", "--format", "text", "--format", f"json:{kept}", *arguments)
    document = json.loads(kept.read_text(encoding="utf-8"))
    kept.unlink()
    told = {(c["budget"], c["model"], c["subject"]): c["outcome"] for c in document["checks"]}
    problems = [problem["text"] for problem in document["problems"]]
    return Verdict(found.code, told, "\n".join([*problems, *document["notes"]]), found.out)


def test_a_branch_that_adds_a_model(branch: Path, costlab: Costlab) -> None:
    """The added model is in the table and the comment as new; the branch can be merged."""
    with (branch / "nets.py").open("a", encoding="utf-8") as file:
        file.write(NEW)
    whole = ("[[budgets]]", MORE.format(file="nets.py"))
    text = (branch / "costlab.toml").read_text(encoding="utf-8")
    (branch / "costlab.toml").write_text(
        text.replace(*whole, 1).replace('id = "blocks"\n', 'id = "blocks"\nmodels = ["net"]\n'),
        encoding="utf-8",
    )
    code, told, said, shown = verdict(costlab)
    assert (code, said) == (0, "")
    assert told["growth", "small", ""] == "new"
    assert told["total", "small", ""] == "pass"
    assert "1 new, with nothing to compare" in shown
    commit(branch, "a model")
    merged = verdict(costlab, "--baseline", "git:HEAD")
    assert (merged.code, merged.told["growth", "small", ""]) == (0, "pass")


def test_a_model_that_moved_is_compared_with_itself(branch: Path, costlab: Costlab) -> None:
    """Another file, and another argument of its factory: the growth is that from where it was."""
    moved = (branch / "nets.py").read_text(encoding="utf-8")
    (branch / "nets.py").unlink()
    moved = moved.replace("def __init__(self):", "def __init__(self, width=8):")
    (branch / "models.py").write_text(moved.replace("Block(16, 8)", "Block(16, width)"), "utf-8")
    change(branch / "costlab.toml", ('"nets.py:Net"', '"models.py:Net"\nkwargs = { width = 12 }'))
    code, told, said, _ = verdict(costlab)
    assert (code, said) == (1, "")
    assert told["growth", "net", ""] == "fail"
    assert told["blocks", "net", "second"] == "fail"


def test_a_model_by_another_name_is_seen(branch: Path, costlab: Costlab) -> None:
    """In the budget file too: what is checked no more is told beside what is new."""
    change(branch / "nets.py", ("class Net(", "class Other("))
    change(
        branch / "costlab.toml",
        ("[models.net]", "[models.other]"),
        ("nets.py:Net", "nets.py:Other"),
        ('modules = ["first", "second"]', 'modules = ["*"]'),
    )
    code, told, said, _ = verdict(costlab)
    assert code == 0
    assert told["growth", "other", ""] == "new"
    assert "net has budgets at merge-base:main" in said
    assert "is not checked any more" in said


def test_a_model_that_main_cannot_build(branch: Path, costlab: Costlab) -> None:
    """It is there and fails: the reason is told once, with a remedy that fits a commit."""
    change(branch / "nets.py", ("super().__init__()", "super().__init__()\n        raise OSError"))
    commit(branch, "broken")
    change(branch / "nets.py", ("\n        raise OSError", ""))
    code, _, said, _ = verdict(costlab, "--baseline", "git:HEAD")
    assert code == 2
    assert "could not be built" in said
    assert "mend it there, or keep the baseline in a file" in said
    assert said.count("\n") == 0


@pytest.mark.parametrize("command", ["check", "diff"])
def test_a_ref_says_nothing_of_a_network_of_the_zoo(
    branch: Path, costlab: Costlab, command: str
) -> None:
    """What is installed would be compared with itself: both commands say so."""
    change(
        branch / "costlab.toml",
        ('"nets.py:Net"', '"alexnet"'),
        ('["f32[1,3,16,16]"]', '["f32[1,3,227,227]"]'),
    )
    change(branch / "costlab.toml", ('modules = ["first", "second"]', 'modules = ["*"]'))
    given = ("check",) if command == "check" else ("diff", "git:main", "alexnet")
    out = costlab(*given).out
    assert "alexnet is of costlab's zoo: it is as it is installed, at every git ref" in out


def test_another_key_and_another_class_are_no_way_around(branch: Path, costlab: Costlab) -> None:
    """By another name in the file and the code, and wider: it is held against what it was.

    As large as it was it is new, and passes: that is the test of a model by another name.
    """
    change(branch / "nets.py", ("class Net(", "class Large("), WIDER)
    named = ("models.net", "models.large"), ("nets.py:Net", "nets.py:Large")
    globs = ('["first", "second"]', '["firs*", "secon*"]')
    change(branch / "costlab.toml", *named, globs)
    found = costlab("check", "--format", "json")
    (held,) = [one for one in json.loads(found.out)["checks"] if one["because"]]
    assert (found.code, held["model"], held["outcome"]) == (1, "large", "fail")
    assert held["value"] > held["base"] > 0


def test_a_commit_without_a_budget_file(branch: Path, costlab: Costlab) -> None:
    """Nothing says what it had: a class by another name is told as new, and why that may be."""
    git(branch, "rm", "--quiet", "--cached", "costlab.toml")
    git(branch, "commit", "--quiet", "--message", "no budgets")
    change(branch / "nets.py", ("class Net(", "class Other("))
    change(branch / "costlab.toml", ("nets.py:Net", "nets.py:Other"))
    code, told, said, _ = verdict(costlab, "--baseline", "git:HEAD")
    assert (code, told["growth", "net", ""]) == (0, "new")
    assert "net: told as new; without a budget file at git:HEAD (" in said


def test_a_file_that_git_ignores_is_never_new(branch: Path, costlab: Costlab) -> None:
    """No commit will have it, and so a relative limit would never hold it."""
    (branch / ".gitignore").write_text("made.py\n__pycache__/\n", encoding="utf-8")
    (branch / "nets.py").rename(branch / "made.py")
    change(branch / "costlab.toml", ("models.net", "models.made"), ("nets.py:Net", "made.py:Net"))
    code, _, said, _ = verdict(costlab)
    assert (code, "git ignores made.py, so that no commit will ever have it" in said) == (2, True)
