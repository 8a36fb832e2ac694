"""Two documents side by side: the same cases, what only one has, and what differs around them."""

from __future__ import annotations

import json
from dataclasses import replace
from math import exp, log
from typing import TYPE_CHECKING

import pytest

from costlab.bench.contrast import _interval, contrast, told
from costlab.bench.document import Timing
from costlab.bench.judging import FLOOR
from costlab.bench.runner import run
from costlab.errors import UsageError
from tests.bench.clockwork import MS, PLAN, Clockwork, seeded
from tests.bench.clockwork import run as on_a_device
from tests.bench.pretended import REQUEST, Pretended

if TYPE_CHECKING:
    from costlab.bench.contrast import Difference
    from costlab.bench.document import Measurements


@pytest.fixture(scope="module")
def found() -> Measurements:
    """A run."""
    return run(REQUEST, Pretended()).found


def twice_as_slow(found: Measurements) -> Measurements:
    """The same measurements with every time of a variant doubled."""
    cases = tuple(
        replace(
            case,
            variant=replace(case.variant, samples_s=tuple(2 * s for s in case.variant.samples_s)),
        )
        for case in found.cases
    )
    return replace(found, cases=cases)


def test_the_ratio_is_second_over_first(found: Measurements) -> None:
    """What takes twice as long has a ratio of 2, with an interval around it."""
    sides = contrast(found, twice_as_slow(found)).sides
    assert [(side.subject, side.ratio) for side in sides] == [
        ("one", 1.0),
        ("two", 2.0),
        ("one", 1.0),
        ("three", 2.0),
    ]
    for side in sides:
        assert side.low is not None
        assert side.high is not None
        assert side.low <= side.ratio <= side.high


def test_the_interval_widens_with_the_noise(found: Measurements) -> None:
    """Samples that scatter leave a wider interval than samples that do not."""
    case = found.cases[0]
    rough = tuple(
        s * factor for s, factor in zip(case.variant.samples_s, (0.5, 2) * 100, strict=False)
    )
    noisy = replace(found, cases=(replace(case, variant=replace(case.variant, samples_s=rough)),))
    (_, calm), (_, wide) = (contrast(found, other).sides[:2] for other in (found, noisy))
    assert calm.low is not None
    assert calm.high is not None
    assert wide.low is not None
    assert wide.high is not None
    assert wide.high - wide.low > 10 * (calm.high - calm.low)


def test_one_sample_has_no_interval(found: Measurements) -> None:
    """Of a single sample nothing is said about its noise."""
    case = found.cases[0]
    single = replace(case, variant=replace(case.variant, samples_s=(0.01,)))
    side = contrast(found, replace(found, cases=(single,))).sides[1]
    assert (side.low, side.high) == (None, None)


def noisy(found: Measurements, reach: float) -> Measurements:
    """The same measurements, in a run whose identical arms differed by so much."""
    assert found.null is not None
    return replace(found, null=replace(found.null, low=exp(-reach), high=exp(reach)))


def slower(found: Measurements, factor: float) -> Measurements:
    """The same measurements with every time of a variant, and every saving, changed."""
    cases = []
    for case in found.cases:
        assert case.comparison is not None
        times = tuple(factor * s for s in case.variant.samples_s)
        now = case.comparison
        cases.append(
            replace(
                case,
                variant=replace(case.variant, samples_s=times),
                comparison=replace(
                    now, ratio=factor * now.ratio, low=factor * now.low, high=factor * now.high
                ),
            )
        )
    return replace(found, cases=tuple(cases))


@pytest.mark.parametrize(
    ("floors", "factor", "takes", "saves"),
    [
        ((0.1, 0.2), 1.2, "within the noise", "within the noise"),
        ((0.1, 0.2), exp(0.31), "more", "less"),
        ((0.1, 0.2), exp(-0.31), "less", "more"),
        ((0.3, 0.3), exp(0.31), "within the noise", "within the noise"),
        ((0.0, 0.0), 1 + 1.5 * FLOOR, "within the noise", "within the noise"),
    ],
)
def test_a_difference_must_clear_both_floors(
    found: Measurements, floors: tuple[float, float], factor: float, takes: str, saves: str
) -> None:
    """Less than the noise floors of both runs together is called noise, in times and savings."""
    one, other = noisy(found, floors[0]), noisy(slower(found, factor), floors[1])
    told = contrast(one, other)
    assert {side.difference for side in told.sides if side.subject != "one"} == {takes}
    assert {side.difference for side in told.sides if side.subject == "one"} == {"within the noise"}
    assert {saving.difference for saving in told.savings} == {saves}


def test_savings_stand_side_by_side(found: Measurements) -> None:
    """What each run says of a variant: saving, interval and verdict, and whether both agree."""
    case = found.cases[0]
    assert case.comparison is not None
    unsure = replace(case, comparison=replace(case.comparison, verdict="AMBIGUOUS"))
    told = contrast(found, replace(found, cases=(unsure, found.cases[1])))
    assert [(one.first.verdict, one.second.verdict, one.agree) for one in told.savings] == [
        ("FASTER", "AMBIGUOUS", False),
        ("SLOWER", "SLOWER", True),
    ]
    first = told.savings[0].first
    assert first.saving == 1 - case.comparison.ratio
    assert first.low == 1 - case.comparison.high < first.saving < first.high
    saved = json.loads(told.to_json())["savings"]
    assert [one["agree"] for one in saved] == [False, True]


def test_what_each_run_says_of_itself(found: Measurements) -> None:
    """Noise, ceilings, verdicts, the samples that do not count, and what ran beside."""
    case = found.cases[0]
    crowded = replace(case, variant=replace(case.variant, dropped=(0, 1, 2)))
    note = "the machine is busy: 4.4 processes want its 2 cores"
    other = replace(found, cases=(crowded,), null=None, notes=(note,), complete=False)
    first, second = contrast(found, other).runs
    assert found.null is not None
    assert found.ceilings is not None
    assert (first.noise_low, first.noise_high) == (found.null.low, found.null.high)
    assert first.floor == max(FLOOR, -log(found.null.low), log(found.null.high))
    assert first.ceilings["fp32"] == found.ceilings.flops_per_s["fp32"]
    assert first.ceilings["launch"] == found.ceilings.launch_s
    assert first.verdicts == {"FASTER": 1, "SLOWER": 1}
    assert (first.dropped, first.complete, first.notes) == (0, True, ())
    assert (second.floor, second.dropped, second.complete) == (None, 3, False)
    assert second.samples == len(case.baseline.samples_s) + len(case.variant.samples_s)
    assert second.notes == (note,)


def test_what_only_one_has(found: Measurements) -> None:
    """Cases that one document lacks, or has failed at, are named."""
    first, second = found.cases
    failed = replace(second, variant=replace(second.variant, error="no room"))
    told = contrast(found, replace(found, cases=(first, failed)))
    assert (told.only_first, told.only_second) == ((second.key,), ())
    assert contrast(replace(found, cases=(first,)), found).only_second == (second.key,)


def test_what_differs_around_them(found: Measurements) -> None:
    """Each value of the environment that differs is told, and nothing that does not."""
    other = {**found.environment, "device": "another", "plan": {}}
    told = contrast(found, replace(found, environment=other)).differing
    assert told["device"] == ("a pretended device", "another")
    assert told["plan.min_pairs"] == (10, None)
    assert "seed" not in told
    assert contrast(found, found).differing == {}


def test_nothing_in_common_is_an_error(found: Measurements) -> None:
    """Documents without a common case cannot be compared."""
    with pytest.raises(UsageError, match="the one holds 2 cases of pretended, the other 0 cases"):
        contrast(found, replace(found, cases=()))


class Wandering:
    """Noise of half a percent on a machine that wanders by 4 %, slowly beside a sample."""

    def __init__(self, seed: int) -> None:
        """A machine that is somewhere."""
        self.random = seeded(seed)
        self.at = self.random.gauss(0, 0.04)

    def __call__(self) -> float:
        """The next."""
        self.at = 0.95 * self.at + self.random.gauss(0, 0.04 * (1 - 0.95**2) ** 0.5)
        return self.at + self.random.gauss(0, 0.005)


def timings(seed: int, factor: float = 1.0) -> Timing:
    """What a run of one code gives on a machine that wanders."""
    paired = on_a_device(Clockwork(noise=Wandering(seed)), 1.0, PLAN, factor * MS, seed)
    return paired.timing("baseline", Timing("conv", "eager", 0, 0, 0, 0))


def contrasted(one: Timing, other: Timing, found: Measurements) -> Difference:
    """What is said of a side in two runs."""
    case = replace(found.cases[0], variant=one, baseline=one)
    again = replace(case, variant=other, baseline=other)
    both = (replace(found, cases=(this,)) for this in (case, again))
    return contrast(*both).sides[0].difference


def test_identical_code_hardly_differs(found: Measurements) -> None:
    """Of 200 repetitions at most one in twenty differs; by the intervals alone, more would."""
    firm = by_interval = 0
    for seed in range(200):
        one, other = timings(2 * seed), timings(2 * seed + 1)
        firm += contrasted(one, other, found) != "within the noise"
        low, high = _interval(one, other)
        assert low is not None
        assert high is not None
        by_interval += told(log(low), log(high), 2 * FLOOR) != "within the noise"
    assert firm <= 10
    assert by_interval > 40


def test_what_takes_half_as_long_again_differs(found: Measurements) -> None:
    """The same machine still tells code apart that is far enough from each other."""
    said = [contrasted(timings(2 * seed), timings(2 * seed + 1, 1.5), found) for seed in range(20)]
    assert said.count("more") >= 18


def test_threads_that_differ_make_other_cases(found: Measurements) -> None:
    """What was measured with one thread is not compared with two; older documents say it less."""
    one, two = (
        replace(found, environment={"device": "cpu", "threads": number}) for number in (1, 2)
    )
    with pytest.raises(UsageError, match=r"with 1 thread, the other with 2.*OMP_NUM_THREADS=1"):
        contrast(one, two)
    assert len(contrast(one, one).sides) == len(contrast(found, found).sides)
