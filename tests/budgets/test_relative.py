"""Limits relative to a baseline and to an anchor: exact, and only of what can be compared."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costlab.blocks import Block
from costlab.budgets.baseline import Baseline, snapshot
from costlab.budgets.limits import Rule
from costlab.cost import Cost
from tests.budgets.made import (
    TREE,
    UNKNOWN,
    base,
    budget,
    config,
    judged,
    leaf,
    report,
    told,
    values,
)

GROWTH = '[[budgets]]\nid = "g"\nmacs = { max_increase = "2%" }\n'


@pytest.mark.parametrize(("macs", "code"), [(100, 0), (102, 0), (103, 1), (90, 0)])
def test_relative_to_the_baseline(macs: int, code: int) -> None:
    """2 % of 100 allows 102; what became cheaper passes."""
    found = judged(GROWTH, report(leaf("a", macs)), base(GROWTH, leaf("a", 100)))
    assert found.exit_code == code
    assert (found.checks[0].base, found.checks[0].limit) == (100, 102)


def test_no_increase_at_all() -> None:
    """Counts have no noise: a limit of 0 finds one multiply-add."""
    text = GROWTH.replace("2%", "0")
    one_more = report(leaf("a", 10**12 + 1))
    assert judged(text, one_more, base(text, leaf("a", 10**12))).exit_code == 1


@pytest.mark.parametrize(("macs", "code"), [(6, 0), (15, 0), (16, 1)])
def test_a_floor_for_small_bases(macs: int, code: int) -> None:
    """Hole: of a tiny base any change is a large percentage; both must be exceeded."""
    text = GROWTH.replace('"2%"', '"2%", and_over = 10')
    assert judged(text, report(leaf("a", macs)), base(text, leaf("a", 5))).exit_code == code


@pytest.mark.parametrize(("macs", "code"), [(0, 0), (1, 1)])
def test_a_base_of_nothing(macs: int, code: int) -> None:
    """Hole: "+100 %" of 0. What was nothing and is something is more than any percentage."""
    text = GROWTH.replace("2%", "500%")
    found = judged(text, report(leaf("a", macs)), base(text, leaf("a", 0)))
    assert (found.exit_code, found.checks[0].base) == (code, 0)


def test_drift_is_caught_by_the_anchor() -> None:
    """Hole: percent-only lets drift through. Ten times 1 % pass alone, and the anchor fails."""
    text = budget('macs = { max_increase = "1%", anchor_increase = "5%" }')
    anchor, macs, outcomes = base(text, leaf("a", 10_000)), 10_000, []
    for _ in range(10):
        before, macs = base(text, leaf("a", macs)), macs * 101 // 100
        found = judged(text, report(leaf("a", macs)), before, anchor)
        outcomes.append(tuple(check.outcome for check in found.checks))
    assert outcomes == [("pass", "pass")] * 4 + [("pass", "fail")] * 6


@given(st.integers(0, 10**19), st.fractions(0, 10), st.integers(0, 10**6), st.integers(-3, 3))
def test_a_relative_limit_is_the_largest_that_passes(
    base_value: int, increase: Fraction, floor: int, off: int
) -> None:
    """`limit` is exactly the last value that passes, whatever the share: no float is in between."""
    rule = Rule("", "baseline", increase=increase, and_over=floor)
    limit = rule.held(0, base_value)[1]
    value = limit + off
    grown = value - base_value
    assert (rule.held(value, base_value)[0] == "fail") is (
        grown > increase * base_value and grown > floor
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"convention": "otherwise"}, "is of another counting convention"),
        ({"mode": "train"}, "is of train mode, and this of eval"),
        ({"inputs": ("f32[2,3,8,8]",)}, "is of inputs f32[2,3,8,8]"),
        ({"coverage": UNKNOWN}, "is only a lower bound"),
        ({"complete": False}, "is only a lower bound"),
    ],
)
def test_a_baseline_of_something_else(changes: dict[str, object], said: str) -> None:
    """Hole: bytes against kilobytes. What was counted or fed otherwise is not compared."""
    found = judged(GROWTH, report(), base(GROWTH, **changes))
    assert said in told(found)
    assert (found.exit_code, found.checks) == (2, ())


def test_other_versions_are_compared() -> None:
    """Hole: a jitter in metadata made baselines unusable. Only what changes numbers must agree."""
    old = report(versions={"costlab": "0.0.1", "torch": "1.0"})
    assert judged(GROWTH, report(), snapshot(config(GROWTH), {"net": old})).exit_code == 0


def test_what_the_baseline_lacks() -> None:
    """A model or a module that the baseline does not have is a problem, and names the remedy."""
    text = GROWTH + 'modules = ["body.*"]\n'
    smaller = (TREE[0], Block("body", "Body", Cost(), (leaf("body.one", 1_000),), 1))
    found = judged(text, report(), base(text, *smaller))
    assert "the macs of body.two in net is not in the baseline; `costlab baseline" in told(found)
    assert values(found) == [("body.one", 1_000, "pass")]
    empty = Baseline({}, {}, {}, "")
    assert "it is not in the baseline" in told(judged(GROWTH, report(), empty))
