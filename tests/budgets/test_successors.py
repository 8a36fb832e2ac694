"""Another name and another shape at once: what is new is held against what is gone."""

from dataclasses import replace

from costlab.blocks import Block
from costlab.budgets.baseline import Baseline
from costlab.budgets.checks import Check, Checks
from costlab.cost import Cost
from costlab.report import Report
from tests.budgets.made import TREE, judged, leaf, report
from tests.budgets.test_new import BODY, GROWTH, OTHER, TOTAL, at

WAIVER = """
[[waivers]]
budget = "growth"
up_to = 9999
reason = "another body"
expires = 2999-01-01
"""


def held(found: Checks) -> list[Check]:
    """The checks of what stands where something else was."""
    return [one for one in found.checks if one.because]


def of_body(*blocks: Block) -> Report:
    """The usual model with this body."""
    return report(TREE[0], Block("body", "Body", Cost(), blocks, 1), TREE[2])


def test_a_module_by_another_name_does_not_grow() -> None:
    """Renamed and grown: the sum of what is new against the sum of what is gone."""
    text = TOTAL + GROWTH + BODY
    before = of_body(leaf("body.one", 1_000), leaf("body.two", 2_000))
    base = at(text, net=before)
    after = of_body(leaf("body.one", 1_000), other("body.too", 2_041))
    found = judged(text, after, base)
    (one,) = held(found)
    assert (one.subject, one.value, one.base, one.limit) == ("body.too", 2_041, 2_000, 2_040)
    assert (one.outcome, found.exit_code) == ("fail", 1)
    assert one.because == "it is in place of body.two, which is gone"
    small = of_body(leaf("body.one", 1_000), other("body.too", 2_040))
    assert (held(judged(text, small, base)), judged(text, small, base).exit_code) == ([], 0)


def test_one_module_in_place_of_two() -> None:
    """All that is new is one sum, and all that is gone another."""
    text = TOTAL + GROWTH + BODY
    base = at(text, net=of_body(leaf("body.one", 1_000), leaf("body.two", 2_000)))
    assert judged(text, of_body(other("body.both", 3_060)), base).exit_code == 0
    (one,) = held(judged(text, of_body(other("body.both", 3_061)), base))
    assert (one.base, one.because) == (3_000, "it is in place of body.one, body.two, which is gone")


def test_what_is_new_beside_all_that_was_has_no_base() -> None:
    """A module more takes nobody's place."""
    text = TOTAL + GROWTH + BODY
    before = leaf("body.one", 1_000), leaf("body.two", 2_000)
    found = judged(
        text, of_body(*before, leaf("body.three", 5_000)), at(text, net=of_body(*before))
    )
    assert (held(found), found.exit_code) == ([], 0)


def test_a_waiver_lets_it_off() -> None:
    """A reason, a ceiling and a day, as for any other limit."""
    text = TOTAL + GROWTH + BODY
    base = at(text, net=of_body(leaf("body.one", 1_000), leaf("body.two", 2_000)))
    after = of_body(leaf("body.one", 1_000), other("body.too", 5_000))
    (one,) = held(judged(text + WAIVER, after, base))
    assert (one.outcome, judged(text + WAIVER, after, base).exit_code) == ("waived", 0)


def other(path: str, macs: int) -> Block:
    """A module of another class than that of those it is put in the place of."""
    return leaf(path, macs)._replace(kind="Stack", ops=())


def gone(base: Baseline, name: str, was: Report) -> Baseline:
    """The baseline, with a model that only its own budget file has."""
    return replace(base, gone={name: was.total})


def test_a_model_by_another_name_does_not_grow() -> None:
    """Another key and another class in one commit: the new one is held against the one gone."""
    text = OTHER + TOTAL + GROWTH
    both = {"net": report(), "other": report(leaf("a", 1_021))}
    base = gone(at(text, "other", net=report()), "old", report(leaf("a", 1_000)))
    found = judged(text, both, base)
    (one,) = held(found)
    assert (one.model, one.subject, one.value, one.base) == ("other", "", 1_021, 1_000)
    assert (found.exit_code, one.because) == (1, "it is in place of old, which is gone")
    both["other"] = report(leaf("a", 1_020))
    assert judged(text, both, base).exit_code == 0
    assert judged(text, both, replace(base, gone={})).exit_code == 0
