"""`costlab bench`: what it asks for, keeps and shows, on a pretended device."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from costlab.bench import backends
from costlab.bench.document import Measurements
from costlab.bench.studies import FACTORIZATIONS
from costlab.cli.measuring import axes_of
from costlab.errors import UsageError
from costlab.store import load
from tests.bench import pretended
from tests.bench.pretended import Pretended, out_of_memory

if TYPE_CHECKING:
    from tests.cli.conftest import Costlab

Device = Callable[..., Pretended]
GOLDEN = Path(__file__).parents[1] / "golden" / "bench.json"
TOML = """
[subjects.one]
model = "conv3x3(inputs=4)"
[subjects.two]
model = "conv3x3(inputs=4)"
[[pairs]]
baseline = "one"
variant = "two"
[axes]
batches = [1, 2]
precisions = ["fp32"]
finishes = ["bare"]
arms = ["eager"]
"""


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Device:
    """A function that makes the pretended backend the one that is chosen."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "study.toml").write_text(TOML, encoding="utf-8")

    def make(**given: object) -> Pretended:
        backend = Pretended(**given)  # type: ignore[arg-type]
        monkeypatch.setattr(backends, "choose", lambda name: backend)  # noqa: ARG005
        return backend

    return make


def test_a_study_is_measured_and_shown(costlab: Costlab, device: Device) -> None:
    """The table goes to stdout, and nothing to stderr; the exit code is 0."""
    device()
    found = costlab("bench", "study.toml")
    assert (found.code, found.err) == (0, "")
    assert found.out.startswith("study · fp32 · nhwc · bare · cold\n")
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


def test_what_is_kept_is_gone_on_with(costlab: Costlab, device: Device) -> None:
    """A file is not written over; `--resume` measures what it lacks, and needs a file's name."""
    device()
    assert costlab("bench", "study.toml", "--batch", "1", "--out", "a.json").code == 0
    again = costlab("bench", "study.toml", "--out", "a.json")
    assert again.code == 2
    assert "a.json is there already; --resume goes on with it" in again.err
    backend = device()
    assert costlab("bench", "study.toml", "--out", "a.json", "--resume").code == 0
    assert [name for what, name in backend.steps if what == "prepare"] == ["one", "one", "two"]
    whole = load("a.json")
    assert isinstance(whole, Measurements)
    assert [case.batch for case in whole.cases] == [1, 2]
    assert "name it with --out FILE" in costlab("bench", "study.toml", "--resume").err
    other = costlab("bench", "study.toml", "--out", "net.json", "--resume")
    assert other.code == 0  # there is no such file yet


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("{}", "is not a costlab document"),
        ('{"schema": "costlab.bench/2"}', "is newer than this costlab"),
        ('{"schema": "costlab.bench/1"}', "the measurements are damaged"),
    ],
)
def test_what_cannot_be_gone_on_with(
    costlab: Costlab, device: Device, document: str, message: str
) -> None:
    """A file of another kind or version is refused, and stays as it is."""
    backend = device()
    Path("a.json").write_text(document, encoding="utf-8")
    found = costlab("bench", "study.toml", "--out", "a.json", "--resume")
    assert (found.code, found.out) == (2, "")
    assert message in found.err
    assert "delete it, or give --out another file" in found.err
    assert "costlab report" not in found.err
    assert Path("a.json").read_text(encoding="utf-8") == document
    assert backend.steps == []


def test_another_device_is_refused(costlab: Costlab, device: Device) -> None:
    """What was measured on another device is not gone on with."""
    device()
    costlab("bench", "study.toml", "--out", "a.json")
    device(device="another")
    found = costlab("bench", "study.toml", "--out", "a.json", "--resume")
    assert found.code == 2
    assert "measured with another device ('a pretended device'; here it is 'another')" in found.err


def test_an_interruption_shows_what_there_is(costlab: Costlab, device: Device) -> None:
    """Ctrl-C ends with 130; the table has what was measured, the file too, and `--resume` works."""
    # The baseline is checked once for the null arm and twice a case: this is the second case.
    device(trouble={("check", "one"): (1 + 2 + 1, KeyboardInterrupt())})
    found = costlab("bench", "study.toml", "--out", "a.json")
    assert found.code == 130
    assert found.out.count("FASTER") == 1
    assert "interrupted after 1 cases; --out a.json --resume goes on" in found.err
    device()
    assert costlab("bench", "study.toml", "--out", "a.json", "--resume").code == 0
    assert json.loads(Path("a.json").read_text(encoding="utf-8"))["complete"]


def test_a_termination_is_met_in_the_same_way(
    costlab: Costlab, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGTERM in the second case: the first is kept; the handler is as before afterwards."""
    backend = device()
    before = signal.getsignal(signal.SIGTERM)
    step = Pretended.step

    def terminated(self: Pretended, what: str, of: str = "") -> None:
        step(self, what, of)
        if what == "prepare" and self.steps.count(("prepare", "two")) == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(Pretended, "step", terminated)
    found = costlab("bench", "study.toml", "--out", "a.json")
    assert found.code == 128 + signal.SIGTERM
    assert backend.open == []
    kept = load("a.json")
    assert isinstance(kept, Measurements)
    assert [case.batch for case in kept.cases] == [1]
    assert signal.getsignal(signal.SIGTERM) == before


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
    "a list of one": (("--list", "blocks"), "--list lists the studies; leave 'blocks' out"),
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


def test_a_resumed_run_says_so(costlab: Costlab, device: Device) -> None:
    """Under the table stands which cases are of an earlier run, and by what they were judged."""
    device()
    costlab("bench", "study.toml", "--batch", "1", "--out", "a.json")
    device()
    found = costlab("bench", "study.toml", "--out", "a.json", "--resume")
    assert "Resumed: 1 case were measured" not in found.out
    assert "Resumed: 1 case of an earlier run" in " ".join(found.out.split())
