"""Budgets of the command line: read like those of a file, and never instead of them."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costlab.budgets.budget import Place
from costlab.budgets.command import beside, budgets, for_model
from costlab.errors import UsageError
from tests.budgets.made import config, judged, report


def test_all_options() -> None:
    """Each option sets its part of one budget, in the order of the metrics."""
    (found,) = budgets(
        most=["params=25M", "macs=5.8G"],
        warn=["macs=5.75 GMACs"],
        increase=["macs=2%"],
        modules=["Mixed_7?"],
    )
    macs, params = found.limits
    assert (macs.max, macs.warn, macs.max_increase) == (58 * 10**8, 575 * 10**7, Fraction(1, 50))
    assert (params.metric, params.max) == ("params", 25 * 10**6)
    assert (found.modules, found.place) == (("Mixed_7?",), Place("--max --warn --max-increase"))
    assert macs.written == {"max": "5.8G", "warn": "5.75 GMACs", "max_increase": "2%"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"most": ["macs"]}, "--max macs: write a metric and its limit"),
        ({"most": ["mac=3"]}, "no metric 'mac'. Did you mean macs"),
        ({"most": ["macs=5 GFLOPs"]}, "--max macs=5 GFLOPs: .*in FLOPs"),
        ({"most": ["macs=1", "macs=2"]}, "a limit of macs already"),
        ({"increase": ["macs=2"]}, "--max-increase macs=2: .*no percentage"),
        ({"most": ["macs=1"], "warn": ["macs=1"]}, "--warn macs is not below --max"),
        ({"most": ["depth=1"], "modules": ["a"]}, "depth is of a whole model"),
        ({"most": ["macs=1"], "modules": [" "]}, "--module is empty"),
        ({"most": ["macs=1"], "modules": ["[b-a]"]}, "cannot read the module glob"),
        ({"modules": ["a"]}, "--module needs a limit"),
    ],
)
def test_what_is_refused(options: dict[str, list[str]], said: str) -> None:
    """Each option that cannot be read names itself."""
    with pytest.raises(UsageError, match=said):
        budgets(**options)


def test_one_model() -> None:
    """A model named as it was written is held to the limits, whatever characters it has."""
    source = "net.py:Net(width=[1])"
    made = for_model(source, budgets(most=["macs=3100"]), inputs=["f32[1,3,8,8]"])
    assert judged(made, {source: report()}).exit_code == 0
    assert judged(made, {source: report(mode="train")}).exit_code == 2
    for wrong in ({"mode": "evl"}, {"inputs": ["f32[x]"]}):
        with pytest.raises(UsageError):
            for_model(source, made.budgets, **wrong)
    with pytest.raises(UsageError, match="there is no limit for"):
        for_model(source, ())


def test_beside_a_file() -> None:
    """A limit of the command line cannot loosen that of a file: two limits are an error."""
    made = config('[[budgets]]\nid = "a"\nmacs = { max = 3000 }\n')
    assert judged(beside(made, budgets(most=["params=9k"]))).exit_code == 1
    with pytest.raises(UsageError, match=r"'command line' and budget 'a' .*set different max"):
        beside(made, budgets(most=["macs=9k"]))


@given(st.lists(st.text(max_size=12) | st.sampled_from(["macs=1", "bytes=1 B", "depth=2%"])))
def test_any_text_is_a_budget_or_an_error(texts: list[str]) -> None:
    """No text gives a traceback, and no limit is left out."""
    try:
        found = budgets(most=texts)
    except UsageError:
        return
    assert sum(len(one.limits) for one in found) == len(texts)
