"""`costlab bench`: what it measures and shows, on a pretended device."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from costlab.bench.document import Measurements
from costlab.bench.studies import FACTORIZATIONS
from costlab.cli.measuring import axes_of
from costlab.errors import UsageError
from costlab.store import load
from tests.bench import pretended
from tests.cli.pretending import GOLDEN, Device, chosen

if TYPE_CHECKING:
    from tests.cli.conftest import Costlab


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Device:
    """A function that makes the pretended backend the one that is chosen."""
    return chosen(monkeypatch, tmp_path)


def test_a_study_is_measured_and_shown(costlab: Costlab, device: Device) -> None:
    """The table goes to stdout, and nothing to stderr; the exit code is 0."""
    device()
    found = costlab("bench", "study.toml")
    assert (found.code, found.err) == (0, "")
    assert found.out.startswith("study · fp32 · nhwc · bare · cold · eager\n")
    assert found.out.count("FASTER") == 2
    assert "Where the saving comes from, in percentage points" in found.out


@pytest.mark.parametrize("form", ["text", "json", "csv", "markdown", "html"])
def test_every_format(costlab: Costlab, device: Device, form: str) -> None:
    """Each format is written, and `costlab show` writes the same of the file that was kept."""
    device()
    found = costlab("bench", "study.toml", "--format", form, "--out", "a.json")
    assert found.code == 0
    assert costlab("show", "a.json", "--format", form).out == found.out
    if form == "csv":
        header, *rows = found.out.splitlines()
        assert header.startswith("pair,side,arm,batch,precision")
        assert len(rows) == 4


def test_csv_in_a_file_beside_the_table(costlab: Costlab, device: Device) -> None:
    """Two formats at once, each in its place."""
    device()
    found = costlab("bench", "study.toml", "--format", "text", "--format", "csv:a.csv")
    assert found.out.startswith("study · ")
    assert Path("a.csv").read_text(encoding="utf-8").startswith("pair,side,arm")


def test_a_model_on_what_a_function_returns(
    costlab: Costlab, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keyword inputs of a function of the user's: the batch is theirs, and each block is a row."""
    backend = device()
    names = ("net.py:Net", "first", "second")
    monkeypatch.setattr(pretended, "CALL_S", dict.fromkeys(names, 0.01))
    Path("net.py").write_text(
        "import torch\n"
        "class Net(torch.nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.first, self.second = torch.nn.Linear(8, 6), torch.nn.Linear(6, 4)\n"
        "    def forward(self, *, tokens, train=True):\n"
        "        return self.second(self.first(tokens))\n"
        "def make():\n"
        "    return {'tokens': torch.ones(7, 3, 8), 'train': False}\n",
        encoding="utf-8",
    )
    asked = ("bench", "net.py:Net", "--inputs-from", "net.py:make", "--arm", "eager", "--quick")
    found = costlab(*asked, "--out", "a.json")
    assert found.code == 0, found.err
    kept = load("a.json")
    assert isinstance(kept, Measurements)
    assert [case.batch for case in kept.cases] == [7, 7, 7]
    assert [case.variant.macs for case in kept.cases] == [
        7 * 3 * (8 * 6 + 6 * 4),
        7 * 3 * 8 * 6,
        7 * 3 * 6 * 4,
    ]
    assert {name for what, name in backend.steps if what == "prepare"} == set(names)
    other = ("bench", "net.py:Net", "-i", "tokens=f32[2,3,8]", "--arm", "eager", "--quick")
    refused = costlab(*other, "--out", "a.json", "--resume")
    assert refused.code == 2
    assert "another input ('net.py:make'; here it is 'tokens=f32[2,3,8]')" in refused.err


def test_the_studies_are_listed(costlab: Costlab) -> None:
    """A row a study, for people and for programs."""
    assert "What a factorized convolution saves" in costlab("bench", "--list").out
    assert costlab("bench", "--list", "--format", "csv").out.startswith("study,title,pairs,cases")
    document = json.loads(costlab("bench", "--list", "--format", "json").out)
    assert document["schema"] == "costlab.studies/1"
    (first, *_) = document["studies"]
    assert (first["name"], first["axes"]["cases"]) == (
        FACTORIZATIONS.name,
        sum(1 for _ in FACTORIZATIONS.cases()),
    )
    assert first["quick"]["pairs"] == list(FACTORIZATIONS.quick.pairs)


def test_the_pairs_of_a_study_are_listed(costlab: Costlab, device: Device) -> None:
    """By the names that --pair takes: of a study, of a file, and of a model on given inputs."""
    device()
    told = costlab("bench", "--list", "factorizations", "--format", "csv").out.splitlines()
    assert told[0].startswith("pair,baseline,variant")
    assert len(told) == 1 + len(FACTORIZATIONS.pairs)
    names = [name for name, *_ in csv.reader(told[1:])]
    assert names == [pair.name for pair in FACTORIZATIONS.pairs]
    (study,) = json.loads(costlab("bench", "--list", "study.toml", "--format", "json").out)[
        "studies"
    ]
    (pair,) = study["pairs"]
    measured = costlab("bench", "study.toml", "--pair", pair, "--batch", "1")
    assert measured.code == 0
    model = ("bench", "--list", "torch.nn:Embedding(9, 4)", "-i", "i64[2,5]")
    assert "i64[2,5]" in costlab(*model).out


def test_two_files_side_by_side(costlab: Costlab, tmp_path: Path) -> None:
    """The same cases of two documents; what is no document of measurements is refused."""
    found = costlab("bench", "compare", str(GOLDEN), str(GOLDEN))
    assert (found.code, found.err) == (0, "")
    assert "The environments are the same." in found.out
    told = costlab("bench", "compare", str(GOLDEN), str(GOLDEN), "--format", "json")
    assert [side["ratio"] for side in json.loads(told.out)["sides"]] == [1.0, 1.0]
    report = tmp_path / "report.json"
    costlab("report", "torch.nn:Identity", "-i", "f32[1]", "--format", f"json:{report}")
    refused = costlab("bench", "compare", str(GOLDEN), str(report))
    assert refused.code == 2
    assert "report.json holds no measurements" in refused.err


def test_pictures(costlab: Costlab, device: Device) -> None:
    """Both pictures are drawn, while measuring and of a file; a report has none."""
    pytest.importorskip("matplotlib")
    device()
    assert costlab("bench", "study.toml", "--plot", "a.svg", "--out", "a.json").code == 0
    assert costlab("show", "a.json", "--plot", "b.svg").code == 0
    for name in ("", "-roofline"):
        assert Path(f"a{name}.svg").read_text("utf-8") == Path(f"b{name}.svg").read_text("utf-8")
    costlab("report", "torch.nn:Identity", "-i", "f32[1]", "--format", "json:r.json")
    assert (
        "--plot draws measurements; r.json holds none"
        in costlab("show", "r.json", "--plot", "c.svg").err
    )


def test_verbose_tells_each_step(costlab: Costlab, device: Device) -> None:
    """What is being measured stands on stderr, with the time that is left; quiet says nothing."""
    device()
    told = costlab("bench", "study.toml", "--verbose").err
    assert "0/2 ceilings (at most 600 s left)" in told.replace("10 min", "600 s")
    assert "1/2 one → two, eager, batch 2, fp32" in told
    device()
    assert costlab("bench", "study.toml", "--quiet").err == ""


def test_axes_are_chosen() -> None:
    """Options replace an axis, in their order, and choose pairs by their names."""
    none = dict.fromkeys(("pair", "batch", "precision", "layout", "finish", "regime", "arm"), ())
    given = {**none, "batch": ("32,1",), "arm": ("graph", "eager"), "pair": ("5x5*35x35x64",)}
    axes = axes_of(FACTORIZATIONS, given, quick=False)
    assert (axes.batches, axes.arms) == ((32, 1), ("graph", "eager"))
    assert axes.pairs == ("5x5 → 3x3 3x3, 35x35x64",)
    assert axes.precisions == FACTORIZATIONS.axes.precisions
    assert axes_of(FACTORIZATIONS, none, quick=True) == FACTORIZATIONS.quick
    with pytest.raises(UsageError, match="Pairs: 5x5"):
        axes_of(FACTORIZATIONS, {**none, "pair": ("9x9",)}, quick=False)


def test_the_pretended_device_is_used(costlab: Costlab, device: Device) -> None:
    """No real time passes in these tests: the clock is that of the pretended device."""
    backend = device()
    costlab("bench", "study.toml")
    assert backend.now_s > pretended.PREPARE_S
