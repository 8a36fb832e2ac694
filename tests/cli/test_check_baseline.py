"""What `costlab check` says of a baseline or an anchor that no limit is relative to."""

from pathlib import Path

import pytest

from tests.cli.conftest import Costlab
from tests.cli.repository import repository

NET = "[models.net]\nmodel = 'net.py:make'\ninputs = ['f32[1,3,8,8]']\n"


@pytest.mark.usefixtures("desk")
def test_an_anchor_that_nothing_uses_is_told(costlab: Costlab) -> None:
    """Where no limit is relative to it, no change from it is told, and why is."""
    limit = ("--max", "macs=1G", "--anchor", "file:b")
    said = costlab("check", "net.py:make", "-i", "f32[1,3,8,8]", *limit)
    assert said.code == 0
    assert "anchor file:b is not used: no budget has an anchor_increase" in said.out


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize("base", ["file:b", "git:nowhere", "merge-base:nowhere", "git:-x"])
def test_a_missing_baseline_is_no_pass(costlab: Costlab, base: str) -> None:
    """One that is not there ends with 2 beside absolute limits too, which are judged and told."""
    limit = ("--max", "macs=1G", "--baseline", base)
    said = costlab("check", "net.py:make", "-i", "f32[1,3,8,8]", *limit)
    assert said.code == 2
    assert "error    baseline: " in said.out
    assert "pass " in said.out


@pytest.mark.usefixtures("desk")
def test_a_missing_baseline_of_the_budget_file_is_no_pass(costlab: Costlab) -> None:
    """It is the same where the budget file names it."""
    limits = "[[budgets]]\nid = 'size'\nmacs = { max = '1G' }\n"
    Path("costlab.toml").write_text(f"baseline = 'file:b'\n{NET}{limits}", encoding="utf-8")
    said = costlab("check")
    assert said.code == 2
    assert "cannot read the baseline b" in said.out


def test_a_commit_without_the_folder_fails_no_absolute_limit(
    tmp_path: Path, costlab: Costlab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit that is there and has nothing of the models is told; what was to hold holds."""
    repository(tmp_path)
    added = tmp_path / "added"
    added.mkdir()
    (added / "net.py").write_text((tmp_path / "nets.py").read_text("utf-8"), encoding="utf-8")
    monkeypatch.chdir(added)
    limit = ("check", "net.py:Net", "-i", "f32[1,3,8,8]", "--max", "macs=1G", "--baseline")
    assert costlab(*limit, "git:HEAD:net.py:Net").code == 2  # a model is no baseline
    said = costlab(*limit, "git:HEAD")
    assert said.code == 0
    assert "note: baseline git:HEAD: no change from it is told, as " in said.out
