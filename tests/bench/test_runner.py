"""The runner: every case once, whatever fails or interrupts; what was measured is never lost."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from costlab.bench.document import Ceilings, Measurements
from costlab.bench.roofs import beaten
from costlab.bench.runner import Outcome, run
from costlab.bench.seams import ArmError
from costlab.bench.study import Pair, Study, Subject
from costlab.errors import UsageError
from costlab.render.bench_columns import entries
from tests.bench import pretended
from tests.bench.pretended import (
    AXES,
    ONE,
    PLAN,
    PREPARE_S,
    REQUEST,
    STUDY,
    TWO,
    Pretended,
    Step,
    out_of_memory,
)

if TYPE_CHECKING:
    from costlab.bench.progress import Moment


def measured(backend: Pretended, known: Measurements | None = None) -> Measurements:
    """What a run of the pretended study gives."""
    return run(REQUEST, backend, known=known).found


def failing(what: str, of: str, error: BaseException, at: int = 1) -> Pretended:
    """A backend on which a step fails the nth time."""
    return Pretended(trouble={(what, of): (at, error)})


def test_a_study_is_measured() -> None:
    """Each case is told with a ratio that is the clock's, and all that belongs to it."""
    found = measured(Pretended())
    assert found.complete
    assert [case.pair for case in found.cases] == ["1→2", "1→3"]
    faster, slower = (case.comparison for case in found.cases)
    assert faster is not None
    assert slower is not None
    assert (faster.verdict, slower.verdict) == ("FASTER", "SLOWER")
    assert faster.low <= 0.8 * 1.0005
    assert faster.ratio == pytest.approx(0.8, rel=1e-3)
    assert slower.ratio == pytest.approx(1.2, rel=1e-3)
    first = found.cases[0]
    assert first.baseline.macs == 8 * 8 * 4 * 4 * 9
    assert first.baseline.peak_bytes == 4096
    assert first.baseline.kernels is not None
    assert first.baseline.kernels[0].name == "conv_one"
    assert first.models is not None
    assert first.explanation is not None
    assert first.explanation.saving == pytest.approx(1 - faster.ratio)


def test_identical_arms_come_first() -> None:
    """The null arm is the first baseline against itself, and nothing is found between the two."""
    backend = Pretended()
    null = measured(backend).null
    assert null is not None
    assert null.verdict == "SAME"
    assert null.low <= 1 <= null.high
    prepared = [name for what, name in backend.steps if what == "prepare"]
    assert prepared == ["one", "one", "two", "one", "three"]


def test_the_order_of_a_case() -> None:
    """Both sides are prepared, checked, timed, checked again, and only then profiled and closed."""
    backend = Pretended()
    measured(backend)
    begin = len(backend.steps) - 1 - backend.steps[::-1].index(("prepare", "one"))
    order = list(dict.fromkeys(what for what, _ in backend.steps[begin:]))
    assert order == ["prepare", "check", "call", "kernels", "close"]
    checks = [at for at, step in enumerate(backend.steps) if step == ("check", "three")]
    calls = [at for at, step in enumerate(backend.steps) if step == ("call", "three")]
    assert len(checks) == 2
    assert checks[0] < calls[0]
    assert calls[-1] < checks[1] < backend.steps.index(("kernels", "three"))
    assert backend.open == []


def moments() -> list[tuple[Step, int]]:
    """Every step of a run, the first time and the last that it is reached."""
    backend = Pretended()
    measured(backend)
    steps = dict.fromkeys(backend.steps)
    return [(step, at) for step in steps for at in sorted({1, backend.steps.count(step)})]


@pytest.mark.parametrize(("step", "at"), moments(), ids=str)
def test_an_interruption_loses_no_case(step: Step, at: int) -> None:
    """Ctrl-C at any step: what is kept is what comes back, and the next run does the rest."""
    kept: list[Measurements] = []
    backend = failing(*step, KeyboardInterrupt(), at)
    found, interrupted = run(REQUEST, backend, keep=kept.append)
    assert interrupted
    assert not found.complete or step[0] == "close"
    assert [case.pair for case in found.cases] == ["1→2", "1→3"][: len(found.cases)]
    assert all(case.comparison is not None for case in found.cases)
    if kept:
        assert kept[-1] == found
    if step[0] != "close":
        assert backend.open == []
    again = Pretended()
    whole = run(REQUEST, again, known=kept[-1] if kept else None).found
    assert whole.complete
    assert whole.cases[: len(found.cases)] == found.cases
    assert len(whole.cases) == 2
    assert not any("Interrupted" in note for note in whole.notes)


def test_an_interruption_while_keeping() -> None:
    """Ctrl-C while the file is written does not lose the case that was to be written."""
    kept: list[Measurements] = []

    def keep(found: Measurements) -> None:
        if len(found.cases) == 1 and not any(len(one.cases) for one in kept):
            kept.append(found)
            raise KeyboardInterrupt
        kept.append(found)

    found, interrupted = run(REQUEST, Pretended(), keep=keep)
    assert interrupted
    assert len(found.cases) == 1
    assert kept[-1] == found


def test_every_case_is_kept_as_soon_as_it_is_measured() -> None:
    """The document is kept before the first case, after each, and at the end."""
    kept: list[Measurements] = []
    found = run(REQUEST, Pretended(), keep=kept.append).found
    assert [len(one.cases) for one in kept] == [0, 1, 2, 2]
    assert [one.complete for one in kept] == [False, False, True, True]
    assert kept[-1] == found


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


def test_what_is_known_is_not_measured_again() -> None:
    """A resumed run measures the missing case alone: neither ceilings nor the null arm."""
    whole = measured(Pretended())
    known = replace(whole, cases=whole.cases[:1], complete=False)
    backend = Pretended()
    found = measured(backend, known=known)
    assert [name for what, name in backend.steps if what == "prepare"] == ["one", "three"]
    assert ("ceilings", "") not in backend.steps
    assert (found.ceilings, found.null) == (known.ceilings, known.null)
    assert found.cases[0] == known.cases[0]
    assert [case.key for case in found.cases] == [case.key for case in whole.cases]


def test_a_complete_document_needs_no_device() -> None:
    """Nothing is prepared if nothing is missing."""
    backend = Pretended()
    whole = measured(Pretended())
    assert measured(backend, known=whole) == whole
    assert not any(what == "prepare" for what, _ in backend.steps)


@pytest.mark.parametrize(
    ("backend", "study", "message"),
    [
        (Pretended(device="another"), "pretended", "with another device .'a pretended device'"),
        (Pretended(), "blocks", "holds the study 'blocks', not 'pretended'"),
    ],
    ids=["device", "study"],
)
def test_what_is_of_something_else_is_refused(backend: Pretended, study: str, message: str) -> None:
    """A document of another device or study is not gone on with, nor written over."""
    known = replace(measured(Pretended()), study=study)
    kept: list[Measurements] = []
    with pytest.raises(UsageError, match=message):
        run(REQUEST, backend, known=known, keep=kept.append)
    assert kept == []


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
    assert found.cases[0].variant.error == "RuntimeError: device-side assert\nat 0x0"
    assert found.cases[0].variant.samples_s == ()
    assert found.cases[1].comparison is not None


def test_samples_from_before_a_failure_are_kept() -> None:
    """A side that breaks after it was timed for a while: both sides keep what was measured."""
    whole = Pretended()
    measured(whole)
    calls = whole.steps.count(("call", "two"))
    case = measured(failing("call", "two", RuntimeError("it broke"), calls - 2)).cases[0]
    assert (case.baseline.error, case.variant.error) == ("", "RuntimeError: it broke")
    assert len(case.variant.samples_s) >= 5
    assert len(case.baseline.samples_s) >= 5
    assert case.comparison is None
    assert entries(Measurements("", {}, (case,))) == []


def test_the_time_is_up_between_blocks() -> None:
    """A comparison ends with the run's time, not with its own: no block is begun that is late."""
    plan = replace(PLAN, half_width=1e-9, limit_s=60.0)
    request = replace(REQUEST, plan=plan, limit_s=20.0)
    backend = Pretended()
    begun_s = backend.now_s
    found, _ = run(request, backend)
    assert backend.now_s - begun_s < 20.0 + 2 * PREPARE_S + 0.1  # a side under way is made ready
    assert not found.complete
    assert any("time limit" in note for note in found.notes)
    again = run(replace(request, limit_s=300.0), Pretended(), known=found).found
    assert again.complete


def test_how_a_side_ran_stands_with_it() -> None:
    """What a prepared side says of itself is in the document."""
    assert measured(Pretended()).cases[0].variant.how == {"rotates": "springs"}


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


def test_the_time_limit_is_kept_and_told() -> None:
    """When the time is over no case is begun; what is missing is said, and can be gone on with."""
    pairs = tuple(replace(STUDY.pairs[0], name=f"pair {n}") for n in range(50))
    request = replace(REQUEST, study=replace(STUDY, pairs=pairs), limit_s=30.0)
    backend = Pretended()
    found = run(request, backend).found
    assert 0 < len(found.cases) < 50
    assert not found.complete
    missing = 50 - len(found.cases)
    (note,) = found.notes
    assert f"The time limit of 0.5 min left no room for {missing} of 50 cases" in note
    assert "(--minutes)" in note
    assert backend.now_s < 30 + 10
    again = run(request, Pretended(), known=found).found
    assert len(again.cases) > len(found.cases)
    assert len(again.notes) == 1


def test_a_comparison_gets_its_share_of_the_time() -> None:
    """Of little time, each comparison gets a part of its limit, so that some are good."""
    request = replace(REQUEST, limit_s=25.0, plan=replace(PLAN, half_width=1e-9))
    found = run(request, Pretended()).found
    assert all(case.comparison for case in found.cases)
    assert {case.comparison.stopped for case in found.cases if case.comparison} == {"time limit"}


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


def test_a_subject_alone_is_prepared_once() -> None:
    """A subject in one arm has nothing to be compared with but itself."""
    alone = Study("alone", "One", (Pair("2", TWO),), AXES, AXES)
    backend = Pretended()
    case = run(replace(REQUEST, study=alone), backend).found.cases[0]
    assert [name for what, name in backend.steps if what == "prepare"] == [
        "two",
        "two",
    ]
    assert case.comparison is not None
    assert case.comparison.verdict == "SAME"
    assert case.explanation is None


def test_the_wall_clock_has_a_regime_of_its_own() -> None:
    """In the regime wall the host's timer is asked, else never."""
    cold, wall = Pretended(), Pretended()
    run(REQUEST, cold)
    run(replace(REQUEST, axes=replace(AXES, regimes=("wall",))), wall)
    assert ("wall", "") not in cold.steps
    assert ("wall", "") in wall.steps


def test_a_busy_device_is_noted() -> None:
    """Measuring among others, by force, stands in the document."""
    assert "others used it" in run(replace(REQUEST, force=True), Pretended()).found.notes


def test_a_run_tells_what_it_does() -> None:
    """Whoever watches hears of ceilings, of identical arms and of each case, with the time left."""
    heard: list[Moment] = []
    outcome: Outcome = run(REQUEST, Pretended(), watch=heard.append)
    assert outcome.found.complete
    assert [moment.what.split(":")[0].split(",")[0] for moment in heard] == [
        "ceilings",
        "identical arms",
        "1→2",
        "1→3",
    ]
    assert [moment.done for moment in heard] == [0, 0, 0, 1]
    assert [moment.left_s for moment in heard] == sorted(
        (moment.left_s for moment in heard), reverse=True
    )


def test_a_case_that_was_hurried_is_left_for_another_time() -> None:
    """Where the time that is left is too short to compare, the case is as if never begun."""
    short = replace(REQUEST, plan=replace(PLAN, limit_s=0.4))
    hurried = []
    for tenths in range(40, 90):
        backend = Pretended()
        found = run(replace(short, limit_s=tenths / 10), backend).found
        assert not any(case.error for case in found.cases)
        if ("prepare", "three") in backend.steps and len(found.cases) == 1:
            hurried.append(found)
    assert hurried
    assert not any(found.complete for found in hurried)
    assert run(REQUEST, Pretended(), known=hurried[0]).found.complete


def test_a_case_that_is_always_too_long_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A case for which all the time that one may take is too short is told, and not tried again."""
    monkeypatch.setitem(pretended.CALL_S, "two", 80.0)
    found = run(REQUEST, Pretended()).found
    assert "s are too short: they left room for" in found.cases[0].error
    assert "give it longer (--minutes)" in found.cases[0].error


def test_slow_calls_are_waited_for_where_there_is_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A comparison whose limit leaves no ten pairs goes on until it has them, in the run's time."""
    for name in ("one", "two", "three"):
        monkeypatch.setitem(pretended.CALL_S, name, 1.0)
    short = replace(REQUEST, plan=replace(PLAN, limit_s=3.0), limit_s=120.0)
    backend = Pretended()
    found = run(short, backend).found
    assert [case.comparison and case.comparison.pairs for case in found.cases] == [10, 10]
    assert backend.now_s <= 120.0


def test_a_run_that_is_resumed_measures_ceilings_and_noise_anew() -> None:
    """What was is said of the cases of then; if nothing is missing, nothing is measured."""
    whole = measured(Pretended())
    known = replace(whole, cases=whole.cases[:1], complete=False)
    backend = Pretended()
    found = run(replace(REQUEST, anew=True), backend, known=known).found
    assert ("ceilings", "") in backend.steps
    assert [name for what, name in backend.steps if what == "prepare"] == ["one", "one", "three"]
    assert found.cases[0] == known.cases[0]
    (note,) = [note for note in found.notes if note.startswith("Resumed: 1 case")]
    assert "its ceilings fp32 100 GFLOP/s" in note
    assert "its noise was -0.5 to +0.5 %" in note
    idle = Pretended()
    run(replace(REQUEST, anew=True), idle, known=whole)
    assert ("ceilings", "") not in idle.steps


def test_ceilings_that_are_beaten_are_measured_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once, the better of both stands, and the case is modelled by them."""
    made = iter([1e5, 1e11, 1e5])
    ceilings = Pretended.ceilings

    def slow_first(self: Pretended, limit_s: float) -> Ceilings:
        return replace(ceilings(self, limit_s), flops_per_s={"fp32": next(made)})

    monkeypatch.setattr(Pretended, "ceilings", slow_first)
    found = measured(Pretended())
    assert found.ceilings is not None
    assert found.ceilings.flops_per_s == {"fp32": 1e11}
    assert not any(beaten(case) for case in found.cases)
    assert next(made) == 1e5


def test_a_cache_slower_than_memory_is_measured_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two tries the better rates stand."""
    made = iter([1e9, 4e10])
    ceilings = Pretended.ceilings

    def busy_first(self: Pretended, limit_s: float) -> Ceilings:
        return replace(ceilings(self, limit_s), cache_bytes_per_s=next(made))

    monkeypatch.setattr(Pretended, "ceilings", busy_first)
    found = measured(Pretended())
    assert found.ceilings is not None
    assert found.ceilings.cache_bytes_per_s == 4e10
