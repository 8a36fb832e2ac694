"""What a run judges its cases by, kept with them; and what was measured in vain, measured again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from costlab.bench.document import Measurements, Session
from costlab.bench.identical import NO_FLOOR
from costlab.bench.request import AGAIN
from costlab.bench.runner import run
from costlab.bench.seams import State
from tests.bench.pretended import CALL_S, PLAN, PREPARE_S, REQUEST, Pretended, measured

if TYPE_CHECKING:
    from collections.abc import Mapping

    from costlab.bench.document import Ceilings


@dataclass(slots=True)
class Crowded(Pretended):
    """A backend whose threads wait for a core throughout the first comparisons.

    `drowned` is of how many; each ends in a `close` of the sides that it was of.
    """

    drowned: int = 0
    waited_s: float = 0.0

    def read(self) -> State:
        """What was waited, which grows by the whole of a sample while there are neighbours."""
        closed = sum(what == "close" for what, _ in self.steps)
        if closed < self.drowned:
            self.waited_s = self.now_s
        return State(waited_s=self.waited_s)


def test_a_drowned_noise_floor_is_measured_again() -> None:
    """Identical arms of which no pair counts are timed once more, and those are the floor."""
    null = measured(Crowded(drowned=1)).null
    assert null is not None
    assert (null.verdict, null.dropped) == ("SAME", 0)


def test_a_floor_that_cannot_be_had_is_unknown() -> None:
    """After a second time in vain it is not known, which is noted; verdicts are found without."""
    backend = Crowded(drowned=2)
    found = measured(backend)
    assert found.null is None
    assert NO_FLOOR in found.notes
    verdicts = [case.comparison.verdict for case in found.cases if case.comparison]
    assert verdicts == ["FASTER", "SLOWER"]
    assert found.complete


def test_a_case_that_was_drowned_is_measured_again() -> None:
    """Where there is time left, a case of which no pair counts is done again after the others."""
    backend = Crowded(drowned=3)  # of two nulls and one side of the first case
    found = measured(backend)
    assert [case.is_drowned for case in found.cases] == [False, False]
    prepared = [name for what, name in backend.steps if what == "prepare"]
    assert prepared == ["one", "one", "one", "two", "one", "three", "one", "two"]


def test_what_is_drowned_is_measured_as_long_as_there_is_time() -> None:
    """Twice in vain is not the end: the third time there are pairs, and only those are told."""
    backend = Crowded(drowned=7)  # of two nulls, then two sides of the first case and one more
    found = measured(backend)
    assert [case.is_drowned for case in found.cases] == [False, False]
    assert all(not case.baseline.dropped for case in found.cases)
    assert found.complete
    assert not any(note.startswith(AGAIN) for note in found.notes)


def test_what_stays_drowned_ends_with_the_time() -> None:
    """It is tried until the time is over, no longer, and is said to have been; resuming forgets."""
    short = replace(REQUEST, limit_s=90.0, plan=replace(PLAN, limit_s=5.0))
    backend = Crowded(drowned=999)
    found = run(short, backend).found
    assert 80 < backend.now_s < 90 + 2 * PREPARE_S + 1
    assert all(case.is_drowned for case in found.cases)
    (note,) = (note for note in found.notes if note.startswith(AGAIN))
    times = backend.steps.count(("prepare", "three"))
    assert times > 2
    assert f"{times} times in all" in note
    again = run(replace(REQUEST, anew=True), Pretended(), known=found).found
    assert again.complete
    assert not any(note.startswith(AGAIN) for note in again.notes)


def test_a_drowned_case_has_no_numbers_and_is_resumed() -> None:
    """Without a pair that counts nothing is said but why; --resume measures it, and only it."""
    drowned = run(replace(REQUEST, limit_s=90.0), Crowded(drowned=99)).found
    assert all(case.is_drowned and case.comparison is None for case in drowned.cases)
    assert all("other processes had the cores" in case.error for case in drowned.cases)
    assert all(len(case.variant.samples_s) > 10 for case in drowned.cases)
    assert not drowned.complete
    whole = measured(Pretended())
    known = replace(whole, cases=(whole.cases[0], drowned.cases[1]), complete=False)
    backend = Pretended()
    found = run(replace(REQUEST, anew=True), backend, known=known).found
    assert [name for what, name in backend.steps if what == "prepare"] == ["one", "one", "three"]
    assert found.complete
    assert found.cases[0] == whole.cases[0]


def test_each_case_keeps_what_it_was_judged_by(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a resumption the ceilings of either session stand in the document, by its cases."""
    first = measured(Pretended())
    assert first.sessions == (Session(first.ceilings, first.null),)
    ceilings = Pretended.ceilings

    def doubled(self: Pretended, limit_s: float) -> Ceilings:
        return replace(ceilings(self, limit_s), flops_per_s={"fp32": 2e11})

    monkeypatch.setattr(Pretended, "ceilings", doubled)
    known = replace(first, cases=first.cases[:1], complete=False)
    found = run(replace(REQUEST, anew=True), Pretended(), known=known).found
    rates = []
    for case in found.cases:
        session = found.session_of(case)
        assert session.ceilings is not None
        assert case.models is not None
        rates.append(session.ceilings.flops_per_s["fp32"])
        assert case.models[0].compute_s == pytest.approx(2 * case.baseline.macs / rates[-1])
    assert rates == [1e11, 2e11]
    assert Measurements.from_dict(found.to_dict()) == found


def test_notes_say_which_session_they_are_of() -> None:
    """How busy the machine was before a resumption is not told as how busy it is."""
    first = run(replace(REQUEST, notes=("busy: 3.9 of 2",)), Pretended()).found
    known = replace(first, cases=first.cases[:1], complete=False)
    again = replace(REQUEST, anew=True, notes=("busy: 3.7 of 2",))
    notes = run(again, Pretended(), known=known).found.notes
    assert "Before it was resumed: busy: 3.9 of 2" in notes
    assert "busy: 3.7 of 2" in notes
    assert "busy: 3.9 of 2" not in notes


def test_a_document_without_sessions_is_gone_on_with() -> None:
    """What an older costlab wrote was judged by the document's own ceilings, which are kept."""
    whole = measured(Pretended())
    old = replace(whole.cases[0], session=None, threads=None)
    known = replace(whole, cases=(old,), sessions=(), complete=False)
    found = run(replace(REQUEST, anew=True), Pretended(), known=known).found
    assert [case.session for case in found.cases] == [0, 1]
    assert found.sessions[0] == Session(known.ceilings, known.null)


def test_all_cases_of_a_session_are_modelled_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ceilings that a later case beats are measured again, and hold for the earlier ones too."""
    made = iter([1e8, 1e11])
    ceilings = Pretended.ceilings

    def slow_first(self: Pretended, limit_s: float) -> Ceilings:
        return replace(ceilings(self, limit_s), flops_per_s={"fp32": next(made)})

    monkeypatch.setattr(Pretended, "ceilings", slow_first)
    monkeypatch.setitem(CALL_S, "three", 1e-5)  # 74 thousand operations at 10⁸ a second take more
    found = measured(Pretended())
    for case in found.cases:
        assert case.models is not None
        assert case.models[1].compute_s == pytest.approx(2 * case.variant.macs / 1e11)


def test_a_side_above_its_roof_is_not_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ceilings that stay too low say neither what binds nor why; other rows have both."""
    ceilings = Pretended.ceilings
    macs = measured(Pretended()).cases[1].variant.macs
    # 2 % above what the third subject reaches at its roof.
    rate = 2 * macs / CALL_S["three"] / 1.02

    def low(self: Pretended, limit_s: float) -> Ceilings:
        return replace(ceilings(self, limit_s), flops_per_s={"fp32": rate})

    monkeypatch.setattr(Pretended, "ceilings", low)
    first, second = measured(Pretended()).cases
    assert second.models is not None
    assert second.models[1].binds == "none"
    assert second.explanation is None
    assert first.models is not None
    assert (first.models[0].binds, first.models[1].binds) == ("none", "none")  # of 10 and 8 ms


@dataclass(slots=True)
class Threaded(Pretended):
    """A CPU that is measured with so many threads."""

    threads: int = 1

    def environment(self) -> Mapping[str, object]:
        """A CPU's."""
        return {"device": "cpu", "threads": self.threads}


def test_threads_are_part_of_a_case() -> None:
    """On a CPU a case says its threads in its key, with others it is another, as on no GPU."""
    one, two = (measured(Threaded(threads=number)) for number in (1, 2))
    assert [case.threads for case in (*one.cases, *two.cases)] == [1, 1, 2, 2]
    assert [case.key.split(" · ")[-1] for case in one.cases] == ["1 thread"] * 2
    assert [case.key.split(" · ")[-1] for case in two.cases] == ["2 threads"] * 2
    assert {case.threads for case in measured(Pretended()).cases} == {None}


def test_an_older_document_of_a_cpu_is_gone_on_with() -> None:
    """Its keys say no threads, its environment does: the cases are the same."""
    whole = measured(Threaded(threads=2))
    cases = tuple(
        replace(case, key=case.key.removesuffix(" · 2 threads"), threads=None)
        for case in whole.cases
    )
    backend = Threaded(threads=2)
    found = run(REQUEST, backend, known=replace(whole, cases=cases)).found
    assert found == whole
    assert not any(what == "prepare" for what, _ in backend.steps)
