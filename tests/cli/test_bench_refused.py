"""`costlab bench` with what cannot be: told before anything is measured."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from costlab.bench.cuda import judged
from costlab.bench.document import Measurements
from costlab.bench.gauge import Process
from costlab.store import load
from tests.bench.pretended import Pretended, out_of_memory
from tests.cli.pretending import GOLDEN, TOML, Device, chosen

if TYPE_CHECKING:
    from tests.cli.conftest import Costlab


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Device:
    """A function that makes the pretended backend the one that is chosen."""
    return chosen(monkeypatch, tmp_path)


def test_nothing_measured_is_a_failure(costlab: Costlab, device: Device) -> None:
    """If every case fails the exit code is 2, with the reason; the file keeps the errors."""
    device()
    found = costlab("bench", "study.toml", "--batch", "1", "--arm", "compile-autotune")
    assert found.code == 2
    assert "compile-autotune cannot run on this device; its arms are eager, compile" in found.err
    device(trouble={("check", "two"): (1, out_of_memory())})
    found = costlab("bench", "study.toml", "--batch", "1", "--out", "a.json")
    assert found.code == 2
    assert "error: nothing could be measured: out of memory" in found.err
    kept = load("a.json")
    assert isinstance(kept, Measurements)
    assert kept.cases[0].error.startswith("out of memory")


NONSENSE: dict[str, tuple[tuple[str, ...], str]] = {
    "no time": (("study.toml", "--minutes", "0"), "--minutes is 0; it must be a number above 0"),
    "less": (("study.toml", "--minutes", "-1"), "--minutes is -1; it must be"),
    "no number": (("study.toml", "--minutes", "nan"), "--minutes is nan; it must be"),
    "for ever": (("study.toml", "--minutes", "inf"), "--minutes is inf; it must be"),
    "no study": ((), "no study is named; `costlab bench --list`"),
    "two": (("blocks", "networks"), "one study at a time"),
    "a near name": (("factorisations",), "Did you mean factorizations?"),
    "an arm": (("study.toml", "--arm", "eagre"), "Did you mean eager?"),
    "a precision": (("study.toml", "--precision", "fp8"), "it must be of fp32, tf32, bf16, fp16"),
    "a batch": (("study.toml", "--batch", "1,0"), "--batch is '0'; it must be a number of images"),
    "half a batch": (("study.toml", "--batch", "1.5"), "--batch is '1.5'"),
    "twice": (("study.toml", "--batch", "1,1"), "--batch names '1' twice"),
    "a pair": (("study.toml", "--pair", "three*"), "--pair 'three*' is none of study"),
    "a picture": (("study.toml", "--plot", "a.png"), "name a file that ends in .svg"),
    "no folder": (("study.toml", "--out", "absent/a.json"), "cannot write absent/a.json"),
    "a folder": (("study.toml", "--out", "."), ". is a folder; name a file in it"),
    "a folder to go on": (("study.toml", "--out", ".", "--resume"), ". is a folder"),
    "a picture nowhere": (("study.toml", "--plot", "absent/a.svg"), "absent/a.svg cannot be"),
    "one file": (("compare", str(GOLDEN)), "compare takes two files of measurements, not 1"),
    "options": (("compare", "--quick", "a", "b"), "--quick is for measuring; compare measures"),
    "inputs of a study": (
        ("study.toml", "--inputs-from", "a.py:make"),
        "study.toml says itself what it runs on: leave --inputs-from out",
    ),
    "no function": (("net.py:Net", "--inputs-from", "a.py"), "'a.py' names no function"),
    "inputs twice": (("n.py:N", "-i", "f32[1]", "--inputs-from", "a.py:b"), "give one of them"),
    "their own batch": (
        ("torch.nn:Linear(4, 2)", "-i", "input=f32[3,4]", "--batch", "2"),
        "say their own batch: change those, and leave --batch out",
    ),
    "a list of two": (
        ("--list", "blocks", "networks"),
        "one study at a time; leave 'networks' out",
    ),
    "a list of none": (("--list", "nonesuch"), "A study is one of factorizations"),
    "a list with inputs": (("--list", "-i", "f32[1,3,9,9]"), "inputs are of a model: name it"),
}


@pytest.mark.parametrize(("arguments", "message"), NONSENSE.values(), ids=NONSENSE)
def test_nonsense(
    costlab: Costlab, device: Device, arguments: tuple[str, ...], message: str
) -> None:
    """What cannot be is refused before anything is measured, with what would be right."""
    backend = device()
    found = costlab("bench", *arguments)
    assert (found.code, found.out) == (2, "")
    assert message in found.err
    assert ("ceilings", "") not in backend.steps


@pytest.mark.parametrize(
    ("text", "message"),
    [("pair,side,arm\n", "is not JSON"), ("{}", "is not a costlab document")],
)
def test_what_cannot_be_compared(costlab: Costlab, tmp_path: Path, text: str, message: str) -> None:
    """A file that is no document of ours is told with a remedy that is about the bench."""
    (tmp_path / "one.csv").write_text(text, encoding="utf-8")
    found = costlab("bench", "compare", str(tmp_path / "one.csv"), str(GOLDEN))
    assert (found.code, found.out) == (2, "")
    assert message in found.err
    assert "`costlab bench STUDY --out FILE` wrote" in found.err
    assert "costlab report" not in found.err


def test_pictures_without_matplotlib(
    costlab: Costlab, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is measured for a picture that cannot be drawn."""
    backend = device()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    found = costlab("bench", "study.toml", "--plot", "a.svg")
    assert found.code == 2
    assert "pip install 'costlab[plot]'" in found.err
    assert backend.steps == []


def test_options_of_reports_are_refused(costlab: Costlab) -> None:
    """Measurements have no blocks to choose from."""
    found = costlab("show", str(GOLDEN), "--top", "3")
    assert found.code == 2
    assert "--top chooses from a report; this is none" in found.err


def test_a_model_that_is_not_there_is_told_at_once(costlab: Costlab, device: Device) -> None:
    """Before ceilings, once, and not as a note of each case."""
    backend = device()
    text = TOML.replace("conv3x3(inputs=4)", "conv3x3(inputs=-4)")
    Path("broken.toml").write_text(text, encoding="utf-8")
    found = costlab("bench", "broken.toml")
    assert (found.code, found.out) == (2, "")
    assert "nothing can be measured: " in found.err
    assert found.err.count("inputs=-4") == 1
    assert ("ceilings", "") not in backend.steps


def test_a_busy_gpu_is_refused_or_forced(
    costlab: Costlab, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 2 and nothing kept; with --force it is measured, and the document says so."""

    def busy(_device: Pretended, *, force: bool) -> tuple[str, ...]:
        return judged((Process(77, None),), force=force)

    device()
    monkeypatch.setattr(Pretended, "refuse_if_busy", busy)
    words = ("bench", "study.toml", "--batch", "1", "--out", "a.json")
    found = costlab(*words)
    assert found.code == 2
    assert "1 other process uses the GPU (77)" in found.err
    assert "--force" in found.err
    assert not Path("a.json").exists()
    assert costlab(*words, "--force").code == 0
    kept = load("a.json")
    assert isinstance(kept, Measurements)
    assert "1 other process uses the GPU (77); measured with --force" in kept.notes
