"""Limits that a commit's budget file has and that of now does not."""

import pytest

from costlab.budgets.configfile import parsed
from costlab.budgets.lost import lost

HEAD = "[models.net]\nmodel = 'net.py:Net'\n[models.two]\nmodel = 'net.py:Two'\n"
GROWTH = "[[budgets]]\nid = 'growth'\nmacs = { max_increase = '0%' }\n"
LATE = "[[budgets]]\nid = 'late'\nmodules = ['a*']\nmacs = { max = 9, warn = 8 }\n"
HELD = "budget 'growth' at main holds the macs of net (max_increase), and no budget does now"
LESS = "budget 'late' at main holds the macs of a* in {} (max), and no budget does now"


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (HEAD + GROWTH + LATE, []),
        (HEAD + GROWTH.replace("growth", "other") + LATE.replace("9", "99"), []),
        (HEAD + GROWTH + "models = ['two']\n" + LATE, [HELD]),
        (HEAD + GROWTH, [LESS.format("net"), LESS.format("two")]),
        (HEAD.partition("[models.two]")[0] + GROWTH + LATE,
         ["two has budgets at main, and is not checked any more"]),
        (HEAD.replace(".two]", ".new]") + GROWTH + LATE, ["two is called new since main"]),
    ],
    ids=["same", "another id and number", "narrower", "a budget", "a model", "a name"],
)  # fmt: skip
def test_what_is_no_longer_held(now: str, told: list[str]) -> None:
    """A narrower budget, one less, a model less: each is told; a number that moved is not."""
    found = list(lost(parsed(now), parsed(HEAD + GROWTH + LATE), "main"))
    assert [one.text for one in found] == told
    assert all(one.held == ("is called" in one.text) for one in found)
