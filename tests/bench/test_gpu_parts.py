"""What a GPU study measures in which order, and how it meets trouble, on a pretended clock."""

from __future__ import annotations

import re
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import _gpu_measure, gpu_study
from benchmarks._gpu_asked import Asked
from benchmarks._gpu_ending import BROKEN, TERMINATED, TIME_UP, Ended, ended_by
from benchmarks._gpu_files import Folder, floor_of
from benchmarks._gpu_measure import Measuring
from benchmarks._gpu_pace import estimate_s
from benchmarks._gpu_parts import (
    AGREEMENT,
    MEASURED_NETWORKS,
    NULL,
    PLAN,
    TRAINED,
    Part,
    Slice,
    parts,
)
from benchmarks._gpu_plan import plan
from costlab.bench.document import Measurements
from costlab.bench.gauge import THROTTLE
from costlab.bench.plan import POWER_CAP
from costlab.bench.roofline import GRAPHED
from costlab.bench.studies import FACTORIZATIONS, GRID_REDUCTION
from costlab.bench.study import Pair
from costlab.errors import UsageError
from tests.bench.pretended import AXES, ONE, STUDY, Pretended, out_of_memory
from tests.bench.pretended import PLAN as PRETENDED

REFERENCE = replace(STUDY, name="identical-arms", pairs=(Pair("1 twice", ONE, ONE),))
PRETENDED_PARTS = (
    Part(2, "ceilings", (Slice(REFERENCE, AXES, PRETENDED),)),
    Part(3, "pairs", (Slice(STUDY, AXES, PRETENDED),)),
)


def measuring(folder: Path, backend: Pretended, *, end_s: float = 1e9) -> Measuring:
    """A process that measures, as if it were one."""
    return Measuring(Folder(folder), backend, end_s)


@pytest.fixture(autouse=True)
def _pretended_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_gpu_measure, "parts", lambda *, tiny: PRETENDED_PARTS if not tiny else ())


def keys(folder: Path) -> list[str]:
    """The cases of the pretended study."""
    return sorted(Folder(folder).measured("pretended"))


def test_the_whole_network_is_held_against_each_other_arm() -> None:
    """In bf16 at batch 1, 32 and 256; first what max-autotune makes, which is a graph as well."""
    (part,) = (part for part in parts() if part.number == 9)
    cases = [case for piece in part.slices for case in piece.cases()]
    assert {case.pair for case in cases} == {"inception_v3"}
    assert {case.variant.arm for case in cases} == {"best-blocks"}
    others = ("autotune-graph", "graph", "compile", "eager")
    told = [(case.batch, case.baseline.arm) for case in cases]
    assert told == [(batch, other) for batch in (1, 32, 256) for other in others]
    assert {case.precision for case in cases} == {"bf16"}
    assert {"autotune-graph", "best-blocks"} <= GRAPHED


def test_ours_is_measured_wherever_the_kernels_take_it() -> None:
    """On every factorization and grid reduction, in bf16 and as TF32, at each batch."""
    cases = {
        (case.pair, case.precision, case.batch)
        for part in parts()
        for piece in part.slices
        for case in piece.cases()
        if case.variant.arm == "ours" and (case.layout, case.regime) == ("nhwc", "cold")
    }
    pairs = [pair.name for study in (FACTORIZATIONS, GRID_REDUCTION) for pair in study.pairs]
    assert cases == {
        (pair, precision, batch)
        for pair in pairs
        for precision in ("bf16", "tf32")
        for batch in (1, 32, 256)
    }


def test_what_matters_most_comes_first() -> None:
    """bf16 in cold at batch 256 and 32 before batch 1, before tf32, before warm; then networks."""
    third, fourth = (part for part in parts() if part.number in {3, 4})
    cases = [case for piece in third.slices for case in piece.cases()]
    told: list[object] = [
        (case.precision, case.batch > 1, case.regime, case.layout) for case in cases
    ]
    order = [
        ("bf16", True, "cold", "nhwc"),
        ("bf16", False, "cold", "nhwc"),
        ("tf32", True, "cold", "nhwc"),
        ("bf16", False, "warm", "nhwc"),
        ("bf16", True, "cold", "nchw"),
    ]
    places = [told.index(one) for one in order]
    assert places == sorted(places)
    assert {case.batch for case in cases} == {1, 32, 256}
    assert {case.variant.arm for case in cases} >= {"eager", "graph", "compile", "cudnn-fused"}
    whole = [case for piece in fourth.slices for case in piece.cases()]
    assert {case.study for case in whole} == {"blocks", "networks"}
    inferred = {(c.pair, c.batch) for c in whole if not c.variant.subject.training}
    assert {(name, batch) for name in MEASURED_NETWORKS for batch in (1, 32, 256)} <= inferred
    assert {c.pair for c in whole if c.variant.subject.training} == set(TRAINED)


def test_what_is_asked_first_takes_about_three_calls() -> None:
    """Parts 1 to 6 fit into some twenty-five minutes, by what cases are taken to last."""
    lines = list(plan(parts(), Folder(Path("nowhere")), 0))
    first_s = sum(one.left_s for one in lines if one.is_part and int(one.title[0]) <= AGREEMENT)
    assert 15 * 60 < first_s < 27 * 60


def test_every_arm_meets_every_pair_in_the_end() -> None:
    """Taken together, the parts measure each pair in bf16 and tf32, in all arms, cold and warm."""
    cases = [case for part in parts() for piece in part.slices for case in piece.cases()]
    pairs = {pair.name for study in (FACTORIZATIONS, GRID_REDUCTION) for pair in study.pairs}
    for arm in ("eager", "graph", "compile", "cudnn-fused"):
        for batch in (1, 32, 256):
            for precision in ("bf16", "tf32"):
                met = {
                    case.pair
                    for case in cases
                    if (case.variant.arm, case.batch, case.precision) == (arm, batch, precision)
                }
                assert pairs <= met, (arm, batch, precision)
    assert pairs <= {case.pair for case in cases if case.regime == "warm"}


def test_a_case_is_planned_once() -> None:
    """A case of two parts counts in the first of them alone."""
    lines = list(plan(parts(), Folder(Path("nowhere")), 0))
    keys = {
        (piece.study.name, case.key)
        for part in parts()
        for piece in part.slices
        for case in piece.cases()
    }
    assert sum(line.cases for line in lines if line.is_sum) == len(keys)


def test_every_named_pair_is_one_of_its_study() -> None:
    """No axis of the plan names a pair that there is not: it would be measured never."""
    for part in parts():
        for piece in part.slices:
            assert set(piece.axes.pairs) <= {pair.name for pair in piece.study.pairs}
            assert list(piece.cases())


def test_the_power_cap_is_tolerated() -> None:
    """The one reason that the plan tolerates is one that the gauge tells; a hot board is none."""
    assert PLAN.tolerated == NULL.tolerated == (POWER_CAP,)
    assert POWER_CAP in THROTTLE.values()
    assert "hardware thermal slowdown" not in PLAN.tolerated


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
