"""Checks by hand, for the tests of what they look like."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from costlab.budgets.budget import METRICS, Place
from costlab.budgets.checks import Check, Checks, Outcome, Problem

VERSIONS = {"costlab": "0.1.0", "torch": "2.13.0"}
HOSTILE = [
    "\n::error::forged",
    "::error file=a,line=1::forged",
    "a ::set-output name=x::y",
    "##[error]forged",
    "x\r\n::warning::forged",
    "</script><script>alert(1)</script>",
    "]]>",
    "]]><failure/>",
    "<!-- costlab check -->",
    "--> <b>",
    "a|b",
    "\x1b[31mred",
    "\x00",
    "\ud800",
    "\udcff.stem",
    "\u2028::error::forged",
    "\u202e",
    "[click](http://example.org)",
    "{0} {1}",
    "@everyone #1",
    "%0A::error::forged",
    "&amp;",
    "\ufffe",
    "../../etc/passwd",
    "C:\\x",
    "",
]


def check(outcome: Any = "fail", **changed: Any) -> Check:
    """A check of a module of Inception-v3, with some of it changed."""
    value = {"fail": 410_000_000, "warn": 405_000_000, "waived": 408_000_000}.get(outcome, 1)
    given = {
        "budget": "late",
        "model": "inception",
        "subject": "Mixed_7b",
        "metric": "macs",
        "value": value,
        "limit": 400_000_000,
        "rule": "max = 400M",
        "outcome": outcome,
        "place": Place("costlab.toml", 12),
    }
    return Check(**{**given, **changed})


def checks(*found: Check, problems: tuple[Problem, ...] = (), **changed: Any) -> Checks:
    """Some checks as a document."""
    return Checks(found, problems, VERSIONS, **changed)


texts = st.one_of(st.text(), st.sampled_from(HOSTILE), st.text(alphabet="::#[]%\n\r,|<>&\ud800a"))
places = st.builds(Place, texts, st.integers(0, 10**6))
counts = st.integers(0, 2**63)


@st.composite
def any_check(draw: st.DrawFn) -> Check:
    """Any check that a document may hold."""
    value, limit = draw(counts), draw(counts)
    over = value > limit
    broken: list[Outcome] = ["fail", "warn", "waived"]
    outcome = draw(st.sampled_from(broken)) if over else "pass"
    base = draw(st.none() | counts)
    if draw(st.integers(0, 4)) == 0:
        limit, outcome, base = value, "new", None
    return Check(
        *(draw(texts), draw(texts), draw(texts)),
        draw(st.sampled_from(METRICS)),
        *(value, limit, draw(texts)),
        outcome,
        draw(places),
        base,
        draw(st.none() | places),
        *(draw(texts), draw(texts), draw(texts)),
    )


any_problem = st.builds(Problem, texts, st.none() | places, texts)
any_checks = st.builds(
    Checks,
    st.lists(any_check(), max_size=4).map(tuple),
    st.lists(any_problem, max_size=2).map(tuple),
    st.just(VERSIONS),
    texts,
    st.lists(texts, max_size=2).map(tuple),
)
