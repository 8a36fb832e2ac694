"""`costlab compare`: networks side by side, in every format."""

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from costlab.comparison import Comparison
from costlab.schemas import schema
from costlab.zoo import CATALOGUE, traced
from tests.cli.conftest import Costlab
from tests.cli.models import IMAGE
from tests.cli.test_schemas import still_valid

FORMATS = ("text", "json", "csv", "markdown", "html")
PAIR = ("inception_v3", "bn_inception")


def rows(text: str) -> list[dict[str, str]]:
    """The rows of a table in CSV."""
    return list(csv.DictReader(io.StringIO(text)))


def document(costlab: Costlab, *arguments: str) -> Any:
    """The comparison as JSON; it was made without a word on stderr."""
    found = costlab("compare", *arguments, "--format", "json")
    assert (found.code, found.err) == (0, "")
    return json.loads(found.out)


@pytest.mark.parametrize("form", FORMATS)
def test_a_row_a_network(costlab: Costlab, form: str) -> None:
    """Each network stands there in each format, with its multiply-adds, exact or rounded."""
    found = costlab("compare", *PAIR, "--format", form)
    assert (found.code, found.err) == (0, "")
    for name, rounded in zip(PAIR, ("5.71 G", "2.03 G"), strict=True):
        assert name in found.out
        assert rounded in found.out or str(traced()[name]["macs"]) in found.out


def test_the_text(costlab: Costlab) -> None:
    """A row tells the costs, how they are beside the first's, the printed errors, and the mark."""
    text = costlab("compare", *PAIR).out
    assert text.startswith("2 networks · eval\n")
    assert re.search(
        r"^inception_v3  f32\[1,3,299,299\] +5\.71 G +1\.00× +27\.2 M +23\.8 M +1\.00× .* 48 "
        r"+21\.2 +5\.6 +yes$",
        text,
        re.MULTILINE,
    )
    assert re.search(r"^bn_inception .* 2\.03 G +0\.356× .* 25\.2 +7\.8 +yes$", text, re.MULTILINE)
    assert "× MACs and × executed (parameters): beside inception_v3, the first named." in text
    assert "Pareto, yes: of the networks here" in text
    assert "bn_inception (Szegedy et al. 2015, Table 3)" in " ".join(text.split())


def test_the_whole_zoo(costlab: Costlab) -> None:
    """All networks fit in one table, each with the figures that the list has."""
    found = {each["model"]: each for each in document(costlab, *CATALOGUE)["networks"]}
    assert list(found) == list(CATALOGUE)
    for name, figures in traced().items():
        assert {key: found[name]["total"][key] for key in figures} == figures
    competing = {name for name, each in found.items() if each["pareto"] is not None}
    marked = {name for name, each in found.items() if each["pareto"]}
    assert marked < competing < found.keys()
    assert {"inception_v3", "bn_inception"} <= marked
    # Both have the same multiply-adds, and normalization lowers the error.
    assert found["googlenet"]["pareto"] is False


@pytest.mark.parametrize(
    "arguments",
    [PAIR, ("resnet18", "prelu_net_c", "-i", "f32[2,3,64,64]", "--mode", "train")],
    ids=" ".join,
)
def test_the_document(costlab: Costlab, arguments: tuple[str, ...]) -> None:
    """The document is valid by its schema, and loaded again it is the same."""
    found = document(costlab, *arguments)
    errors = Draft202012Validator(schema("costlab.compare/1")).iter_errors(found)
    assert [f"{error.json_path}: {error.message}" for error in errors] == []
    assert Comparison.from_dict(found).to_dict() == found


def test_a_changed_document_is_invalid(costlab: Costlab) -> None:
    """Whatever key is taken away or added, whatever value changes its type: it is found."""
    assert still_valid(document(costlab, "inception_v3", "googlenet")) == []


def test_one_input_for_all(costlab: Costlab, desk: Path) -> None:
    """An input that is given goes to every network, the title tells it, and it stands in no row."""
    del desk
    text = costlab("compare", "resnet18", "net.py:Net", "-i", IMAGE, "--mode", "train").out
    assert text.startswith(f"2 networks · train · {IMAGE}\n")
    assert text.count(IMAGE) == 1
    assert "Pareto" not in text, "no column that would be empty"


def test_arguments_make_another_network(costlab: Costlab) -> None:
    """A variant stands beside its original, without the error that is not its own."""
    own, wide, small = document(costlab, "inception_v3", "inception_v3(width=2)", "resnet18")[
        "networks"
    ]
    assert wide["macs_ratio"] > 3
    assert (own["as_published"], wide["as_published"], small["as_published"]) == (True, False, True)
    assert (own["pareto"], wide["pareto"], small["pareto"]) == (True, None, None)
    assert own["accuracy"] == wide["accuracy"] != []


def test_another_size_is_not_as_published(costlab: Costlab) -> None:
    """An error holds for the size of image that it was measured with; the note says so."""
    text = " ".join(costlab("compare", *PAIR, "-i", "f32[8,3,299,299]").out.split())
    assert "Not as published, so without an error: bn_inception;" in text
    assert "(Szegedy et al. 2015, Table 3, last row)" in text


def test_errors_of_many_crops_do_not_compete(costlab: Costlab) -> None:
    """PReLU-net is printed with ten crops and more: the note names it, and it has no mark."""
    found = costlab("compare", "googlenet", "prelu_net_c")
    assert "only for several crops or networks, so without an error: prelu_net_c." in found.out
    first, second = document(costlab, "googlenet", "prelu_net_c")["networks"]
    assert (first["pareto"], second["pareto"]) == (True, None)
    assert second["accuracy"][0]["crops"] == 10


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("macs", ["vgg16", "inception_v3", "googlenet"]),
        ("macs_ratio:desc", ["vgg16", "inception_v3", "googlenet"]),
        ("params:asc", ["googlenet", "inception_v3", "vgg16"]),
        ("top1_error:asc", ["inception_v3", "googlenet", "vgg16"]),
        ("top1_error:desc", ["googlenet", "inception_v3", "vgg16"]),
    ],
)
def test_sorted(costlab: Costlab, sort: str, order: list[str]) -> None:
    """Rows stand in the order asked for, those without a number last; ratios stay to the first."""
    names = ("googlenet", "vgg16", "inception_v3")
    found = rows(costlab("compare", *names, "--sort", sort, "--format", "csv").out)
    assert [row["network"] for row in found] == order
    ratio = {row["network"]: row["macs_ratio"] for row in found}
    assert ratio["googlenet"] == "1.0"
    saved = document(costlab, *names, "--sort", sort)["networks"]
    assert [each["model"] for each in saved] == list(names), "the document keeps the order named"


def test_a_lower_bound_is_marked(costlab: Costlab, desk: Path) -> None:
    """What could not be counted makes a bound: in the row, under the table, in the document."""
    del desk
    arguments = ("compare", "torch.nn:Linear(4, 4)", "net.py:Sorted", "-i", "f32[4,4]")
    text = costlab(*arguments).out
    assert re.search(r"^net\.py:Sorted +≥ +0 +\N{EN DASH} ", text, re.MULTILINE)
    assert re.search(r"^warning: net\.py:Sorted: ≥: no rule prices \S+svd", text, re.MULTILINE)
    found = costlab(*arguments, "--format", "json")
    linear, bound = json.loads(found.out)["networks"]
    assert (linear["lower_bound"], bound["lower_bound"]) == (False, True)
    assert bound["macs_ratio"] is None
    assert len(bound["unknown"]) == 1
    assert "warning: net.py:Sorted is a lower bound: " in found.err
    assert "warning" not in costlab(*arguments, "--format", "json", "--quiet").err


REFUSED = [
    (["resnet18"], r"resnet18 alone .* `costlab report resnet18`"),
    (["resnet18(classes=5)"], r"`costlab report 'resnet18\(classes=5\)'`"),
    (["resnet18", "resnet34", "resnet18"], "resnet18 is named 2 times"),
    (["resnet18", "resnet43"], "no network is called 'resnet43'. Did you mean resnet34?"),
    (["resnet18", "resnet34", "--sort", "mac"], "Did you mean macs?"),
    (["resnet18", "resnet34", "--sort", "input"], "no column of numbers"),
    (["resnet18", "resnet34", "--sort", "macs:up"], "macs:asc or macs:desc"),
    (["resnet18", "resnet34", "-i", "f32[1,3"], "cannot read the input spec"),
    ([], "missing argument"),
]


@pytest.mark.parametrize(("arguments", "message"), REFUSED, ids=[" ".join(a) for a, _ in REFUSED])
def test_what_cannot_be_compared(costlab: Costlab, arguments: list[str], message: str) -> None:
    """Refused before anything is built, with the remedy."""
    found = costlab("compare", *arguments, "--verbose")
    assert (found.code, found.out) == (2, "")
    assert re.search(message, found.err), found.err
    assert "build:" not in found.err


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("net.py:Broken", "net.py:Broken: the forward stopped at "),
        ("net.py:Raises", "net.py:Raises: the forward stopped at "),
        ("net.py:Exits", "net.py:Exits exits instead of computing"),
        ("net.py:typo", "net.py:typo could not be built"),
        ("net.py:missing", "net.py has no 'missing'"),
        ("inception_v3", "inception_v3: the forward stopped at "),
    ],
)
def test_one_that_fails(costlab: Costlab, desk: Path, model: str, message: str) -> None:
    """The error names which one it was, and nothing is written, whatever the others cost."""
    found = costlab(
        *("compare", "torch.nn:Identity", model, "-i", IMAGE),
        *("--format", "text", "--format", "json:out.json"),
    )
    assert (found.code, found.out) == (2, "")
    assert message in found.err
    assert not (desk / "out.json").exists()


def test_one_without_an_input(costlab: Costlab, desk: Path) -> None:
    """A model of a user's has no input of its own, and is named."""
    del desk
    found = costlab("compare", "resnet18", "net.py:Net")
    assert found.code == 2
    assert "error: net.py:Net needs its inputs: forward(x)." in found.err


@pytest.mark.parametrize("command", ["report", "compare"])
def test_an_image_too_small(costlab: Costlab, command: str) -> None:
    """Of a network of the zoo both commands tell the smallest image that it takes."""
    models = ["inception_v3"] if command == "report" else ["inception_v3", "resnet18"]
    found = costlab(command, *models, "--input", "f32[1,3,60,60]")
    assert found.code == 2
    assert "the smallest square image that inception_v3 takes in eval mode is 75×75" in found.err


def test_a_users_model_is_not_searched(costlab: Costlab, desk: Path) -> None:
    """What a model of a user's takes is not tried out."""
    del desk
    found = costlab("report", "net.py:Net", "-i", "f32[1,3,9,9]", "--verbose")
    assert found.code == 2
    assert "search:" not in found.err
    assert "smallest" not in found.err


def test_a_narrow_terminal(costlab: Costlab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Costs, errors and marks are the last to go, and what there is no room for is named."""
    monkeypatch.setenv("COLUMNS", "80")
    text = costlab("compare", *PAIR, "--sort", "depth").out
    table, _, notes = text.partition("No room for ")
    assert max(map(len, table.splitlines())) <= 80
    header = table.splitlines()[2]
    for title in ("network", "MACs", "depth", "top-1 error %", "Pareto"):
        assert title in header
    assert notes.startswith("input, ")
