"""Fresh processes, asked for their kernels: which arms, with which caches, and what is told."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks import _gpu_agreement
from benchmarks._gpu_agreement import QUICK, TUNING, agree, missing, questions, told
from benchmarks._gpu_files import Folder
from benchmarks._gpu_leash import leashed
from benchmarks._gpu_parts import AGREEMENT, SHOWCASE, TUNED
from costlab.bench import backends, fresh
from costlab.bench.document import Measurements
from costlab.bench.kernels import tuning
from costlab.bench.kernels.tilings import Tiling
from costlab.bench.study import Case, Side
from tests.bench.pretended import ONE, Pretended

if TYPE_CHECKING:
    from collections.abc import Sequence

    from costlab.bench.seams import Backend
    from tests.bench.pretended import Made

SIDE = Side(ONE, "eager")
CASE = Case("s", "p", SIDE, SIDE, 1, "fp32", "nhwc", "bare", "warm")


def test_fresh_processes_that_differ_are_named(tmp_path: Path) -> None:
    """Too few processes say nothing; three say where they agree, differ, or could not be asked."""
    one, other = [["conv_a", 1]], [["conv_b", 1]]
    runs: list[dict[str, object]] = [{"x": one, "y": one, "z": one} for _ in range(3)]
    assert told({QUICK.name: {"runs": runs[:2]}}, QUICK) == ""
    assert "the same kernels in 3 of 3 sides" in told({QUICK.name: {"runs": runs}}, QUICK)
    runs[1] = {"x": other, "y": one, "z": "a fresh process failed: no room"}
    said = told({QUICK.name: {"runs": runs}}, QUICK)
    assert "the same kernels in 1 of 2 sides that were asked for, others in: x" in said
    assert said.endswith("not told: z.")
    folder = Folder(tmp_path)
    folder.save(Measurements("factorizations", {}, (), notes=("kept", f"{TUNING[-1].begin} agree")))
    for text in (said, f"{QUICK.begin} agree."):
        folder.say("factorizations", text, QUICK.begin)
    found = folder.document("factorizations")
    assert found is not None
    assert found.notes == ("kept", f"{TUNING[-1].begin} agree", f"{QUICK.begin} agree.")


def test_processes_are_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was chosen is kept after each process, which ends with this one; the rest waits."""
    folder, asked = Folder(tmp_path), []
    folder.agree({"another": {"runs": [{}]}})

    def choose(sides: object, *, run_by: object, **_: object) -> dict[str, object]:
        assert run_by is leashed
        asked.append(sides)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return {"x": [["conv", 1]]}

    monkeypatch.setattr(_gpu_agreement, "choices", choose)
    end_s = time.monotonic() + 1000
    with pytest.raises(KeyboardInterrupt):
        agree(folder.agreed(), QUICK, end_s, folder.agree)
    assert missing(folder.agreed(), QUICK) == 2
    late = agree(folder.agreed(), QUICK, time.monotonic() + 1, folder.agree)
    assert late == "no time was left for 2 of 3 processes"
    assert agree(folder.agreed(), QUICK, end_s, folder.agree) == ""
    assert (len(asked), missing(folder.agreed(), QUICK)) == (4, 0)
    assert folder.agreed()["another"] == {"runs": [{}]}


def test_arms_that_tune_are_asked_too() -> None:
    """Each showcase pair: both sides where cuDNN chooses, its factorization in arms that tune."""
    assert questions(AGREEMENT) == (QUICK,)
    assert QUICK.arms == ("eager", "cudnn-fused")
    assert len(QUICK.sides()) == 2 * 2 * len(SHOWCASE)
    assert questions(TUNED) == TUNING
    assert {arm for one in TUNING for arm in one.arms} == {"ours", "compile-autotune"}
    for one in TUNING:
        assert len(one.sides()) == len(SHOWCASE)
        assert all(side is case.variant for case, side in one.sides().values())
    assert questions(3) == ()


class Answered:
    """A process that answers nothing, and says which caches it was given."""

    given: list[dict[str, str]]
    returncode = 0

    def __init__(self, command: Sequence[str], *, env: dict[str, str], **_: object) -> None:
        assert command[0] == "wrapped"
        self.given.append({name: env[name] for name in fresh.CACHES})
        Path(env["XDG_CACHE_HOME"]).mkdir()

    def communicate(self, *_: object, **__: object) -> tuple[str, str]:
        """No line."""
        return "", ""


def test_each_process_has_caches_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the second would read what the first has chosen; nothing of them stays."""
    Answered.given = []
    monkeypatch.setattr("costlab.bench.fresh.subprocess.Popen", Answered)
    for _ in range(2):
        found = fresh.choices({"x": (CASE, SIDE)}, run_by=lambda command: ["wrapped", *command])
        assert found == {"x": "a fresh process failed: exit code 0"}
    first, second = (set(one.values()) for one in Answered.given)
    assert len(first) == len(second) == len(fresh.CACHES)
    assert not first & second
    assert not first & {os.environ.get(name) for name in fresh.CACHES}
    assert not any(Path(one).exists() for one in first | second)


def test_other_tilings_are_other_choices(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel of ours has one name in all its tilings; so what was chosen is told beside it."""

    class Tuned(Pretended):
        def prepare(self, side: Side, case: Case, seed: int) -> Made:
            tuning.SETTLED["conv 1x1"] = self.tiling  # type: ignore[attr-defined]  # set below
            return super().prepare(side, case, seed)

    monkeypatch.setattr(tuning, "SETTLED", {"of another side": Tiling(16, 16, 16)})
    found: list[Any] = []
    for rows in (32, 64):
        tuning.SETTLED.pop("conv 1x1", None)
        backend: Backend = Tuned()
        backend.tiling = Tiling(rows, 32, 32)  # type: ignore[attr-defined]  # for `prepare` alone
        monkeypatch.setattr(backends, "choose", lambda _, backend=backend: backend)
        asked = {"case": asdict(CASE), "side": asdict(SIDE), "device": "cpu", "seed": 0}
        found.append(fresh.chosen(json.loads(json.dumps(asked))))
    names = [[name for name, _ in one] for one in found]
    assert [len(one) for one in names] == [2, 2]
    assert all("conv_one" in one for one in names)
    assert names[0] != names[1]
