"""A branch that adds, moves or renames a model, against the commit that it began at."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Costlab
from tests.cli.repository import WIDER, change, commit, repository

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


def verdict(costlab: Costlab, *arguments: str) -> tuple[int, dict[tuple[str, str, str], str], str]:
    """The exit code, the outcome of each check by budget, model and subject, and all problems."""
    found = costlab("check", "--format", "json", *arguments)
    document = json.loads(found.out)
    told = {(c["budget"], c["model"], c["subject"]): c["outcome"] for c in document["checks"]}
    problems = [problem["text"] for problem in document["problems"]]
    return found.code, told, "\n".join([*problems, *document["notes"]])


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
    code, told, said = verdict(costlab)
    assert (code, said) == (0, "")
    assert told["growth", "small", ""] == "new"
    assert told["total", "small", ""] == "pass"
    shown = costlab("check").out
    assert "1 new, with nothing to compare" in shown
    commit(branch, "a model")
    assert costlab("check", "--baseline", "git:HEAD").code == 0
    assert verdict(costlab, "--baseline", "git:HEAD")[1]["growth", "small", ""] == "pass"


def test_a_model_that_moved_is_compared_with_itself(branch: Path, costlab: Costlab) -> None:
    """Another file, and another argument of its factory: the growth is that from where it was."""
    moved = (branch / "nets.py").read_text(encoding="utf-8")
    (branch / "nets.py").unlink()
    moved = moved.replace("def __init__(self):", "def __init__(self, width=8):")
    (branch / "models.py").write_text(moved.replace("Block(16, 8)", "Block(16, width)"), "utf-8")
    change(branch / "costlab.toml", ('"nets.py:Net"', '"models.py:Net"\nkwargs = { width = 12 }'))
    code, told, said = verdict(costlab)
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
    code, told, said = verdict(costlab)
    assert code == 0
    assert told["growth", "other", ""] == "new"
    assert "net has budgets at merge-base:main" in said
    assert "is not checked any more" in said


def test_a_model_that_main_cannot_build(branch: Path, costlab: Costlab) -> None:
    """It is there and fails: the reason is told once, with a remedy that fits a commit."""
    change(branch / "nets.py", ("super().__init__()", "super().__init__()\n        raise OSError"))
    commit(branch, "broken")
    change(branch / "nets.py", ("\n        raise OSError", ""))
    code, _, said = verdict(costlab, "--baseline", "git:HEAD")
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
    """A model by another name in the file and the code is held against what it was."""
    text = (branch / "nets.py").read_text(encoding="utf-8")
    (branch / "nets.py").write_text(text.replace("class Net", "class Large"), encoding="utf-8")
    named = ("models.net", "models.large"), ("nets.py:Net", "nets.py:Large")
    globs = ('["first", "second"]', '["firs*", "secon*"]')
    change(branch / "costlab.toml", *named, globs)
    code, told, said = verdict(costlab)
    assert (code, told["growth", "large", ""]) == (0, "new")
    assert "net has budgets at merge-base:main" in said
    change(branch / "nets.py", WIDER)
    found = costlab("check", "--format", "json")
    (held,) = [one for one in json.loads(found.out)["checks"] if one["because"]]
    assert (found.code, held["model"], held["outcome"]) == (1, "large", "fail")
    assert held["value"] > held["base"] > 0


def test_a_file_that_git_ignores_is_never_new(branch: Path, costlab: Costlab) -> None:
    """No commit will have it, and so a relative limit would never hold it."""
    (branch / ".gitignore").write_text("made.py\n__pycache__/\n", encoding="utf-8")
    (branch / "nets.py").rename(branch / "made.py")
    change(branch / "costlab.toml", ("models.net", "models.made"), ("nets.py:Net", "made.py:Net"))
    code, _, said = verdict(costlab)
    assert (code, "git ignores made.py, so that no commit will ever have it" in said) == (2, True)
