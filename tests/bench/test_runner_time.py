"""The time of a run: each case gets its share, and none is begun that would be late."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from costlab.bench import standards
from costlab.bench.allotment import UNSEEN_S, UNSEEN_SHARE, Allotment
from costlab.bench.document import Comparison
from costlab.bench.identical import NO_FLOOR, ONCE, floor_of
from costlab.bench.runner import run
from tests.bench import pretended
from tests.bench.pretended import (
    AXES,
    PLAN,
    PREPARE_S,
    REQUEST,
    STUDY,
    Made,
    Pretended,
)

if TYPE_CHECKING:
    from costlab.bench.progress import Moment
    from costlab.bench.study import Case, Side


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


@dataclass(slots=True)
class Slow(Pretended):
    """A backend on which a side takes long to prepare, as under a compiler."""

    prepare_s: float = 0.0
    begun: list[tuple[str, float]] = field(default_factory=list)

    def prepare(self, side: Side, case: Case, seed: int) -> Made:
        """A side, ready to run after so long."""
        self.begun.append((side.arm, self.now_s))
        if side.arm == "compile":
            self.now_s += self.prepare_s
        # slots make a new class, which super() without arguments does not know
        return super(Slow, self).prepare(side, case, seed)


def test_identical_arms_take_a_share_of_the_run() -> None:
    """However vague they are, they leave nine tenths of the time to the cases."""
    plan = replace(PLAN, half_width=1e-9, limit_s=60.0)
    heard: list[Moment] = []
    run(replace(REQUEST, plan=plan, limit_s=100.0), Pretended(), watch=heard.append)
    (null,) = (at for at, moment in enumerate(heard) if moment.what.startswith("identical"))
    before, after = heard[null].left_s, heard[null + 1].left_s
    assert before - after <= standards.NULL_SHARE * before + PREPARE_S + 0.1


@pytest.mark.parametrize(("limit_s", "times"), [(100.0, 2), (4.0, 1)])
def test_identical_arms_are_tried_again_in_the_first_half(limit_s: float, times: int) -> None:
    """Drowned, the same case is timed once more while half of the time is left, and not after."""
    drowned = Comparison(1.0, 0.9, 1.1, 4, 6, "AMBIGUOUS", "time limit")
    backend, asked = Pretended(), list[str]()
    time = Allotment(backend, PLAN, backend.now_s + limit_s, all_s=limit_s)

    def timed(case: Case) -> Comparison:
        asked.append(case.key)
        backend.now_s += 3.0
        return drowned

    noted: list[str] = []
    cases = list(STUDY.cases())
    assert len(cases) > 1
    floor_of(cases, timed, fewest_pairs=10, has_time=lambda: time.is_young, note=noted.append)
    assert asked == [cases[0].key] * times
    assert noted == [NO_FLOOR if times == 2 else ONCE]


def test_what_compiles_waits_for_what_does_not() -> None:
    """In a short look all cases of the first arm come before those of an arm that compiles."""
    axes = replace(AXES, arms=("eager", "compile"), by_arm=True)
    found = list(STUDY.cases(axes))
    assert [case.variant.arm for case in found] == ["eager"] * 2 + ["compile"] * 2
    plain = STUDY.cases(replace(axes, by_arm=False))
    assert sorted(case.key for case in plain) == sorted(case.key for case in found)


def test_an_arm_not_seen_before_is_begun_in_time() -> None:
    """Nobody knows how long a compiler takes: it is not begun in the last quarter of a run."""
    axes = replace(AXES, arms=("eager", "compile"), by_arm=True)
    plan = replace(PLAN, half_width=1e-9, limit_s=5.0)
    compiled: list[float] = []
    for limit_s in range(8, 60):
        backend = Slow(prepare_s=10.0)
        begun_s = backend.now_s
        run(replace(REQUEST, axes=axes, plan=plan, limit_s=float(limit_s)), backend)
        compiled = [at for arm, at in backend.begun if arm == "compile"]
        least_s = min(UNSEEN_S, UNSEEN_SHARE * limit_s)
        assert all(begun_s + limit_s - at >= least_s for at in compiled[:1])
    assert compiled


def test_what_was_spent_before_counts() -> None:
    """The time of a short look begins before the run does; its limit is told as it was given."""
    request = replace(REQUEST, plan=replace(PLAN, half_width=1e-9, limit_s=60.0), limit_s=30.0)
    backend = Pretended()
    begun_s = backend.now_s
    found = run(replace(request, spent_s=12.0), backend).found
    assert backend.now_s - begun_s < 18.0 + 2 * PREPARE_S + 0.1
    assert any("The time limit of 0.5 min" in note for note in found.notes)
