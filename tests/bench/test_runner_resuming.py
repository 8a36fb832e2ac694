"""Interrupted and gone on with: what was measured is kept, and is not measured again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from costlab.bench.runner import run
from costlab.errors import UsageError
from tests.bench.pretended import (
    REQUEST,
    Pretended,
    Step,
    failing,
    measured,
)

if TYPE_CHECKING:
    from costlab.bench.document import Measurements


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
