"""Budgets held against reports: exact, in a closed world; each hole of other gates is shut."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from costlab.budgets.baseline import snapshot
from costlab.budgets.budget import Budget, Config, Limit, Place
from costlab.budgets.checks import Check, Checks
from costlab.budgets.limits import Rule, rules
from costlab.budgets.subjects import outermost
from costlab.report import Report
from tests.budgets.made import UNKNOWN, budget, config, judged, leaf, report, told, values


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


def test_a_rule_without_a_limit_is_refused() -> None:
    """A limit that says nothing has no rules, and a rule that says nothing no outcome."""
    assert list(rules(Limit("macs"))) == []
    with pytest.raises(ValueError, match="limits nothing"):
        Rule("x", "").held(1, None)


def test_budgets_that_overlap_by_what_they_match() -> None:
    """Two globs that meet in one module with two limits are a problem that names both budgets."""
    first = budget('modules = ["body.*"]\nmacs = { max = 3000 }', "wide")
    second = budget('modules = ["**.two"]\nmacs = { max = 2500 }', "narrow")
    found = judged(first + second)
    assert "budget 'narrow' and budget 'wide' (costlab.toml:3) set different max" in told(found)
    assert found.exit_code == 2
    assert judged(first + second.replace("2500", "3000")).exit_code == 0


def test_a_check_says_where_it_comes_from() -> None:
    """Each check has its budget's place and message, and asks for the class's place if it fails."""
    text = budget('macs = { max = "3k" }\nmessage = "Ask #perf"')
    (check,) = judged(text).checks
    assert (check.place, check.message, check.rule) == (
        Place("costlab.toml", 5), "Ask #perf", "max = 3k"
    )  # fmt: skip


PATHS = st.lists(st.sampled_from(["a", "b", "a.b", "a.b.c", "b.a", "ab", "ab.c"]), unique=True)


@given(PATHS)
def test_the_outermost_are_in_no_other(paths: list[str]) -> None:
    """Whatever is selected, in whatever order: a module counts unless another around it does."""
    assert outermost(paths) == [
        path for path in paths if not any(path.startswith(f"{other}.") for other in paths)
    ]


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
