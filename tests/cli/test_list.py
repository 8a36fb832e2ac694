"""`costlab list`: the zoo, in every format."""

import json
import re

import pytest

from costlab.zoo import CATALOGUE
from tests.cli.conftest import Costlab

FORMATS = ("text", "json", "csv", "markdown", "html")


@pytest.mark.parametrize("form", FORMATS)
def test_every_network_is_listed(costlab: Costlab, form: str) -> None:
    """Each network, block and factorization stands there, with what its paper prints."""
    found = costlab("list", "--kind", "all", "--format", form)
    assert (found.code, found.err) == (0, "")
    for network in CATALOGUE.values():
        assert network.name in found.out
        for figure in network.published:
            assert figure.printed.replace("<", "").strip() in found.out


def test_traced_figures_stand_beside(costlab: Costlab) -> None:
    """What costlab traces stands in the same row as the name."""
    row = re.compile(
        r"^inception_v3 +3×299×299 +5\.71 G +5 billion; 4\.8 Bn; 5\.713 G "
        r"+27\.2 M +23\.8 M +< 25 million; 27161264 +48 +Inception-v3$",
        re.MULTILINE,
    )
    assert row.search(costlab("list").out)
    exact = costlab("list", "--units", "exact").out
    assert re.search(
        "^inception_v3 .* 5,713,216,096 .* 27,161,264 +23,834,568 ", exact, re.MULTILINE
    )


def test_as_json(costlab: Costlab) -> None:
    """A program gets exact figures, and where each is from."""
    document = json.loads(costlab("list", "--kind", "all", "--format", "json").out)
    assert document["schema"] == "costlab.list/1"
    listed = {network["name"]: network for network in document["networks"]}
    assert listed.keys() == CATALOGUE.keys()
    flagship = listed["inception_v3"]
    assert flagship["traced"]["macs"] == 5_713_216_096
    assert flagship["input_shape"] == [3, 299, 299]
    assert {"macs", "params"} == {figure["metric"] for figure in flagship["published"]}
    assert flagship["kind"] == "network"
    assert flagship["accuracy"][0] == {
        "top1_error": 21.2,
        "top5_error": 5.6,
        "source": "Szegedy et al. 2015, Table 3, last row",
        "crops": 1,
        "models": 1,
    }


@pytest.mark.parametrize("kind", ["network", "block", "factorization"])
def test_one_kind(costlab: Costlab, kind: str) -> None:
    """One kind is listed alone, networks if none is named, and what else there is is counted."""
    wanted = [name for name, network in CATALOGUE.items() if network.kind == kind]
    arguments = () if kind == "network" else ("--kind", kind)
    document = json.loads(costlab("list", *arguments, "--format", "json").out)
    assert [network["name"] for network in document["networks"]] == wanted
    text = costlab("list", *arguments).out
    listed = {line.split(" ")[0] for line in text.splitlines()}
    assert listed & CATALOGUE.keys() == set(wanted)
    (counted,) = re.findall(r"^The zoo also has (.*): costlab list --kind all$", text, re.MULTILINE)
    numbers = [int(number) for number in re.findall(r"\d+", counted)]
    assert len(numbers) == 2
    assert sum(numbers) == len(CATALOGUE) - len(wanted)


def test_all_kinds_in_groups(costlab: Costlab) -> None:
    """Networks come first, then building blocks, then factorizations; no more are left to tell."""
    text = costlab("list", "--kind", "all").out
    titles = re.findall(r"^the (.*) of the zoo$", text, re.MULTILINE)
    assert titles == ["networks", "building blocks", "factorizations"]
    assert text.index("\ninception_v3 ") < text.index("\nfigure5 ") < text.index("\ntwo_3x3 ")
    assert "The zoo also has" not in text
    assert re.search(r"^figure5 .* 5×5 as two 3×3 +Szegedy et al\. 2015, Fig", text, re.MULTILINE)


def test_a_file(costlab: Costlab, tmp_path: pytest.TempPathFactory) -> None:
    """The list is written to files as reports are."""
    target = f"{tmp_path}/zoo.csv"
    assert costlab("list", "--format", f"csv:{target}", "--accessible").out == ""
