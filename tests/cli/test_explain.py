"""`costlab explain`: what other counters would print, as a user asks for it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from costlab.conventions.tools import TOOLS
from tests.cli.models import IMAGE

if TYPE_CHECKING:
    from tests.cli.conftest import Costlab


@pytest.mark.usefixtures("desk")
def test_the_table_re_adds(costlab: Costlab) -> None:
    """Below each counter stand the terms that lead from costlab's number to it."""
    done = costlab("explain", "net.py:Net", "-i", IMAGE, "--format", "json")
    document = json.loads(done.out)
    assert done.code == 0
    assert [counter["name"] for counter in document["counters"]] == list(TOOLS)
    for counter in document["counters"]:
        assert document["macs"] + sum(n for _, n in counter["terms"]) == counter["macs"]


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize("form", ["text", "markdown", "html"])
def test_what_a_term_does_not_have_is_blank(costlab: Costlab, form: str) -> None:
    """A term is printed by nobody: its cells are empty, and do not say that a number is missing."""
    done = costlab("explain", "net.py:Net", "-i", IMAGE, "--format", form)
    assert done.code == 0
    assert "the sum of" in done.out
    assert not {"–", "&#8211;", "none"} & set(re.split(r"[\s<>|]+", done.out))  # noqa: RUF001 - the dash


def test_an_unknown_counter_is_refused(costlab: Costlab) -> None:
    """With the nearest name that is known."""
    done = costlab("explain", "inception_v3", "--counter", "fvcor")
    assert done.code == 2
    assert "Did you mean fvcore?" in done.err


@pytest.mark.usefixtures("desk")
def test_a_run_is_beside_the_rules(costlab: Costlab) -> None:
    """With --run a column says whether the counter printed the same."""
    done = costlab("explain", "net.py:Net", "-i", IMAGE, "--counter", "fvcore", "--run")
    assert done.code == 0
    assert "printed when run" in done.out
    assert "the same" in done.out


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize(
    ("model", "spec", "agrees"),
    [("net.py:Net", IMAGE, False), ("torch.nn:Linear(4, 2)", "f32[1,4]", True)],
)
def test_what_a_graph_does_not_tell(
    costlab: Costlab, model: str, spec: str, *, agrees: bool
) -> None:
    """Of ptflops it is said what its rules cannot know, where there is such a thing."""
    words = ("explain", model, "-i", spec, "--counter", "ptflops")
    told, ran = (" ".join(costlab(*words, *run).out.split()) for run in ((), ("--run",)))
    assert ("functions are seen by some names alone" not in told) is agrees
    assert ("not explained" not in ran) is agrees
    assert ("functions are seen by some names alone" not in ran) is agrees


@pytest.mark.usefixtures("desk")
def test_it_is_shown_again(costlab: Costlab) -> None:
    """`costlab show` gives the table of a saved explanation, without the model."""
    first = costlab(
        "explain", "net.py:Net", "-i", IMAGE, "--format", "text", "--format", "json:e.json"
    )
    assert costlab("show", "e.json").out == first.out
    refused = costlab("show", "e.json", "--top", "3")
    assert refused.code == 2


@pytest.mark.usefixtures("desk")
def test_a_forward_that_stops_is_told(costlab: Costlab) -> None:
    """As in every command: the place, the user's error, exit 2."""
    done = costlab("explain", "net.py:Broken", "-i", IMAGE)
    assert done.code == 2
    assert "Traceback" not in done.err
