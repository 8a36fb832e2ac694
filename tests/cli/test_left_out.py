"""One model that cannot be counted in full keeps no other from its limits or its baseline."""

from pathlib import Path

import pytest

from costlab.budgets import baselinefile, configfile
from costlab.budgets.baseline import Baseline
from tests.cli.conftest import Costlab
from tests.cli.models import IMAGE
from tests.cli.repository import change

SORTED = "f32[4,4]"
"""What the model takes that runs an operation without a rule."""
TEXT = f"""\
baseline = "file:base"

[models.net]
model = "net.py:Net"
inputs = ["{IMAGE}"]

[models.sorted]
model = "net.py:Sorted"
inputs = ["{SORTED}"]

[models.raises]
model = "net.py:Raises"
inputs = ["{IMAGE}"]

[[budgets]]
id = "growth"
macs = {{ max_increase = "0%" }}
"""
REASONS = (
    "sorted: no rule prices _linalg_svd",
    "sorted is left out: ",
    "raises is left out: ",
    "a key of the user's",
)


@pytest.fixture
def budgets(desk: Path) -> Path:
    """The budget file of one model that is counted, and of two that are not."""
    (desk / "costlab.toml").write_text(TEXT, encoding="utf-8")
    return desk / "costlab.toml"


def kept(folder: Path) -> Baseline:
    """The baseline as it was written."""
    return baselinefile.read(folder / "base")


def told(err: str) -> list[str]:
    """The reasons that are not told."""
    return [reason for reason in REASONS if reason not in err]


def test_a_baseline_of_the_others(costlab: Costlab, desk: Path, budgets: Path) -> None:
    """It is written without the two, which are named with their reasons; the command ends with 2.

    What was written holds: the model that can be counted passes, and fails once it is wider.
    """
    found = costlab("baseline", "update")
    assert (found.code, told(found.err)) == (2, [])
    assert kept(desk).models.keys() == {"net"}
    assert {key.model for key in kept(desk).values} == {"net"}
    only = budgets.read_text(encoding="utf-8").partition("[models.sorted]")[0]
    budgets.write_text(only + TEXT[TEXT.index("[[budgets]]") :], encoding="utf-8")
    assert costlab("check").code == 0
    change(desk / "net.py", ("width=8", "width=9"))
    assert costlab("check").code == 1


@pytest.mark.usefixtures("budgets")
def test_what_the_file_says_of_it_stays(costlab: Costlab, desk: Path) -> None:
    """A model that fails today keeps the values of yesterday: it does not come back free."""
    priced = ("torch.linalg.svdvals(x)", "torch.relu(x)")
    change(desk / "net.py", priced)
    assert costlab("baseline", "update").code == 2
    before = kept(desk)
    assert before.models.keys() == {"net", "sorted"}
    change(desk / "net.py", priced[::-1], ("width=8", "width=9"))
    found = costlab("baseline", "update", "--check")
    assert found.code == 2
    assert "the macs of net is out of date" in found.err
    assert "sorted is out of date" not in found.err
    assert costlab("baseline", "update").code == 2
    after = kept(desk)
    assert after.models["sorted"] == before.models["sorted"]
    assert after.models["net"] != before.models["net"]
    for name, same in (("sorted", True), ("net", False)):
        old, new = (
            {key: value for key, value in one.values.items() if key.model == name}
            for one in (before, after)
        )
        assert old
        assert (old == new) is same


@pytest.mark.usefixtures("budgets")
def test_up_to_date_but_for_what_is_left_out(costlab: Costlab) -> None:
    """--check ends with 2 and not with 0: nobody knows whether the file is up to date."""
    costlab("baseline", "update")
    found = costlab("baseline", "update", "--check")
    assert (found.code, told(found.err), "out of date" in found.err) == (2, [], False)


def test_none_can_be_counted(costlab: Costlab, desk: Path, budgets: Path) -> None:
    """Then nothing is written."""
    change(budgets, ("net.py:Net", "net.py:gone"))
    found = costlab("baseline", "update")
    assert found.code == 2
    assert "gone" in found.err
    assert not (desk / "base").exists()


@pytest.mark.usefixtures("budgets")
def test_a_conflict_of_the_others(costlab: Costlab, desk: Path) -> None:
    """What both sides changed is measured, and what neither changed need not be countable."""
    costlab("baseline", "update")
    ours = (desk / "base").read_text(encoding="utf-8")
    change(desk / "net.py", ("width=8", "width=9"))
    costlab("baseline", "update")
    theirs = (desk / "base").read_text(encoding="utf-8")
    text = f"<<<<<<< ours\n{ours}=======\n{theirs}>>>>>>> theirs\n"
    (desk / "base").write_text(text, encoding="utf-8")
    found = costlab("baseline", "merge")
    assert found.code == 0
    assert (desk / "base").read_text(encoding="utf-8") == theirs
    assert "warning: sorted: no rule prices" in found.err


@pytest.mark.usefixtures("budgets")
def test_a_conflict_about_it(costlab: Costlab, desk: Path) -> None:
    """A model that both sides changed and that is a lower bound now is written by no merge."""
    sides = []
    for instead in ("torch.relu(x)", "torch.relu(x) + 1"):
        change(desk / "net.py", ("torch.linalg.svdvals(x)", instead))
        costlab("baseline", "update")
        sides.append((desk / "base").read_text(encoding="utf-8"))
        change(desk / "net.py", (instead, "torch.linalg.svdvals(x)"))
    text = "<<<<<<< ours\n{}=======\n{}>>>>>>> theirs\n".format(*sides)
    (desk / "base").write_text(text, encoding="utf-8")
    found = costlab("baseline", "merge")
    assert found.code == 2
    assert "no rule prices _linalg_svd" in found.err
    assert "how sorted was measured" in found.err
    assert (desk / "base").read_text(encoding="utf-8") == text


@pytest.mark.parametrize("option", ["", "--pyproject"])
def test_init_of_the_others(costlab: Costlab, desk: Path, option: str) -> None:
    """The file limits those that were counted, and `check` holds them; the command ends with 2."""
    models = ("net.py:Net", "net.py:Raises", "net.py:make(16)")
    found = costlab("init", *models, "-i", IMAGE, *filter(None, [option]))
    assert found.code == 2
    assert "Raises is left out: " in found.err
    if option:
        (desk / "pyproject.toml").write_text(found.out, encoding="utf-8")
    name = "pyproject.toml" if option else "costlab.toml"
    assert [model.name for model in configfile.load(desk / name).models] == ["Net", "make"]
    assert costlab("check").code == 0


def test_init_adds_the_limits_of_the_others(costlab: Costlab, budgets: Path) -> None:
    """Of the models that the file names, those that can be counted get their limits."""
    found = costlab("init")
    assert (found.code, told(found.err)) == (2, [])
    assert 'models = ["net"]' in found.out
    assert "sorted" not in found.out
    budgets.write_text(TEXT + found.out, encoding="utf-8")
    assert [budget.id for budget in configfile.load(budgets).budgets] == ["growth", "net"]
