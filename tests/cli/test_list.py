"""`costlab list`: the zoo, in every format."""

import json
import re

import pytest

from costlab.zoo import CATALOGUE
from tests.cli.conftest import Costlab

FORMATS = ("text", "json", "csv", "markdown", "html")


@pytest.mark.parametrize("form", FORMATS)
def test_every_network_is_listed(costlab: Costlab, form: str) -> None:
    """Each network stands there, with what its paper prints."""
    found = costlab("list", "--format", form)
    assert (found.code, found.err) == (0, "")
    for network in CATALOGUE.values():
        assert network.name in found.out
        for figure in network.published:
            assert figure.printed.replace("<", "").strip() in found.out


def test_traced_figures_stand_beside(costlab: Costlab) -> None:
    """What costlab traces stands in the same row as the name."""
    row = re.compile(r"^inception_v3 +3×299×299 +5\.71 G +27\.2 M +23\.8 M +48 ", re.MULTILINE)
    assert row.search(costlab("list").out)
    assert "5,713,216,096  27,161,264  23,834,568" in costlab("list", "--units", "exact").out


def test_as_json(costlab: Costlab) -> None:
    """A program gets exact figures, and where each is from."""
    document = json.loads(costlab("list", "--format", "json").out)
    assert document["schema"] == "costlab.list/1"
    listed = {network["name"]: network for network in document["networks"]}
    assert listed.keys() == CATALOGUE.keys()
    flagship = listed["inception_v3"]
    assert flagship["traced"]["macs"] == 5_713_216_096
    assert flagship["input_shape"] == [3, 299, 299]
    assert {"macs", "params"} == {figure["metric"] for figure in flagship["published"]}


def test_a_file(costlab: Costlab, tmp_path: pytest.TempPathFactory) -> None:
    """The list is written to files as reports are."""
    target = f"{tmp_path}/zoo.csv"
    assert costlab("list", "--format", f"csv:{target}", "--accessible").out == ""
