"""`costlab init` and `costlab baseline`: files that are written, kept and merged."""

import subprocess
import tomllib
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costlab.budgets import baselinefile, configfile
from costlab.budgets.quantities import amount
from costlab.cli.initial import name_of, readable
from tests.cli.conftest import Costlab
from tests.cli.models import IMAGE

MACS = 8 * 8 * 8 * 3 * 9 + 8 * 64 * 10


def test_init_writes_a_file_that_holds(costlab: Costlab, desk: Path) -> None:
    """The file is read by check, passes now, and fails once the model is a tenth wider."""
    found = costlab("init", "net.py:Net", "net.py:make(16)", "-i", IMAGE)
    assert (found.code, found.out) == (
        0,
        "wrote costlab.toml; `costlab check` holds Net, make to it\n",
    )
    config = configfile.load(desk / "costlab.toml")
    assert [model.name for model in config.models] == ["Net", "make"]
    assert config.budgets[0].limits[0].max == amount("19.9k", "macs") >= MACS * 1.05
    assert costlab("check").code == 0
    net = (desk / "net.py").read_text(encoding="utf-8")
    (desk / "net.py").write_text(net.replace("width=8", "width=9"), encoding="utf-8")
    assert costlab("check").code == 1


def test_init_overwrites_nothing(costlab: Costlab, desk: Path) -> None:
    """A file that is there stays as it is, unless forced; so do the budgets of pyproject.toml."""
    (desk / "costlab.toml").write_text("# mine\n", encoding="utf-8")
    found = costlab("init", "net.py:Net", "-i", IMAGE)
    assert found.code == 2
    assert "--force overwrites it" in found.err
    assert (desk / "costlab.toml").read_text(encoding="utf-8") == "# mine\n"
    assert costlab("init", "net.py:Net", "-i", IMAGE, "--force").code == 0
    (desk / "costlab.toml").unlink()
    (desk / "pyproject.toml").write_text("[tool.costlab]\n", encoding="utf-8")
    assert "there are budgets already, in" in costlab("init", "net.py:Net", "-i", IMAGE).err
    assert not (desk / "costlab.toml").exists()


def test_init_prints_a_table(costlab: Costlab, desk: Path) -> None:
    """With --pyproject it writes nothing, and what it prints stands in a pyproject.toml."""
    found = costlab("init", "net.py:Net", "-i", IMAGE, "--pyproject")
    assert list(desk.glob("*.toml")) == []
    assert set(tomllib.loads(found.out)) == {"tool"}
    (desk / "pyproject.toml").write_text(found.out, encoding="utf-8")
    assert costlab("check").code == 0


NAMED = f"""\
[models.net]
model = "net.py:Net"
inputs = ["{IMAGE}"]
[models.wide]
model = "net.py:make(16)"
inputs = ["{IMAGE}"]
"""
LIMITED = """
[[budgets]]
id = "wide"
models = ["net"]
macs = { max = "1G" }
[[budgets]]
id = "fc"
modules = ["fc"]
activations = { max = "1G" }
"""


@pytest.mark.parametrize("name", ["costlab.toml", "pyproject.toml"])
@pytest.mark.parametrize("budgets", ["", LIMITED])
def test_init_adds_what_a_file_lacks(costlab: Costlab, desk: Path, name: str, budgets: str) -> None:
    """Without a MODEL: those that the file names, in what they have no limit of the whole yet."""
    prefix = "tool.costlab." if name == "pyproject.toml" else ""
    text = (NAMED + budgets).replace("[models", f"[{prefix}models")
    text = text.replace("[[budgets", f"[[{prefix}budgets")
    (desk / name).write_text(text, encoding="utf-8")
    found = costlab("init")
    assert found.code == 0
    assert (desk / name).read_text(encoding="utf-8") == text
    assert found.out.count("macs = ") == (1 if budgets else 2)
    (desk / name).write_text(text + found.out, encoding="utf-8")
    limits = {
        (budget.models, limit.metric): limit.max
        for budget in configfile.load(name).budgets
        if not budget.modules
        for limit in budget.limits
    }
    assert limits[("net",), "macs"] == (10**9 if budgets else amount("19.9k", "macs"))
    assert len(limits) == 8
    assert costlab("check").code == 0
    assert "limits each of its models" in costlab("init").out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "name one: costlab init net.py:Net --input 'f32[1,3,32,32]'"),
        (("-i", IMAGE), "--input is for a MODEL"),
        (("--force",), "--force is for a MODEL"),
        (("net.py:gone", "-i", IMAGE), "gone"),
        (("net.py:Net",), "needs its inputs"),
        (("net.py:Sorted", "-i", "f32[4,4]"), "so that its counts are only a lower bound"),
        (("net.py:Net", "-i", "f33[1]"), "f33"),
        (("net.py:Net", "-i", IMAGE, "--room", "5"), "percentage needs its sign"),
    ],
)
def test_init_refuses(costlab: Costlab, desk: Path, arguments: tuple[str, ...], told: str) -> None:
    """What cannot be measured gets no budget, and no file is left."""
    found = costlab("init", *arguments)
    assert found.code == 2
    assert told in found.err or "is no percentage" in found.err
    assert not (desk / "costlab.toml").exists()


@given(st.integers(0, 2**59), st.sampled_from(["", "B"]), st.fractions(0, 1))
def test_a_readable_limit_leaves_the_room(count: int, unit: str, room: Fraction) -> None:
    """It is never below what was measured with its room, nor far above, and short."""
    text = readable(count, unit, room)
    limit = amount(text, "bytes" if unit else "macs")
    assert count * (1 + room) <= limit
    assert limit <= count * (1 + room) * Fraction(126, 100) + 1
    assert sum(character.isdigit() for character in text) <= 6


@given(st.text(), st.lists(st.text(), max_size=3))
def test_a_name_is_new(source: str, taken: list[str]) -> None:
    """Whatever a source is called, its name is no other's, and has no dot."""
    name = name_of(source, taken)
    assert name
    assert "." not in name
    assert name not in taken


BUDGETS = f"""\
baseline = "file:costs/base.txt"

[models.net]
model = "net.py:Net"
inputs = ["{IMAGE}"]

[[budgets]]
id = "growth"
macs = {{ max_increase = "0%" }}
"""


@pytest.fixture
def base(costlab: Costlab, desk: Path) -> Path:
    """The baseline of a model whose budget is not to grow, just written."""
    (desk / "costs").mkdir()
    (desk / "costlab.toml").write_text(BUDGETS, encoding="utf-8")
    assert costlab("check").code == 2, "there is no baseline yet"
    found = costlab("baseline", "update")
    assert found.code == 0
    assert found.out.startswith("wrote ")
    return desk / "costs" / "base.txt"


def widen(folder: Path, width: int) -> None:
    """Makes the model of a folder another width."""
    net = (folder / "net.py").read_text(encoding="utf-8")
    (folder / "net.py").write_text(net.replace("width=8", f"width={width}"), encoding="utf-8")


def test_the_baseline_holds(costlab: Costlab, desk: Path, base: Path) -> None:
    """What is measured passes; wider fails, until somebody updates the baseline."""
    assert costlab("check").code == 0
    assert costlab("baseline", "update", "--check").code == 0
    before = base.read_text(encoding="utf-8")
    widen(desk, 9)
    assert costlab("check").code == 1
    found = costlab("baseline", "update", "--check")
    assert found.code == 1
    assert "the macs of net is out of date" in found.err
    assert base.read_text(encoding="utf-8") == before
    costlab("baseline", "update")
    assert base.read_text(encoding="utf-8") != before
    assert costlab("check").code == 0


def test_slack_keeps_small_moves(costlab: Costlab, desk: Path, base: Path) -> None:
    """What moved by no more than the slack stays as it was written."""
    values = baselinefile.read(base).values
    widen(desk, 9)
    costlab("baseline", "update", "--slack", "20%")
    assert baselinefile.read(base).values == values
    costlab("baseline", "update", "--slack", "1%")
    assert baselinefile.read(base).values != values


def conflict(folder: Path, ours: str, theirs: str) -> str:
    """What git writes where two sides changed a text that was empty of models before."""
    before = "".join(line for line in ours.splitlines(True) if line.split()[0] in HEAD)
    names = []
    for name, text in (("ours", ours), ("before", before), ("theirs", theirs)):
        (folder / name).write_text(text, encoding="utf-8")
        names.append(name)
    command = ["git", "merge-file", "-p", "-L", "ours", "-L", "before", "-L", "theirs", *names]
    found = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert found.returncode > 0, "there is a conflict"
    return found.stdout


HEAD = {"schema", "convention", "version"}


def test_a_conflict_is_measured(costlab: Costlab, desk: Path, base: Path) -> None:
    """Both sides changed the model: neither's values are right, and the code says what is."""
    ours = base.read_text(encoding="utf-8")
    widen(desk, 9)
    costlab("baseline", "update")
    theirs = base.read_text(encoding="utf-8")
    base.write_text(conflict(base.parent, ours, theirs), encoding="utf-8")
    assert "`costlab baseline merge` resolves it" in costlab("check").out
    net = (desk / "net.py").read_text(encoding="utf-8")
    (desk / "net.py").write_text(net.replace("width=9", "width=12"), encoding="utf-8")
    assert costlab("baseline", "merge").code == 0
    assert costlab("baseline", "update", "--check").code == 0
    assert costlab("check").code == 0
    assert "has no conflict" in costlab("baseline", "merge").out


def test_without_a_place_for_it(costlab: Costlab, desk: Path) -> None:
    """A baseline that is a ref is no file to be written."""
    text = BUDGETS.replace("file:costs/base.txt", "git:main")
    (desk / "costlab.toml").write_text(text, encoding="utf-8")
    found = costlab("baseline", "update")
    assert found.code == 2
    assert "names no baseline file" in found.err
