"""What `costlab check` and its neighbours say: the cause, and the way out."""

import json
import tomllib
from pathlib import Path

import pytest

from costlab.budgets.budget import METRICS
from costlab.budgets.tables import Table
from tests.cli.conftest import Costlab
from tests.cli.repository import ROOT, change, git, repository

NET = "[models.net]\nmodel = 'net.py:make'\ninputs = ['f32[1,3,8,8]']\n"
GROWTH = "[[budgets]]\nid = 'growth'\nmacs = { max_increase = '0%' }\n"
EVERY = """
baseline = "file:a"
anchor = "file:b"
[models.net]
model = "net.py:Net"
[[budgets]]
id = "a"
macs = { max = 1 }
[[waivers]]
budget = "a"
up_to = 2
reason = "r"
expires = 2999-01-01
"""


def test_each_key_stands_in_the_guide(monkeypatch: pytest.MonkeyPatch) -> None:
    """The table of keys in docs/ci.md has all that the reader takes, and nothing else."""
    from costlab.budgets import configfile, reading

    taken: set[str] = set()
    only = Table.only

    def spied(self: Table, known: tuple[str, ...]) -> None:
        taken.update(known)
        only(self, known)

    monkeypatch.setattr(Table, "only", spied)
    configfile.parsed(EVERY)
    taken |= {*reading.KEYS, *reading.LIMITS}
    text = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1:] for line in text.splitlines() if line.startswith("|")]
    told = {word for row in rows for cell in (row[1],) for word in cell.split("`")[1::2]}
    told |= {word for row in rows for word in row[2].split("`")[1::2] if word in reading.LIMITS}
    assert taken - {*METRICS, "models", "budgets", "waivers"} == told - {"models"}
    assert all(f"`{metric}`" in text for metric in METRICS)


@pytest.mark.parametrize("number", ["1e9", "2.5E+6", "1e-3"])
def test_powers_of_ten_are_written_by_letters(desk: Path, costlab: Costlab, number: str) -> None:
    """1e9 is no 1 E, which would be 10^18."""
    said = costlab("check", "net.py:make", "--max", f"macs={number}")
    assert said.code == 2
    assert "k is 1e3, M 1e6, G 1e9" in said.out
    assert "Did you mean" not in said.out
    assert desk.is_dir()


def test_a_waiver_needs_its_reason(desk: Path, costlab: Costlab) -> None:
    """A reason that is blank is to be said; leaving it out is an error as well."""
    text = EVERY.partition("[models")[2].replace('"r"', '" "')
    (desk / "costlab.toml").write_text(f"[models{text}", encoding="utf-8")
    said = costlab("check").out
    assert "reason is empty; say it" in said
    assert "leave it out" not in said


def test_a_glob_in_vain_names_what_there_is(desk: Path, costlab: Costlab) -> None:
    """Whoever guesses names of modules is told some."""
    said = costlab("check", "net.py:make", "-i", "f32[1,3,8,8]", "--max", "macs=1G",
                   "--module", "zzzz*")  # fmt: skip
    assert said.code == 2
    assert "no module of net.py:make matches 'zzzz*'. There are " in said.out
    assert desk.is_dir()


def test_a_source_is_not_written_over(desk: Path, costlab: Costlab) -> None:
    """A format that is given the model's file is a slip, and costs nothing."""
    before = (desk / "net.py").read_bytes()
    said = costlab("check", "net.py:make", "--max", "macs=1G", "--format", "junit:net.py")
    assert (said.code, (desk / "net.py").read_bytes()) == (2, before)
    assert "would write over net.py" in said.err


def test_a_second_model_is_added_by_hand(desk: Path, costlab: Costlab) -> None:
    """`init` on a file that is there names the way that keeps it."""
    (desk / "costlab.toml").write_text(NET, encoding="utf-8")
    said = costlab("init", "net.py:make")
    assert said.code == 2
    assert "`costlab init >> costlab.toml` adds its limits" in said.err


def test_update_does_not_send_one_in_circles(desk: Path, costlab: Costlab) -> None:
    """What is no baseline is not written over, and the way out is another than what was run."""
    (desk / "costlab.toml").write_text(f'baseline = "file:b"\n{NET}{GROWTH}', encoding="utf-8")
    for damaged in ("", "<<<<<<< HEAD\n", "[tool]\n"):
        (desk / "b").write_text(damaged, encoding="utf-8")
        said = costlab("baseline", "update")
        assert said.code == 2
        assert "delete b, if it is no other file, and run this again" in said.err
        assert "baseline update` writes" not in said.err
        assert (desk / "b").read_text(encoding="utf-8") == damaged


def test_a_missing_baseline_silences_no_budget(desk: Path, costlab: Costlab) -> None:
    """A budget that cannot be held still speaks of its models."""
    (desk / "costlab.toml").write_text(f'baseline = "file:b"\n{NET}{GROWTH}', encoding="utf-8")
    said = costlab("check")
    assert said.code == 2
    assert "cannot read the baseline b" in said.out
    assert "no budget speaks" not in said.out


def test_a_model_that_is_none_is_told_first(desk: Path, costlab: Costlab) -> None:
    """A name that was mistyped needs no limit."""
    said = costlab("check", "inception_v33")
    assert (said.code, "Did you mean inception_v3?" in said.out) == (2, True)
    assert "no limit" not in said.out
    assert desk.is_dir()
    assert "there is no limit for inception_v3" in costlab("check", "inception_v3").out


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize("more", [(), ("--module", "Mixed_7?")])
def test_60_columns_hold(
    costlab: Costlab, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...]
) -> None:
    """What folds and what can be spared make room; what is over stands in each row."""
    monkeypatch.setenv("COLUMNS", "60")
    limits = ("--max", "macs=400M", "--max", "params_executed=27.5M")
    said = costlab("check", "inception_v3", *limits, *more).out
    assert max(map(len, said.splitlines())) <= 60
    rows = said.partition("─\n")[2]
    assert rows.count(" over\n") == (0 if more else 1)
    assert rows.count(" left\n") == (6 if more else 1)
    unsaid = costlab("check", "inception_v33").out
    assert max(map(len, unsaid.splitlines())) <= 60


def test_nothing_at_all_is_told(desk: Path, costlab: Costlab) -> None:
    """A forward without an operation passes any limit, which is worth a line."""
    text = "from torch import nn\nclass N(nn.Module):\n    def forward(self, x): return x\n"
    (desk / "none.py").write_text(text, encoding="utf-8")
    said = costlab("check", "none.py:N", "-i", "f32[1]", "--max", "macs=1")
    assert (said.code, "runs no operation, so that it is 0" in said.out) == (0, True)


def test_an_annotation_stands_in_a_file_that_is_there(desk: Path, costlab: Costlab) -> None:
    """A check without a budget file is shown at its model."""
    limit = ("-i", "f32[1,3,8,8]", "--max", "macs=1", "--module", "**", "--format", "sarif")
    places = json.dumps(json.loads(costlab("check", "net.py:make", *limit).out))
    assert "net.py" in places
    assert "pyproject.toml" not in places
    assert desk.is_dir()


def many(desk: Path, count: int) -> None:
    """A budget file with so many budgets that hold, and one that does not."""
    budget = "[[budgets]]\nid = '{0}'\nmodules = ['{0}']\nmacs = {{ max = '{1}' }}\n"
    layers = "".join(f"        self.m{n} = nn.Conv2d(3, 3, 1)\n" for n in range(count))
    text = (
        "from torch import nn\nclass Net(nn.Module):\n    def __init__(self):\n"
        f"        super().__init__()\n{layers}"
        "    def forward(self, x):\n        for m in self.children():\n            x = m(x)\n"
        "        return x\n"
    )
    (desk / "many.py").write_text(text, encoding="utf-8")
    budgets = "".join(budget.format(f"m{n}", "1" if n == 7 else "1G") for n in range(count))
    text = f"[models.net]\nmodel = 'many.py:Net'\ninputs = ['f32[1,3,8,8]']\n{budgets}"
    assert tomllib.loads(text)
    (desk / "costlab.toml").write_text(text, encoding="utf-8")


def test_many_passes_are_counted(desk: Path, costlab: Costlab) -> None:
    """What fails is not pushed off the screen by what holds; --verbose and html list all."""
    many(desk, 30)
    said = costlab("check", "--format", "text", "--format", "html:a.html")
    assert said.code == 1
    assert said.out.count("costlab.toml:") == 1
    assert "29 checks pass; --verbose lists them" in said.out
    assert costlab("check", "--verbose").out.count("\npass ") == 29
    assert (desk / "a.html").read_text(encoding="utf-8").count("costlab.toml:") == 30


def test_all_pass_and_none_is_listed(desk: Path, costlab: Costlab) -> None:
    """A table without rows is a headline and a count."""
    many(desk, 30)
    change(desk / "costlab.toml", ("max = '1'", "max = '1G'"))
    said = costlab("check")
    assert (said.code, "30 checks, all within their limits" in said.out) == (0, True)
    assert "30 checks pass" in said.out


def test_80_columns_hold(tmp_path: Path, costlab: Costlab, monkeypatch: pytest.MonkeyPatch) -> None:
    """A usual table fits, with the longest metric, and what is over or left."""
    monkeypatch.chdir(repository(tmp_path))
    peak = 'id = "total"\npeak_activation_bytes = { max = "9 MB" }\n'
    change(tmp_path / "costlab.toml", ('id = "total"\n', peak))
    monkeypatch.setenv("COLUMNS", "80")
    said = costlab("check").out
    table = said.partition("\nNo room")[0].splitlines()
    assert max(map(len, table)) <= 80
    assert "peak_activat" in said
    assert " left" in said


def test_strict_does_not_lose_a_limit(
    tmp_path: Path, costlab: Costlab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A budget of main that is narrowed on the branch is told, and with --strict it is 2."""
    monkeypatch.chdir(repository(tmp_path))
    git(tmp_path, "checkout", "--quiet", "main")
    change(tmp_path / "costlab.toml", ('id = "growth"\nmacs', 'id = "growth"\nparams'))
    told = "holds the macs of net (max_increase), and no budget does now"
    said = costlab("check", "--baseline", "git:main")
    assert (said.code, told in said.out) == (0, True)
    said = costlab("check", "--baseline", "git:main", "--strict")
    assert (said.code, told in said.out) == (2, True)


def test_a_diff_of_a_name_of_the_budget_file(desk: Path, costlab: Costlab) -> None:
    """`diff` takes sources; who gives a name of the budget file is told which."""
    (desk / "costlab.toml").write_text(NET, encoding="utf-8")
    said = costlab("diff", "net", "net.py:make")
    assert said.code == 2
    assert "net is a model of costlab.toml: here write net.py:make" in said.err
