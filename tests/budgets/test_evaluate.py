"""Budgets held against reports: exact, in a closed world; each hole of other gates is shut."""

from dataclasses import replace
from datetime import date
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from costlab.blocks import Block
from costlab.budgets.baseline import Baseline, snapshot
from costlab.budgets.budget import Budget, Config, Limit, Place, Waiver
from costlab.budgets.checks import Check, Checks
from costlab.budgets.limits import Rule, rules
from costlab.cost import Cost
from costlab.errors import UsageError
from costlab.report import Report
from tests.budgets.made import TODAY, TREE, UNKNOWN, config, judged, leaf, report

GROWTH = '[[budgets]]\nid = "g"\nmacs = { max_increase = "2%" }\n'


def budget(body: str, name: str = "b") -> str:
    """A budget's table."""
    return f'[[budgets]]\nid = "{name}"\n{body}\n'


def told(checks: Checks) -> str:
    """All problems as one text."""
    return "\n".join(problem.text for problem in checks.problems)


def values(checks: Checks) -> list[tuple[str, int, str]]:
    """Subject, value and outcome of each check."""
    return [(check.subject, check.value, check.outcome) for check in checks.checks]


def base(text: str, *blocks: Block, **changes: object) -> Baseline:
    """The baseline of a configuration, measured on these blocks."""
    return snapshot(config(text), {"net": report(*blocks, **changes)})


@pytest.mark.parametrize(("limit", "code"), [(3_099, 1), (3_100, 0), (3_101, 0)])
def test_a_limit_is_inclusive_and_exact(limit: int, code: int) -> None:
    """What is as large as the limit passes; one multiply-add more does not."""
    found = judged(budget(f"macs = {{ max = {limit} }}"))
    assert found.exit_code == code
    assert found.checks[0].over == 3_100 - limit


def test_nothing_is_rounded() -> None:
    """5.8 G and one multiply-add prints as 5.8 G and fails all the same."""
    large = report(leaf("a", 5_800_000_001))
    assert judged(budget('macs = { max = "5.8G" }'), large).exit_code == 1


def test_warn_and_max() -> None:
    """Between warn and max there is a warning, which is no failure."""
    text = budget("macs = { warn = 3000, max = 4000 }")
    (check,) = judged(text).checks
    assert (check.outcome, check.limit, check.rule) == ("warn", 3000, "warn = 3000")
    assert judged(text).exit_code == 0
    assert values(judged(text, report(leaf("a", 4001)))) == [("", 4001, "fail")]
    assert values(judged(text, report(leaf("a", 3000)))) == [("", 3000, "pass")]


def test_each_match_or_their_sum() -> None:
    """A glob limits each module that it matches, or what they come to, nothing counted twice."""
    each = judged(budget('modules = ["body.*"]\nmacs = { max = 1500 }'))
    assert values(each) == [("body.one", 1_000, "pass"), ("body.two", 2_000, "fail")]
    summed = judged(budget('modules = ["body.*"]\nper = "sum"\nmacs = { max = 3000 }'))
    assert values(summed) == [("body.*", 3_000, "pass")]
    nested = judged(budget('modules = ["body", "body.**"]\nper = "sum"\nmacs = { max = 3000 }'))
    assert values(nested) == [("body, body.**", 3_000, "pass")]
    top = values(judged(budget('modules = ["*"]\nmacs = { max = 1 }')))
    assert [name for name, _, _ in top] == [
        "stem", "body", "aux"
    ]  # fmt: skip


def test_operations_and_families() -> None:
    """A kind of operation or a family is limited over the whole model."""
    text = budget('ops = ["conv2d"]\nmacs = { max = 3099 }\nactivations = { max = 24 }')
    found = judged(text)
    assert [(c.metric, c.value, c.outcome) for c in found.checks] == [
        ("macs", 3_100, "fail"),
        ("activations", 24, "pass"),
    ]
    both = judged(budget('ops = ["conv2d", "convolution"]\nper = "sum"\nmacs = { max = 9999 }'))
    assert values(both) == [("conv2d, convolution", 3_100, "pass")]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('models = ["nte"]\nmacs = { max = 1 }', "no model matches 'nte'. Did you mean net"),
        ('modules = ["boby.*"]\nmacs = { max = 9999 }', "no module of net matches 'boby.*'"),
        ('modules = ["stem", "bdy"]\nmacs = { max = 9999 }', "no module of net matches 'bdy'"),
        ('ops = ["conv3d"]\nmacs = { max = 9999 }', "called 'conv3d'. Did you mean conv2d"),
        ('modules = ["aux"]\nmacs = { max = 9999 }', "'aux' matches runs in eval mode"),
        ('macs = { max_increase = "2%" }', "relative to the baseline, and there is none"),
        ('macs = { anchor_increase = "2%" }', "relative to the anchor, and there is none"),
    ],
)
def test_a_gate_that_measured_nothing_does_not_pass(body: str, said: str) -> None:
    """Hole: a renamed benchmark, a missing baseline or a dead module passes elsewhere; here: 2."""
    found = judged(budget(body) + budget("depth = { max = 3 }", "sound"))
    assert said in told(found)
    assert found.exit_code == 2
    assert found.problems[0].place is not None


def test_a_module_that_does_not_run_has_parameters() -> None:
    """What never runs can be limited in parameters, and is still one of a glob's matches."""
    assert judged(budget('modules = ["aux"]\nparams = { max = 50 }')).exit_code == 0


def test_no_budget_is_no_pass() -> None:
    """Hole: nothing checked is not well; a configuration made by hand cannot say it is either."""
    made = config(budget("macs = { max = 9999 }"))
    for empty in (
        replace(made, budgets=()),
        replace(made, budgets=(replace(made.budgets[0], limits=()),)),
        replace(made, budgets=(replace(made.budgets[0], limits=(Limit("macs"),)),)),
        replace(made, models=()),
        replace(made, budgets=(*made.budgets, replace(made.budgets[0], id="c", models=()))),
        replace(made, budgets=made.budgets * 2 + (replace(made.budgets[0], message="x"),)),
        Config((), ()),
    ):
        assert judged(empty).exit_code == 2
        assert judged(empty, {}).problems


def test_whole_model_metrics_have_no_modules() -> None:
    """The depth of a module is not known; a configuration made by hand learns it as a problem."""
    made = config(budget('modules = ["stem"]\nmacs = { max = 9999 }'))
    by_hand = replace(made.budgets[0], limits=(Limit("depth", max=9),))
    assert "of a whole model" in told(judged(replace(made, budgets=(by_hand,))))
    both = replace(made.budgets[0], ops=("conv2d",))
    assert "it has modules and ops" in told(judged(replace(made, budgets=(both,))))
    of_ops = replace(both, modules=(), limits=(Limit("params", max=9),))
    assert "is not counted an operation" in told(judged(replace(made, budgets=(of_ops,))))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"coverage": UNKNOWN}, "no rule prices aten::roll (in body.one)"),
        ({"complete": False, "warnings": ("stopped at fc",)}, "before its end: stopped at fc"),
        ({"convention": "otherwise"}, "another counting convention"),
        ({"mode": "train"}, "of train mode, and the budget file says eval"),
    ],
)
def test_a_lower_bound_never_passes(changes: dict[str, object], said: str) -> None:
    """A report that is not whole, or not of what was asked, passes nothing; what fails is told."""
    text = budget("macs = { max = 3000 }\nparams = { max = 9999 }")
    found = judged(text, report(**changes))
    assert said in told(found)
    assert [(check.metric, check.outcome) for check in found.checks] == [("macs", "fail")]
    assert found.exit_code == 2


def test_other_inputs_than_those_asked_for() -> None:
    """A report of smaller images is none of the model that the file names."""
    text = budget("macs = { max = 9999 }")
    made = config(text)
    for inputs, code in [("f32[1,3,8,8]", 0), ("x=[1, 3, 8, 8]", 0), ("f32[2,3,8,8]", 2)]:
        spec = replace(made.models[0], inputs=(inputs,))
        assert judged(replace(made, models=(spec,))).exit_code == code


def test_models_and_reports_belong_together() -> None:
    """A model without a report, a report of no model: both are problems; no budget is a note."""
    more = '[models.other]\nmodel = "net.py:Net"\n'
    found = judged(more + budget('models = ["net"]\nmacs = { max = 9999 }'))
    assert told(found) == "there is no report of other"
    assert found.notes == ("no budget speaks of other",)
    text = budget("macs = { max = 9999 }")
    assert "which no model is called" in told(judged(text, {"net": report(), "nett": report()}))


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


def test_a_rule_without_a_limit_is_refused() -> None:
    """A limit that says nothing has no rules, and a rule that says nothing no outcome."""
    assert list(rules(Limit("macs"))) == []
    with pytest.raises(ValueError, match="limits nothing"):
        Rule("x", "").held(1, None)


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


def test_budgets_that_overlap_by_what_they_match() -> None:
    """Two globs that meet in one module with two limits are a problem that names both budgets."""
    first = budget('modules = ["body.*"]\nmacs = { max = 3000 }', "wide")
    second = budget('modules = ["**.two"]\nmacs = { max = 2500 }', "narrow")
    found = judged(first + second)
    assert "budget 'narrow' and budget 'wide' (costlab.toml:3) set different max" in told(found)
    assert found.exit_code == 2
    assert judged(first + second.replace("2500", "3000")).exit_code == 0


WAIVED = """\
[[budgets]]
id = "g"
macs = { max = 3000 }
[[waivers]]
budget = "g"
up_to = 3100
reason = "wider stem, #123"
expires = 2026-06-01
"""


@pytest.mark.parametrize(
    ("macs", "today", "outcome", "said"),
    [
        (3_100, TODAY, "waived", "wider stem, #123 (until 2026-06-01, up to 3,100)"),
        (3_101, TODAY, "fail", "beyond its waiver's ceiling of 3,100 (wider stem, #123)"),
        (3_100, date(2026, 6, 2), "fail", "its waiver expired on 2026-06-01 (wider stem, #123)"),
    ],
)
def test_a_waiver(macs: int, today: date, outcome: str, said: str) -> None:
    """A waiver holds through its last day and up to its ceiling; then the failure says why."""
    found = judged(WAIVED, report(leaf("a", macs)), today=today)
    assert [(check.outcome, check.waiver) for check in found.checks] == [(outcome, said)]
    assert found.exit_code == (outcome == "fail")


EACH = """\
[[budgets]]
id = "each"
modules = ["body.*"]
macs = { max = 500 }
[[waivers]]
budget = "each"
modules = ["body.o*"]
up_to = 5000
reason = "the first is wider"
expires = 2026-06-01
"""


def test_a_waiver_of_one_module() -> None:
    """What is waived of one module is not of the next; a glob that matches none is an error."""
    assert values(judged(EACH)) == [("body.one", 1_000, "waived"), ("body.two", 2_000, "fail")]
    found = judged(EACH.replace("body.o*", "bdy.*"))
    assert "waiver of 'each': its budget limits no module of net that 'bdy.*' matches" in told(
        found
    )
    assert {check.outcome for check in found.checks} == {"fail"}
    both = EACH + EACH[EACH.index("[[waivers") :].replace("body.o*", "body.t*")
    assert {check.outcome for check in judged(both).checks} == {"waived"}
    with pytest.raises(UsageError, match="a second waiver of 'each'"):
        config(EACH + EACH[EACH.index("[[waivers") :])
    with pytest.raises(UsageError, match="does not hold modules one by one"):
        config(EACH.replace("macs =", 'per = "sum"\nmacs ='))


def test_a_waiver_that_is_not_needed() -> None:
    """Nobody has to find out by chance that a waiver is left over."""
    (note,) = judged(WAIVED, report(leaf("a", 1))).notes
    assert note.endswith("(wider stem, #123) is not needed; remove it")
    (note,) = judged(WAIVED, report(leaf("a", 1)), today=date(2027, 1, 1)).notes
    assert "is not needed, and has expired" in note


@pytest.mark.parametrize(
    "change",
    [
        {"budget": "h"},
        {"metric": "flops"},
        {"reason": " "},
        {"models": ("other",)},
        {"models": ("net", "other")},
    ],
)
def test_a_malformed_waiver_never_suppresses(change: dict[str, object]) -> None:
    """A waiver that was not read from a file, but made wrongly, is a problem; the limit holds."""
    made = config(WAIVED)
    wrong: Waiver = replace(made.waivers[0], **change)  # type: ignore[arg-type]  # wrong on purpose
    found = judged(replace(made, waivers=(wrong,)))
    assert found.exit_code == 2
    assert [check.outcome for check in found.checks] == ["fail"]


def test_a_waiver_without_its_metric() -> None:
    """Of a budget of several metrics, a waiver that names none applies to none."""
    made = config(WAIVED)
    several = replace(made.budgets[0], limits=(Limit("macs", max=1), Limit("flops", max=1)))
    unnamed = replace(made.waivers[0], metric=None)
    found = judged(replace(made, budgets=(several,), waivers=(unnamed,)))
    assert "does not say which is waived" in told(found)
    assert {check.outcome for check in found.checks} == {"fail"}


def test_a_check_says_where_it_comes_from() -> None:
    """Each check has its budget's place and message, and asks for the class's place if it fails."""
    text = budget('macs = { max = "3k" }\nmessage = "Ask #perf"')
    (check,) = judged(text).checks
    assert (check.place, check.message, check.rule) == (
        Place("costlab.toml", 5), "Ask #perf", "max = 3k"
    )  # fmt: skip


LIMITS = st.builds(
    Limit,
    st.sampled_from(["macs", "params", "depth", "bytes"]),
    *[st.none() | st.integers(0, 9_999)] * 2,
    st.none() | st.fractions(0, 1),
    st.integers(0, 5),
    st.none() | st.fractions(0, 1),
)
USUAL = st.integers(0, 9_999).map(lambda most: Limit("macs", max=most))
SELECTED = st.sampled_from([((), ()), (("body.*",), ()), (("**", "stem"), ()), ((), ("conv2d",))])
ANY = st.lists(st.sampled_from(["x", "body.*", "aux", "stem", "conv2d", "linear"])).map(tuple)


@st.composite
def some_budgets(draw: st.DrawFn) -> list[Budget]:
    """Budgets of which each part is most often sound, and now and then is not."""

    def mostly(sound: st.SearchStrategy[Any], odd: st.SearchStrategy[Any]) -> Any:
        return draw(odd if draw(st.integers(0, 9)) == 9 else sound)

    return [
        Budget(
            mostly(st.just(f"b{number}"), st.just("b0")),
            Place("x", 1),
            mostly(st.sampled_from([("net",), ("*",), ("n*", "**")]), ANY),
            mostly(USUAL.map(lambda one: (one,)), st.lists(LIMITS, max_size=2).map(tuple)),
            *mostly(SELECTED.map(lambda pair: (pair[0], "match", pair[1])),
                    st.tuples(ANY, st.just("sum"), ANY)),
        )
        for number in range(draw(st.integers(0, 3)))
    ]  # fmt: skip


REPORTS = st.sampled_from([report()] * 4 + [report(coverage=UNKNOWN), report(mode="train")])


@given(some_budgets(), REPORTS, st.booleans(), st.booleans())
def test_a_pass_is_earned(made: list[Budget], head: Report, based: bool, anchored: bool) -> None:
    """Exit 0 means that each budget of whatever configuration was held, and each limit of it."""
    whole = replace(config(budget("macs = { max = 1 }")), budgets=tuple(made))
    before = snapshot(whole, {"net": report()})
    found = judged(whole, head, before if based else None, before if anchored else None)
    event(f"exit {found.exit_code}")
    if found.exit_code == 0:
        assert head == report()
        assert made
        for one in made:
            held = [check for check in found.checks if check.budget == one.id]
            assert {check.metric for check in held} >= {limit.metric for limit in one.limits}
            assert all(check.value <= check.limit or check.outcome == "warn" for check in held)
    assert Checks.from_dict(found.to_dict()) == found


def test_what_breaks_is_a_check() -> None:
    """The guard above can fail: a configuration of one limit that holds does end with 0."""
    found = judged(budget("macs = { max = 9999 }"))
    assert found.exit_code == 0
    assert isinstance(found.checks[0], Check)
