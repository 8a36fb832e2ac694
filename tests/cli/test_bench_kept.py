"""`costlab bench --out`, and `--resume`: what is kept, gone on with, and shown when interrupted."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from costlab.bench.document import Measurements
from costlab.store import load
from tests.bench.pretended import Pretended
from tests.cli.pretending import Device, chosen

if TYPE_CHECKING:
    from tests.cli.conftest import Costlab


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Device:
    """A function that makes the pretended backend the one that is chosen."""
    return chosen(monkeypatch, tmp_path)


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
    assert "interrupted after 1 case; --out a.json --resume goes on" in found.err
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


def test_a_resumed_run_says_so(costlab: Costlab, device: Device) -> None:
    """Under the table stands which cases are of an earlier run, and by what they were judged."""
    device()
    costlab("bench", "study.toml", "--batch", "1", "--out", "a.json")
    device()
    found = costlab("bench", "study.toml", "--out", "a.json", "--resume")
    assert "Resumed: 1 case were measured" not in found.out
    assert "Resumed: 1 case of an earlier run" in " ".join(found.out.split())
