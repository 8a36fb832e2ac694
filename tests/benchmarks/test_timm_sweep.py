"""The sweep over timm's models: it goes on, it outlives its processes, and says how far it is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import typer

from benchmarks import _environment, _pool, timm_sweep
from tests.benchmarks.workers import at_once, dies_of
from tests.torchvision_shim import torchvision

if TYPE_CHECKING:
    from pathlib import Path

SMALL = ["test_byobnet", "test_resnet", "test_vit"]
"""The smallest models that timm registers; it has them for tests."""


def test_each_name_comes_back_also_behind_one_that_dies(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that dies takes no other model with it, and is told as such."""
    monkeypatch.setattr(_pool, "TASKS", 3)
    names = ["one", "dead", "three", "four", "dead too", "six", "seven"]
    told = dict(_pool.each(names, 2, dies_of, at_once))
    assert sorted(told) == sorted(names)
    for name, found in told.items():
        expected = _pool.DIED if name.startswith("dead") else len(name)
        assert found.get("error", found.get("length")) == expected
    processes = {found["process"] for found in told.values() if "process" in found}
    assert len(processes) > 2  # new ones take the place of those that have done enough


@pytest.fixture
def swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a sweep over three small models keeps what it finds."""
    torchvision()  # which timm imports
    pytest.importorskip("timm")
    monkeypatch.setattr(_environment, "RESULTS", tmp_path)
    monkeypatch.setattr(timm_sweep, "_names", lambda: SMALL)
    monkeypatch.setattr(timm_sweep, "KEEP_EACH", 1)
    monkeypatch.setattr(timm_sweep, "SAMPLED_S", 0.2)
    monkeypatch.setattr(timm_sweep, "each", lambda todo, _cores, work, _prepare: map(work, todo))
    return tmp_path / "timm.json"


def kept(path: Path) -> dict[str, Any]:
    """What a sweep has kept."""
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def test_a_sweep_goes_on_and_begins_anew_with_other_code(
    swept: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """What is there is not counted again, unless the code that counts has changed."""
    timm_sweep.main(only="test_[bv]*")
    first = kept(swept)
    assert list(first["models"]) == ["test_byobnet", "test_vit"]
    assert all(found["macs"] > 0 for found in first["models"].values())
    told = capfd.readouterr().err
    assert ("1 of 2 models" in told, "2 of 2 models" in told) == (True, True)
    assert "\x1b" not in told

    timm_sweep.main()
    second = kept(swept)
    assert list(second["models"]) == SMALL
    for name in first["models"]:  # their times would differ if they had been measured again
        assert second["models"][name] == first["models"][name]
    assert second["swept_s"] > first["swept_s"] > 0
    assert "1 of 1 models" in capfd.readouterr().err

    timed = timm_sweep.slowest(second["models"])
    assert sorted(timed) == SMALL
    assert list(second["slowest"]) == timed
    for found in second["slowest"].values():
        assert sum(found["where"].values()) > 0
        assert found["calls"]["linear"] > 0

    monkeypatch.setattr(timm_sweep, "fingerprint", lambda: "another")
    with pytest.raises(typer.BadParameter, match="3 kept models were counted by other code"):
        timm_sweep.main(only="test_vit")
    assert kept(swept) == second  # what is there is not lost for a part of it
    monkeypatch.setattr(timm_sweep, "_names", lambda: SMALL[:2])
    timm_sweep.main()
    assert list(kept(swept)["models"]) == SMALL[:2]
    assert "all are counted anew" in capfd.readouterr().err


def test_the_fingerprint_is_that_of_the_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It changes with what counts, and not with a command or a page."""
    import costlab

    house = tmp_path / "costlab"
    for name in ("ops/linear.py", "cli/report.py"):
        (house / name).parent.mkdir(parents=True)
        (house / name).write_text("one = 1\n", encoding="utf-8")
    monkeypatch.setattr(costlab, "__file__", str(house / "__init__.py"))
    before = timm_sweep.fingerprint()
    (house / "cli/report.py").write_text("one = 2\n", encoding="utf-8")
    assert timm_sweep.fingerprint() == before
    (house / "ops/linear.py").write_text("one = 2\n", encoding="utf-8")
    assert timm_sweep.fingerprint() != before
