"""`costlab bench` that could not measure all that was asked for: its words, its exit code."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from costlab.bench.document import Measurements
from costlab.bench.seams import ArmError
from costlab.store import load
from tests.bench.pretended import Pretended
from tests.cli.pretending import GOLDEN, TOML, Device, chosen

if TYPE_CHECKING:
    from tests.cli.conftest import Costlab

ASKED = "error: not all that was asked for was measured: "


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Device:
    """A function that makes the pretended backend the one that is chosen."""
    return chosen(monkeypatch, tmp_path)


def test_a_case_that_fails_is_no_success(costlab: Costlab, device: Device) -> None:
    """The others are shown, and the exit code is 2, with the name of the case."""
    # Once in the null arm, twice in the first case; this is the second.
    device(trouble={("check", "one"): (1 + 2 + 1, ArmError("its outputs are wrong"))})
    found = costlab("bench", "study.toml", "--out", "a.json")
    assert found.code == 2
    assert found.out.count("FASTER") == 1
    assert "Not measured: one → two · b2: its outputs are wrong." in found.out
    assert f"{ASKED}1 of 2 cases failed (one → two · b2)" in found.err
    assert costlab("show", "a.json").code == 0


def test_a_run_that_is_not_complete_is_no_success(costlab: Costlab, device: Device) -> None:
    """A script can tell that time was short; with enough of it the exit code is 0."""
    device()
    found = costlab("bench", "study.toml", "--minutes", "0.16", "--out", "a.json")
    assert found.code == 2
    kept = load("a.json")
    assert isinstance(kept, Measurements)
    assert len(kept.cases) == 1
    assert not kept.complete
    assert f"{ASKED}no time was left for others (--minutes gives more)" in found.err
    device()
    assert costlab("bench", "study.toml", "--out", "a.json", "--resume").code == 0


def test_an_arm_that_was_named_and_cannot_run_is_no_success(
    costlab: Costlab, device: Device
) -> None:
    """Where a study's own axes have it, it is noted and no failure."""
    device()
    found = costlab("bench", "study.toml", "--arm", "eager,graph")
    assert found.code == 2
    assert f"{ASKED}graph cannot run on this device" in found.err
    text = TOML.replace('arms = ["eager"]', 'arms = ["eager", "graph"]')
    Path("graph.toml").write_text(text, encoding="utf-8")
    device()
    found = costlab("bench", "graph.toml")
    assert (found.code, found.err) == (0, "")
    assert "Arms that cannot run on this device: graph." in found.out


def test_nothing_measured_has_no_table(
    costlab: Costlab, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason stands on stderr, once, whatever figures are in it; JSON is written anyway."""
    step = Pretended.step

    def failing(self: Pretended, what: str, of: str = "") -> None:
        step(self, what, of)
        if (what, of) == ("check", "two"):
            raise ArmError(f"{len(self.steps)} GiB are missing")

    monkeypatch.setattr(Pretended, "step", failing)
    for form, begins in (("text", ""), ("json", "{")):
        device()
        found = costlab("bench", "study.toml", "--format", form)
        assert found.code == 2
        assert found.out[:1] == begins
        assert found.err.count("GiB are missing") == 1
        assert found.err.startswith("error: nothing could be measured: ")


def test_a_damaged_document_is_measured_anew(costlab: Costlab, tmp_path: Path) -> None:
    """What is left of a document of measurements says which command writes such a one."""
    text = GOLDEN.read_text(encoding="utf-8")
    cut = tmp_path / "cut.json"
    cut.write_text(text[: len(text) // 2], encoding="utf-8")
    found = costlab("show", str(cut))
    assert found.code == 2
    assert "Measure anew with `costlab bench STUDY --out FILE`." in found.err
    assert "costlab report" not in found.err
    compared = costlab("bench", "compare", str(cut), str(GOLDEN)).err
    assert "Measure anew" not in compared
    assert "`costlab bench STUDY --out FILE` wrote" in compared


def test_a_model_without_inputs_is_proposed_to_the_bench(costlab: Costlab, device: Device) -> None:
    """The command that can be copied is the one that was typed."""
    device()
    found = costlab("bench", "torch.nn:Linear(4, 2)", "--quick")
    assert found.code == 2
    assert "costlab bench 'torch.nn:Linear(4, 2)' --input '" in found.err
    assert "costlab report" not in found.err


def test_what_is_no_study_is_told_first(costlab: Costlab, device: Device) -> None:
    """A slip in a study's name is not called a network that is missing; nor is a document."""
    device()
    slip = costlab("bench", "factorizatons").err
    assert slip.startswith(
        "error: no study is called 'factorizatons'. Did you mean factorizations?"
    )
    document = costlab("bench", "old.json").err
    assert "`costlab show old.json` shows it" in document
    assert "Did you mean" not in document
