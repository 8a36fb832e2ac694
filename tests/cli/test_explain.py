"""`costlab explain`: what other counters would print, as a user asks for it."""

from __future__ import annotations

import json
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
