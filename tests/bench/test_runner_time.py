"""The time of a run: each case gets its share, and none is begun that would be late."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from costlab.bench.runner import run
from tests.bench import pretended
from tests.bench.pretended import (
    PLAN,
    PREPARE_S,
    REQUEST,
    STUDY,
    Pretended,
)

if TYPE_CHECKING:
    import pytest


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
