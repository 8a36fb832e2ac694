"""Waivers: what they let off, until when and up to where, and what a wrong one never does."""

from dataclasses import replace
from datetime import date

import pytest

from costlab.budgets.budget import Limit, Waiver
from costlab.errors import UsageError
from tests.budgets.made import TODAY, config, judged, leaf, report, told, values

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
