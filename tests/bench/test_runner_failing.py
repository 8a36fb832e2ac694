"""What fails in a run: it stays with its case, is told, and the other cases are measured."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from costlab.bench.document import Measurements
from costlab.bench.runner import run
from costlab.bench.seams import ArmError
from costlab.bench.study import Pair, Subject
from costlab.errors import UsageError
from costlab.render.bench_rows import entries
from tests.bench.pretended import (
    AXES,
    ONE,
    REQUEST,
    STUDY,
    Pretended,
    failing,
    measured,
    out_of_memory,
)


def test_a_place_that_cannot_be_written_is_known_at_once() -> None:
    """Nothing is measured for a file that cannot be written."""

    def keep(found: Measurements) -> None:
        raise UsageError(f"no place for {len(found.cases)}")

    backend = Pretended()
    with pytest.raises(UsageError, match="no place for 0"):
        run(REQUEST, backend, keep=keep)
    assert ("ceilings", "") not in backend.steps


def test_a_disk_that_fills_up_loses_nothing() -> None:
    """What can no longer be kept still comes back, with a note."""

    def keep(found: Measurements) -> None:
        if found.cases:
            raise UsageError("no space left")

    found = run(REQUEST, Pretended(), keep=keep).found
    assert found.complete
    assert "It could not be kept: no space left." in found.notes


def test_out_of_memory_marks_the_case() -> None:
    """A side with no room has the error and no samples; the next case is measured."""
    found = measured(failing("prepare", "two", out_of_memory()))
    first, second = found.cases
    assert first.variant.error.startswith("out of memory: 2.0 GiB")
    assert (first.baseline.error, first.variant.samples_s, first.comparison) == ("", (), None)
    assert first.variant.macs > 0
    assert second.comparison is not None
    assert found.complete


@pytest.mark.parametrize("at", [1, 2], ids=["before", "after"])
def test_a_wrong_arm_has_no_speed(at: int) -> None:
    """An arm that is wrong, before or after it was timed, has the error and nothing compared."""
    wrong = ArmError("two is wrong: its error is 0.3, and 0.001 is tolerated")
    case = measured(failing("check", "two", wrong, at)).cases[0]
    assert case.variant.error == str(wrong)
    # Only what was timed before it was known to be wrong is kept, and told by no table.
    assert (case.variant.samples_s != ()) is (at > 1)
    assert [row.case.key for row in entries(Measurements("", {}, (case,)))] == []
    assert (case.comparison, case.explanation, case.models) == (None, None, None)


def test_an_arm_that_breaks_while_it_is_timed() -> None:
    """What a call raises is the error of its side, and the next case is measured."""
    found = measured(failing("call", "two", RuntimeError("device-side assert\nat 0x0"), 5))
    error = found.cases[0].variant.error
    assert re.fullmatch(r"RuntimeError \[.*:\d+\]: device-side assert\nat 0x0", error)
    assert found.cases[0].variant.samples_s == ()
    assert found.cases[1].comparison is not None


def test_samples_from_before_a_failure_are_kept() -> None:
    """A side that breaks after it was timed for a while: both sides keep what was measured."""
    whole = Pretended()
    measured(whole)
    calls = whole.steps.count(("call", "two"))
    case = measured(failing("call", "two", RuntimeError("it broke"), calls - 2)).cases[0]
    assert case.baseline.error == ""
    assert re.fullmatch(r"RuntimeError \[.*:\d+\]: it broke", case.variant.error)
    assert len(case.variant.samples_s) >= 5
    assert len(case.baseline.samples_s) >= 5
    assert case.comparison is None
    assert entries(Measurements("", {}, (case,))) == []


def test_times_stand_without_a_profiler() -> None:
    """A profiler that fails takes nothing but the kernels away."""
    case = measured(failing("kernels", "two", RuntimeError("no CUPTI"))).cases[0]
    assert case.comparison is not None
    assert case.variant.kernels is None
    assert case.baseline.kernels is not None


def test_times_stand_without_ceilings() -> None:
    """Without ceilings there is a note and no roofline, but every time."""
    found = measured(failing("ceilings", "", ArmError("no room for a matrix")))
    assert found.notes == ("The ceilings could not be measured: no room for a matrix.",)
    assert all(case.comparison and case.models is None for case in found.cases)


def test_identical_arms_that_cannot_be_compared() -> None:
    """If the first arm does not run, the next is taken; a note says why."""
    found = measured(failing("prepare", "one", out_of_memory()))
    assert found.null is not None
    assert found.notes[0].startswith("Identical arms could not be compared: out of memory")


def test_a_model_that_does_not_build_marks_its_case() -> None:
    """A subject that is no model is told, and the others are measured."""
    broken = Subject("broken", "conv3x3(inputs=-1)", (4, 8, 8))
    pairs = (Pair("1→broken", broken, ONE), *STUDY.pairs)
    found = run(replace(REQUEST, study=replace(STUDY, pairs=pairs)), Pretended()).found
    assert "inputs=-1" in found.cases[0].variant.error
    assert [case.error for case in found.cases[1:]] == ["", ""]


def test_arms_that_cannot_run_are_told() -> None:
    """An arm that the device has not is left out with a note; no arm at all is an error."""
    some = replace(REQUEST, axes=replace(AXES, arms=("eager", "graph")))
    found = run(some, Pretended()).found
    assert found.notes == ("Arms that cannot run on this device: graph.",)
    assert {case.variant.arm for case in found.cases} == {"eager"}
    none = replace(REQUEST, axes=replace(AXES, arms=("graph",)))
    with pytest.raises(UsageError, match="graph cannot run on this device; its arms are eager"):
        run(none, Pretended())


def test_no_case_is_an_error() -> None:
    """Axes that leave no case are refused before anything is measured."""
    backend = Pretended()
    with pytest.raises(UsageError, match="no case with these axes"):
        run(replace(REQUEST, axes=replace(AXES, batches=())), backend)
    assert ("ceilings", "") not in backend.steps
