"""The runner: every case once, in order, with all that belongs to it."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING

import pytest

from costlab.bench.cpu import Cpu
from costlab.bench.document import Measurements
from costlab.bench.judging import FLOOR
from costlab.bench.plan import QUICK
from costlab.bench.precision import recorded
from costlab.bench.roofs import beaten
from costlab.bench.runner import run
from costlab.bench.single import Bench
from costlab.bench.study import Case, Pair, Side, Study, Subject
from tests.bench.pretended import (
    AXES,
    REQUEST,
    TWO,
    Made,
    Pretended,
    measured,
)

if TYPE_CHECKING:
    from costlab.bench.document import Ceilings
    from costlab.bench.progress import Moment
    from costlab.bench.request import Outcome
    from costlab.bench.study import Precision


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


def test_how_a_side_ran_stands_with_it() -> None:
    """What a prepared side says of itself is in the document."""
    assert measured(Pretended()).cases[0].variant.how == {"rotates": "springs"}


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


def test_a_case_has_the_flags_that_it_was_measured_under() -> None:
    """They are read while both sides are ready, and stand with the case."""
    assert [case.flags for case in measured(Pretended()).cases] == [{"rounded": False}] * 2


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_flags_are_those_of_the_precision(precision: Precision) -> None:
    """In a saved document a CPU's case has what its precision sets, whatever was set before."""
    subject = Subject("small", "conv3x3(inputs=4)", (4, 8, 8), takes_finish=True)
    side = Side(subject, "eager")
    case = Case("flags", "one", side, side, 1, precision, "nhwc", "bare", "cold")
    plan = replace(QUICK, limit_s=0.5, waited_share=1e9, warmup_s=0.01, span_s=0.0)
    before = recorded()
    assert before["cudnn.benchmark"] is False
    backend = Cpu()
    case_found = Bench(backend, None, FLOOR, 0, plan.limit_s).measured(case, plan)
    assert case_found is not None
    found = Measurements("flags", backend.environment(), (case_found,))
    document = json.loads(found.to_json())
    assert document["environment"]["flags_before"] == before
    flags = document["cases"][0]["flags"]
    assert flags["cudnn.benchmark"] is True
    assert flags["cudnn.allow_tf32"] is False
    assert flags["matmul.allow_tf32"] is False
    assert recorded() == before


def test_flags_that_a_side_sets_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that turns a flag while it is timed is named with it."""
    turns = count()
    told = property(lambda _made: {"rounded": next(turns) % 2 == 1, "same": 1})
    monkeypatch.setattr(Made, "flags", told)
    first = measured(Pretended()).cases[0]
    assert first.flags == {"rounded": False, "same": 1}
    assert first.comparison is not None
    assert "a side set flags of torch while it was timed: rounded" in first.comparison.reason
