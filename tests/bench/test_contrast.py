"""Two documents side by side: the same cases, what only one has, and what differs around them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from costlab.bench.contrast import contrast
from costlab.bench.runner import run
from costlab.errors import UsageError
from tests.bench.pretended import REQUEST, Pretended

if TYPE_CHECKING:
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
