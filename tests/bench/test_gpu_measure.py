"""How a GPU study measures its parts, and how it meets trouble, on a pretended clock."""

from __future__ import annotations

import re
import signal
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from benchmarks import _gpu_measure, gpu_study
from benchmarks._gpu_asked import Asked
from benchmarks._gpu_ending import BROKEN, TERMINATED, TIME_UP, Ended, ended_by
from benchmarks._gpu_files import Folder, floor_of
from benchmarks._gpu_measure import Measuring
from benchmarks._gpu_pace import estimate_s
from benchmarks._gpu_parts import PLAN, Part, Slice
from costlab.bench.allotment import Allotment
from costlab.bench.document import Ceilings, Measurements
from costlab.bench.kernels import tuning
from costlab.bench.kernels.tilings import Tiling
from costlab.bench.study import Pair
from costlab.errors import UsageError
from tests.bench.pretended import AXES, ONE, STUDY, Pretended, out_of_memory
from tests.bench.pretended import PLAN as PRETENDED

if TYPE_CHECKING:
    from pathlib import Path

REFERENCE = replace(STUDY, name="identical-arms", pairs=(Pair("1 twice", ONE, ONE),))
PRETENDED_PARTS = (
    Part(2, "ceilings", (Slice(REFERENCE, AXES, PRETENDED),)),
    Part(3, "pairs", (Slice(STUDY, AXES, PRETENDED),)),
)


def measuring(folder: Path, backend: Pretended, *, end_s: float = 1e9) -> Measuring:
    """A process that measures, as if it were one."""
    return Measuring(Folder(folder), backend, end_s)


@pytest.fixture(autouse=True)
def _pretended_parts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(_gpu_measure, "parts", lambda *, tiny: PRETENDED_PARTS if not tiny else ())


def keys(folder: Path) -> list[str]:
    """The cases of the pretended study."""
    return sorted(Folder(folder).measured("pretended"))


def test_the_pretended_study_is_measured(tmp_path: Path) -> None:
    """Ceilings and noise are measured once, in the part before, and stand in every document."""
    backend = Pretended()
    measuring(tmp_path, backend).go(list(PRETENDED_PARTS))
    assert len(keys(tmp_path)) == 2
    assert backend.steps.count(("ceilings", "")) == 1
    reference, found = (Folder(tmp_path).document(n) for n in ("identical-arms", "pretended"))
    assert reference is not None
    assert found is not None
    assert found.complete
    assert found.null == floor_of(reference)
    assert found.ceilings == reference.ceilings
    assert found.environment["plan"]["tolerated"] == list(PRETENDED.tolerated)
    assert backend.open == []


def test_ceilings_that_are_beaten_begin_no_case(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are measured once more within their own limit, and the case is kept for all that."""
    limits: list[float] = []

    class Low(Pretended):
        def ceilings(self, limit_s: float) -> Ceilings:
            limits.append(limit_s)
            found = super().ceilings(limit_s)
            return replace(found, flops_per_s={"fp32": 1.0}, copy_bytes_per_s=1.0)

    measuring(tmp_path, Low()).go(list(PRETENDED_PARTS[:1]))
    before = len(limits)
    measuring(tmp_path, Low()).go(list(PRETENDED_PARTS[1:]))
    assert len(limits) > before
    assert max(limits) <= _gpu_measure.CEILINGS_S
    assert "part 3: ceilings, as they were beaten" in capsys.readouterr().out
    assert (len(keys(tmp_path)), Folder(tmp_path).record()["current"]) == (2, None)


def test_tilings_go_along_to_the_next_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the tuner chose is kept with the results, and known to a machine without a cache."""
    out, chosen = tmp_path / "out", Tiling(64, 32, 32)
    out.mkdir()
    tuning.keep("conv", chosen)
    measuring(out, Pretended()).go(list(PRETENDED_PARTS))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "another"))
    assert tuning.kept("conv") is None
    measuring(out, Pretended()).go(list(PRETENDED_PARTS))
    assert tuning.kept("conv") == chosen


def test_a_hopeless_case_takes_half_a_minute_at_most() -> None:
    """The run has no limit of its own, and what a case may take for want of pairs has one."""
    timer, case = Pretended().timer, next(Slice(STUDY, AXES).cases())
    end_s = timer.wait_s() + 1e6
    assert Allotment(timer, PLAN, end_s).share([case]).patience_s == PLAN.patience_s == 30
    usual = Allotment(timer, replace(PLAN, patience_s=0.0), end_s)
    assert usual.share([case]).patience_s > 9e5


def test_nothing_is_measured_twice(tmp_path: Path) -> None:
    """A second call finds everything done."""
    measuring(tmp_path, Pretended()).go(list(PRETENDED_PARTS))
    again = Pretended()
    measuring(tmp_path, again).go(list(PRETENDED_PARTS))
    assert [step for step in again.steps if step[0] in {"prepare", "ceilings"}] == []


def test_no_case_is_begun_without_time(tmp_path: Path) -> None:
    """A case that needs longer than what is left is left for another call; what was done stays."""
    with pytest.raises(Ended) as ended:
        measuring(tmp_path, Pretended(), end_s=time.monotonic() + 0.01).go(list(PRETENDED_PARTS))
    assert ended.value.code == TIME_UP
    assert keys(tmp_path) == []
    measuring(tmp_path, Pretended()).go(list(PRETENDED_PARTS))
    assert len(keys(tmp_path)) == 2


def test_a_failed_case_does_not_end_the_study(tmp_path: Path) -> None:
    """Out of memory is kept with its case, and the next is measured."""
    backend = Pretended(trouble={("prepare", "two"): (1, out_of_memory())})
    measuring(tmp_path, backend).go(list(PRETENDED_PARTS))
    found = Folder(tmp_path).document("pretended")
    assert found is not None
    assert [bool(case.error) for case in found.cases] == [True, False]


def test_a_broken_device_ends_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a failure that the device does not survive, no other case fails because of it."""
    backend = Pretended(trouble={("prepare", "two"): (1, RuntimeError("CUDA error: misaligned"))})
    monkeypatch.setattr(Measuring, "_usable", lambda self: not self.backend.trouble)
    with pytest.raises(Ended) as ended:
        measuring(tmp_path, backend).go(list(PRETENDED_PARTS))
    assert ended.value.code == BROKEN
    assert len(keys(tmp_path)) == 1
    measuring(tmp_path, Pretended()).go(list(PRETENDED_PARTS))
    found = Folder(tmp_path).document("pretended")
    assert found is not None
    broken, sound = (case.error for case in found.cases)
    assert re.fullmatch(r"RuntimeError \[.*:\d+\]: CUDA error: misaligned", broken)
    assert sound == ""


def test_another_device_measures_its_own_ceilings(tmp_path: Path) -> None:
    """On another device of the kind the ceilings are measured anew, and the first are kept."""
    measuring(tmp_path, Pretended()).go(list(PRETENDED_PARTS))

    class Other(Pretended):
        def environment(self) -> dict[str, object]:
            return {**super().environment(), "uuid": "another"}

    other = Other()
    measuring(tmp_path, other).go(list(PRETENDED_PARTS))
    assert ("ceilings", "") in other.steps
    earlier = Folder(tmp_path).record()["machines"]
    assert [one["environment"].get("uuid") for one in earlier] == [None]


def test_results_of_another_kind_are_left_alone(tmp_path: Path) -> None:
    """A folder with the results of another kind of device is refused, and stays as it is."""
    measuring(tmp_path, Pretended()).go(list(PRETENDED_PARTS))
    before = (tmp_path / "identical-arms.json").read_text(encoding="utf-8")
    with pytest.raises(UsageError, match="holds results of another device"):
        measuring(tmp_path, Pretended(device="another")).go(list(PRETENDED_PARTS))
    assert (tmp_path / "identical-arms.json").read_text(encoding="utf-8") == before


@pytest.mark.parametrize("number", [signal.SIGALRM, signal.SIGTERM])
def test_a_signal_ends_it_once(number: int) -> None:
    """The first signal raises; a second one, while results are kept, does nothing."""
    raised = []
    with ended_by(time.monotonic() + 60):
        for _ in range(2):
            try:
                signal.raise_signal(number)
            except Ended as ended:
                raised.append(ended.code)
    assert raised == [TIME_UP if number == signal.SIGALRM else TERMINATED]


def test_the_case_that_a_process_died_of_is_passed(tmp_path: Path) -> None:
    """It is kept with how the process died, so that the next process begins behind it."""
    folder = Folder(tmp_path)
    folder.save(Measurements("pretended", {}, ()))
    case = next(iter(STUDY.cases(AXES)))
    folder.note(current=[3, case.key])
    asked = Asked(1.0, folder, "cpu", tiny=False, force=False, parts=PRETENDED_PARTS)
    study = gpu_study.Study(asked, 0.0, [])
    assert study._blame(list(PRETENDED_PARTS), -signal.SIGSEGV)
    found = folder.document("pretended")
    assert found is not None
    assert [(one.key, one.error) for one in found.cases] == [
        (case.key, f"the process died: signal {int(signal.SIGSEGV)}")
    ]
    # It died of no case: to begin another would be of no use.
    assert not study._blame(list(PRETENDED_PARTS), 1)


def test_estimates_follow_what_was_measured() -> None:
    """A case takes what those of its study and arm took on average; else a guess."""
    piece = PRETENDED_PARTS[1].slices[0]
    cases = list(piece.cases())
    assert estimate_s(piece, cases, {"pretended eager": (4, 10.0)}) == 2 * 2.5
    assert estimate_s(piece, cases, {}) > 0
