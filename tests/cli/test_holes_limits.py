"""Holes of other gates in what a limit says: unit bugs, limits that become chores, ratchets.

The first words of each test's name say which.
"""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Costlab, Run
from tests.cli.holes import HEAD, NET, based, budget, width
from tests.cli.repository import change, commit, git


@pytest.mark.parametrize(
    ("unit", "size"), [("B", 1), ("kB", 1000), ("KiB", 1024), ("MB", 10**6), ("MiB", 2**20)]
)
def test_units_kilobytes_are_bytes(
    held: Callable[..., Run], folder: Path, unit: str, size: int
) -> None:
    """The input and the output of the model, in whole units: one byte more than fits fails."""
    channels = -(-10 * size // 64)  # 4 bytes at 16 places each
    width(folder, channels)
    taken = 4 * 16 * (3 + channels)
    units, rest = divmod(taken, size)
    limit = "peak_activation_bytes = {{ max = '{} {}' }}"
    assert held(budget(limit.format(units + bool(rest), unit))).code == 0
    assert held(budget(limit.format(units - (not rest), unit))).code == 1


@pytest.mark.parametrize("unit", ["KB", "K", "M", "mb", "bytes"])
def test_units_that_mean_two_things_are_refused(held: Callable[..., Run], unit: str) -> None:
    """KB is written for 1000 and for 1024; nobody guesses."""
    assert held(budget(f"bytes = {{ max = '1 {unit}' }}")).code == 2


def test_units_a_ratio_is_no_percentage(
    held: Callable[..., Run], costlab: Costlab, folder: Path
) -> None:
    """0.05 and 5 are refused where 5 % is meant; "5%" fires at six, and not at five."""
    limits = budget('macs = { max_increase = "5%" }')
    based(costlab, folder, 100, limits)
    for wrong in ("0.05", "5", '"0.05"', '"5"'):
        assert held(limits.replace('"5%"', wrong)).code == 2
    for channels, code in ((105, 0), (106, 1)):
        width(folder, channels)
        assert held(limits).code == code


def test_units_the_base_divides(held: Callable[..., Run], costlab: Costlab, folder: Path) -> None:
    """From 100 to 104 is 4 %, and not the 3.8 % that it is of 104."""
    limits = budget('macs = { max_increase = "4%" }')
    based(costlab, folder, 100, limits)
    width(folder, 104)
    assert held(limits).code == 0
    assert held(limits.replace("4%", "3.9%")).code == 1


def test_units_a_base_of_nothing_is_new(
    held: Callable[..., Run], costlab: Costlab, folder: Path
) -> None:
    """From 0 there is no percentage: what is there now is over any, and is called new."""
    limits = budget('macs = { max_increase = "500%" }\nparams = { max = "1G" }')
    change(folder / "net.py", ("return self.stem(x)", "return x"))
    based(costlab, folder, 100, limits)
    change(folder / "net.py", ("return x", "return self.stem(x)"))
    assert held(limits).code == 1
    (broken,) = (line for line in costlab("check").out.splitlines() if line.startswith("fail"))
    assert " new " in broken
    assert "+" not in broken


def test_chores_no_limit_is_bumped(folder: Path, costlab: Costlab) -> None:
    """Relative to where a branch began, what was once agreed to needs no edit of any limit."""
    limits = budget('macs = { max_increase = "2%" }')
    text = f'baseline = "merge-base:main"\n{HEAD}{limits}'
    (folder / "costlab.toml").write_text(text, encoding="utf-8")
    (folder / ".gitignore").write_text("__pycache__/\n", encoding="utf-8")
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit(folder, "100 channels")
    git(folder, "switch", "--quiet", "--create", "wider")
    width(folder, 120)
    assert costlab("check").code == 1
    commit(folder, "120 channels")
    git(folder, "switch", "--quiet", "main")
    git(folder, "merge", "--quiet", "wider")
    git(folder, "switch", "--quiet", "--create", "next")
    width(folder, 121)
    assert costlab("check").code == 0
    assert (folder / "costlab.toml").read_text(encoding="utf-8") == text


def test_chores_a_baseline_has_slack(costlab: Costlab, folder: Path) -> None:
    """A file of values is not rewritten for what moved a little."""
    based(costlab, folder, 100, budget('macs = { max_increase = "9%" }'))
    before = (folder / "base").read_text(encoding="utf-8").splitlines()
    width(folder, 101)
    assert costlab("baseline", "update", "--slack", "2%").code == 0
    after = (folder / "base").read_text(encoding="utf-8").splitlines()
    values = [[line for line in lines if line.startswith("value")] for lines in (before, after)]
    assert values[0] == values[1]


def test_chores_percent_only_lets_no_drift_through(
    held: Callable[..., Run], costlab: Costlab, folder: Path
) -> None:
    """One per cent at a time passes each time, and the anchor fails at the sixth."""
    limits = budget('macs = { max_increase = "1%", anchor_increase = "5%" }')
    based(costlab, folder, 100, limits)
    anchor = (folder / "base").read_text(encoding="utf-8")
    (folder / "anchor").write_text(anchor, encoding="utf-8")
    outcomes = []
    for channels in range(101, 107):
        width(folder, channels)
        document = json.loads(held(limits, "--anchor", "file:anchor").out)
        outcomes.append([check["outcome"] for check in document["checks"]])
        assert costlab("baseline", "update").code == 0
    assert outcomes == [["pass", "pass"]] * 5 + [["pass", "fail"]]


def test_chores_a_tiny_base_has_a_floor(
    held: Callable[..., Run], costlab: Costlab, folder: Path
) -> None:
    """From one channel to two is 100 %, and 48 multiply-adds: both must be exceeded."""
    limits = budget('macs = { max_increase = "2%", and_over = 48 }')
    based(costlab, folder, 1, limits)
    for channels, code in ((2, 0), (3, 1)):
        width(folder, channels)
        assert held(limits).code == code
    width(folder, 2)
    assert held(limits.replace(", and_over = 48", "")).code == 1


def test_ratchets_two_branches_never_merge_into_a_red_main(costlab: Costlab, folder: Path) -> None:
    """Two branches lower one value: git does not merge them in silence, and measuring does."""
    based(costlab, folder, 100, budget('macs = { max_increase = "0%" }'))
    (folder / ".gitignore").write_text("__pycache__/\n", encoding="utf-8")
    change(folder / "net.py", ("(3, width, 1)", "(3, width, 1, bias=True)"))
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit(folder, "both")
    for name, edit in (
        ("narrow", ("width=100", "width=90")),
        ("plain", ("bias=True", "bias=False")),
    ):
        git(folder, "switch", "--quiet", "--create", name, "main")
        change(folder / "net.py", edit)
        assert costlab("baseline", "update").code == 0
        commit(folder, name)
    merged = subprocess.run(
        ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "merge", "narrow"],  # noqa: S607 - any git will do
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert merged.returncode, "git merged a baseline that is true of neither"
    assert "CONFLICT" in merged.stdout
    (folder / "net.py").write_text(
        NET.replace("width=100", "width=90").replace("width, 1)", "width, 1, bias=False)"), "utf-8"
    )
    found = costlab("check")
    assert (found.code, "`costlab baseline merge` resolves it" in found.out) == (2, True)
    assert costlab("baseline", "merge").code == 0
    assert costlab("check").code == 0
    assert costlab("baseline", "update", "--check").code == 0
