"""Models built and analyzed: one failure hides no other, and torch is imported only then."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from costlab.budgets.budget import Config, ModelSpec, Place
from costlab.budgets.collect import collect, composed
from costlab.budgets.configfile import load
from costlab.budgets.definitions import definition
from costlab.budgets.evaluate import check
from costlab.errors import UsageError
from tests.budgets.made import TODAY

NET = """\
import sys
from torch import nn


class Part(nn.Sequential):
    def __init__(self, width):
        super().__init__()
        self.conv = nn.Conv2d(3, width, 3)

    def forward(self, x):
        print("chatter")
        return self.conv(x)


class Net(nn.Module):
    def __init__(self, width=2):
        super().__init__()
        self.part = Part(width)

    def forward(self, x):
        return self.part(x)


class Broken(Net):
    def forward(self, x):
        raise ValueError("::error::forged")


def leave():
    sys.exit(0)
"""
FILE = """\
[models.good]
model = "net.py:Net"
inputs = ["x=f32[1,3,8,8]"]
[models.wide]
model = "net:Net"
kwargs = { width = 4 }
inputs = ["f32[1,3,8,8]"]
mode = "train"
[[budgets]]
id = "all"
modules = ["part"]
macs = { max = 0 }
"""
BAD = """\
[models.broken]
model = "net.py:Broken"
inputs = ["f32[1,3,8,8]"]
[models.exits]
model = "net.py:leave"
[models.missing]
model = "nowhere:Net"
[models.unfed]
model = "net.py:Net"
[models.misspelt]
model = "inception_v33"
[models.twice]
model = "net.py:Net(width=2)"
kwargs = { width = 4 }
"""


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a model's file and a budget file; the current one is below it."""
    (tmp_path / "net.py").write_text(NET, encoding="utf-8")
    (tmp_path / "costlab.toml").write_text(FILE, encoding="utf-8")
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    monkeypatch.delitem(sys.modules, "net", raising=False)
    return tmp_path


def test_models_are_found_from_the_file(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Paths and modules are those beside the budget file; a model's chatter is no result."""
    heard: list[str] = []
    made = load("../costlab.toml")
    found = collect(made, heard.append)
    assert (found.problems, heard) == ((), ["good", "wide"])
    assert found.reports["good"].total.macs == 3 * 2 * 9 * 6 * 6
    assert found.reports["wide"].total.macs == 2 * found.reports["good"].total.macs
    assert found.reports["wide"].mode == "train"
    assert capsys.readouterr().out == ""
    assert Path.cwd() == desk / "below"
    checks = check(made, found.reports, None, None, TODAY, sources=found.source)
    assert [(one.model, one.source) for one in checks.checks] == [
        ("good", Place("../net.py", 5)),
        ("wide", Place("../net.py", 5)),
    ]
    assert (checks.exit_code, checks.problems) == (1, ())


@pytest.mark.usefixtures("desk")
def test_a_failure_hides_no_other() -> None:
    """Each model that fails is a problem with its place; the others have their reports."""
    Path("costlab.toml").write_text(BAD + FILE, encoding="utf-8")
    Path("net.py").write_text(NET, encoding="utf-8")
    made = load("costlab.toml")
    found = collect(made)
    assert list(found.reports) == ["good", "wide"]
    said = {problem.model: problem.text for problem in found.problems}
    assert list(said) == ["broken", "exits", "missing", "unfed", "misspelt", "twice"]
    assert "::error::forged" in said["broken"]
    assert "exits" in said["exits"]
    assert "there is no module 'nowhere'" in said["missing"]
    assert 'inputs = ["f32[1,3,224,224]"] in the budget file' in said["unfed"]
    assert "Did you mean inception_v3" in said["misspelt"]
    assert "has width already" in said["twice"]
    assert found.problems[0].place == Place("costlab.toml", 1)
    checks = check(made, found.reports, None, None, TODAY, problems=found.problems)
    assert (checks.exit_code, len(checks.problems)) == (2, 6)


def test_where_a_class_is_defined(desk: Path) -> None:
    """A layer of torch is annotated at the user's module around it; nothing elsewhere at all."""
    found = collect(load("../costlab.toml"))
    assert found.source("good", "part.conv") == Place("../net.py", 5)
    assert found.source("good", "") == Place("../net.py", 15)
    assert found.source("nobody", "part") is None
    assert definition(found.classes["good"], "part", desk / "below") is None
    assert definition({"": type("Made", (), {})}, "", desk) is None


def test_a_source_with_arguments() -> None:
    """Arguments of a file are those of the source's text, and none is given twice."""
    spec = ModelSpec("a", "net.py:make('x')", Place(""), kwargs={"n": [1, {"b": 2.5}]})
    assert composed(spec) == "net.py:make('x', n=[1, {'b': 2.5}])"
    twice = ModelSpec("a", "net.py:make(n=1)", Place(""), kwargs={"n": 2})
    with pytest.raises(UsageError, match="has n already"):
        composed(twice)


def test_ten_models_in_one_process() -> None:
    """Ten models of the zoo are analyzed one after the other, with one import of torch."""
    names = ["inception_v3", "googlenet", "resnet50", "alexnet", "vgg16"]
    specs = tuple(
        ModelSpec(f"{name}-{mode}", name, Place("x"), mode=mode)
        for name in names
        for mode in ("eval", "train")
    )
    before = sys.modules.get("torch")
    found = collect(Config(specs, ()))
    assert (len(found.reports), found.problems) == (10, ())
    assert before in {None, sys.modules["torch"]}
    macs = {name: found.reports[f"{name}-eval"].total.macs for name in names}
    assert macs["inception_v3"] == 5_713_216_096
    assert len(set(macs.values())) == 5


def test_budgets_import_no_torch() -> None:
    """Reading budgets and judging saved values needs no torch; only building models does."""
    code = (
        "import sys, costlab.budgets.collect, costlab.budgets.evaluate, costlab.budgets.configfile,"
        "costlab.budgets.baselinefile, costlab.budgets.merging, costlab.budgets.command;"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, env=dict(os.environ))
    assert done.returncode == 0
