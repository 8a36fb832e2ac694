"""What a commit does not have yet: told as new, never passed, and no way around a limit."""

from dataclasses import replace

import pytest

from costlab.blocks import Block
from costlab.budgets.baseline import Baseline, snapshot
from costlab.budgets.checks import Checks
from costlab.cost import Cost
from costlab.report import Report
from tests.budgets.made import TREE, config, judged, leaf, report

GROWTH = '[[budgets]]\nid = "growth"\nmacs = { max_increase = "2%" }\n'
TOTAL = '[[budgets]]\nid = "total"\nmacs = { max = 9999 }\n'
OTHER = '[models.other]\nmodel = "net.py:Other"\n'
BODY = 'modules = ["body.*"]\n'
COMMIT = "git:main (0123abcde)"


def at(text: str, *absent: str, **reports: Report) -> Baseline:
    """The baseline that was measured at a commit, which has these models and not those."""
    found = snapshot(config(text), reports)
    roots = {name: one.root for name, one in reports.items()}
    return replace(found, at=COMMIT, absent=frozenset(absent), roots=roots)


def outcomes(found: Checks) -> list[tuple[str, str, str, str]]:
    """Budget, model, subject and outcome of each check."""
    return [(one.budget, one.model, one.subject, one.outcome) for one in found.checks]


def test_a_new_model_under_a_glob_is_told_and_blocks_nothing() -> None:
    """A relative budget of `*` lets a model in that has no base; its absolute limits hold it."""
    text = OTHER + TOTAL + GROWTH
    both = {"net": report(), "other": report()}
    base = at(text, "other", net=report())
    found = judged(text, both, base)
    assert (found.exit_code, found.problems) == (0, ())
    assert outcomes(found)[-1] == ("growth", "other", "", "new")
    large = {**both, "other": report(leaf("a", 10_000))}
    assert ("total", "other", "", "fail") in outcomes(judged(text, large, base))
    assert judged(text, large, base).exit_code == 1


def test_a_new_model_by_its_name_is_an_error() -> None:
    """Who names a model asks for an increase that there is not; the remedy fits a commit."""
    text = OTHER + TOTAL + GROWTH + 'models = ["net", "other"]\n'
    both = {"net": report(), "other": report()}
    found = judged(text, both, at(text, "other", net=report()))
    (problem,) = found.problems
    assert f"the macs of other has no increase, being new since {COMMIT}" in problem.text
    assert "give it an absolute limit" in problem.text
    assert "baseline update" not in problem.text
    assert found.exit_code == 2


def test_only_what_is_new_is_no_pass() -> None:
    """Where a relative limit is all there is and has nothing to hold, nothing was held."""
    found = judged(GROWTH, report(), at(GROWTH, "net"))
    assert [one.outcome for one in found.checks] == ["new"]
    assert found.exit_code == 2
    assert "all that is limited is new" in found.problems[0].text
    assert replace(found, problems=()).exit_code == 2


def test_a_model_that_fails_at_the_commit_is_not_new() -> None:
    """Not to be measured is not the same as not to be there."""
    found = judged(OTHER + TOTAL + GROWTH, {"net": report(), "other": report()},
                   at(OTHER + GROWTH, net=report()))  # fmt: skip
    assert found.exit_code == 2
    assert "other: it is not in the baseline" in found.problems[0].text


def grown(name: str, macs: int) -> tuple[Block, ...]:
    """The usual tree with one more block in its body."""
    more = (leaf("body.one", 1_000), leaf("body.two", 2_000), leaf(f"body.{name}", macs))
    return TREE[0], Block("body", "Body", Cost(), more, 1), TREE[2]


@pytest.mark.parametrize(
    ("modules", "outcome"),
    [('["body.*"]', "new"), ('["body.one", "body.three"]', None), ('["body.t*"]', "new")],
)
def test_a_new_module(modules: str, outcome: str | None) -> None:
    """One that a glob matches is new; one that a budget names has no increase, and is an error."""
    text = GROWTH + f"modules = {modules}\n"
    found = judged(text, report(*grown("three", 70)), at(text, net=report()))
    assert found.exit_code == (0 if outcome else 2)
    told = {one.subject: one.outcome for one in found.checks}
    assert told.get("body.three") == outcome
    assert set(told.values()) - {outcome} == {"pass"}


def test_a_module_by_another_name_is_not_new() -> None:
    """Renamed and grown, it is held to what it was: a name is no way around a limit."""
    text = GROWTH + BODY

    def tree(name: str, macs: int) -> Report:
        below = (leaf("body.one", 1_000), leaf(f"body.{name}", macs))
        return report(TREE[0], Block("body", "Body", Cost(), below, 1))

    base = at(text, net=tree("two", 2_000))
    for macs, outcome in ((2_000, "pass"), (2_040, "pass"), (2_041, "fail")):
        found = judged(text, tree("last", macs), base)
        (check,) = (one for one in found.checks if one.subject == "body.last")
        assert (check.outcome, check.base) == (outcome, 2_000)


def test_a_file_that_lacks_a_value_is_out_of_date() -> None:
    """A baseline in a file can be written anew, so that nothing in it is ever new."""
    text = GROWTH + BODY
    found = judged(text, report(*grown("three", 70)), snapshot(config(text), {"net": report()}))
    assert found.exit_code == 2
    assert "`costlab baseline update` writes it" in found.problems[0].text
