"""`costlab report` and `show`: folded layers, sums by operation and kind, parameters."""

import csv
import io
import json
import re
from pathlib import Path

import pytest

from tests.cli.conftest import Costlab

INPUT = ("-i", "i64[2,7]")
LAYERS = """\
import torch
from torch import nn


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(8)
        self.up = nn.Linear(8, 32)
        self.down = nn.Linear(32, 8)

    def forward(self, x):
        return x + self.down(torch.relu(self.up(self.norm(x))))


class Layers(nn.Module):
    def __init__(self, depth=6):
        super().__init__()
        self.table = nn.Embedding(50, 8)
        self.layers = nn.ModuleList([Layer() for _ in range(depth)])
        self.head = nn.Linear(8, 50, bias=False)
        self.head.weight = self.table.weight
        self.gates = nn.ModuleList([nn.Linear(8, 1) for _ in range(4)])
        self.layers[0].requires_grad_(False)

    def forward(self, x):
        x = self.table(x)
        for layer in self.layers:
            x = layer(x)
        return torch.unique_consecutive(self.head(x))
"""
TOKENS = 2 * 7
LAYER_MACS = TOKENS * 8 * 32 * 2
LAYER_PARAMS = 2 * 8 + (8 * 32 + 32) + (32 * 8 + 8)
HEAD_MACS = TOKENS * 8 * 50
OPTIONS: tuple[tuple[str, ...], ...] = (
    (),
    ("--no-fold",),
    ("--by", "op"),
    ("--by", "kind", "--top", "2", "--sort", "params"),
    ("--by", "op", "--module", "layers.*", "--columns", "calls,bytes"),
    ("--params", "--top", "3"),
)


@pytest.fixture(autouse=True)
def _layers(desk: Path) -> None:
    """A stack of equal layers, as a user's file."""
    (desk / "layers.py").write_text(LAYERS, encoding="utf-8")


def parsed(text: str) -> list[dict[str, str]]:
    """The rows of a table as CSV."""
    return list(csv.DictReader(io.StringIO(text)))


def test_equal_layers_are_one_row(costlab: Costlab) -> None:
    """The row is the sum of all; a note says what one costs."""
    found = costlab("report", "layers.py:Layers", *INPUT, "--units", "exact")
    (line,) = re.findall(r"^layers\.0…5 ×6 .*$", found.out, re.MULTILINE)
    assert f" {6 * LAYER_MACS:,} " in line
    assert f" {6 * LAYER_PARAMS:,} " in line
    text = " ".join(found.out.split())
    assert f"6 equal blocks of {LAYER_MACS / 1000:.2f} k MACs and {LAYER_PARAMS} params" in text
    assert "(--no-fold shows each)" in text


def test_every_layer_if_asked(costlab: Costlab) -> None:
    """Without folding there is a row a layer; for a program there always is."""
    found = costlab("report", "layers.py:Layers", *INPUT, "--no-fold", "--depth", "2")
    assert len(re.findall(r"^  [0-5] +7×8 ", found.out, re.MULTILINE)) == 6
    assert "×6" not in found.out
    table = parsed(
        costlab("report", "layers.py:Layers", *INPUT, "--depth", "2", "--format", "csv").out
    )
    macs = [int(row["macs"]) for row in table if re.fullmatch(r"layers\.\d", row["block"])]
    assert macs == [LAYER_MACS] * 6


def test_by_operation(costlab: Costlab) -> None:
    """Each operation once, whichever module runs it; what is unknown has its elements alone."""
    table = parsed(
        costlab("report", "layers.py:Layers", *INPUT, "--by", "op", "--format", "csv").out
    )
    found = {row["op"]: row for row in table}
    assert int(found["linear"]["macs"]) == 6 * LAYER_MACS + HEAD_MACS
    assert int(found["linear"]["calls"]) == 6 * 2 + 1
    unknown = found["unique_consecutive"]
    assert (unknown["macs"], unknown["flops"], unknown["calls"]) == ("", "", "1")
    assert int(unknown["elements"]) > 0
    assert int(found["total"]["macs"]) == 6 * LAYER_MACS + HEAD_MACS


def test_by_kind(costlab: Costlab) -> None:
    """Each class once: a linear layer's cost is its own, and not that of the layer around it."""
    table = parsed(
        costlab("report", "layers.py:Layers", *INPUT, "--by", "kind", "--format", "csv").out
    )
    found = {row["kind"]: row for row in table}
    assert int(found["Linear"]["macs"]) == 6 * LAYER_MACS + HEAD_MACS
    assert int(found["Linear"]["modules"]) == 6 * 2 + 1 + 4
    assert int(found["Layer"]["macs"]) == 0
    assert int(found["Layer"]["flops"]) == 6 * TOKENS * (8 + 32)
    assert int(found["total"]["params"]) == 50 * 8 + 6 * LAYER_PARAMS + 4 * 9


def test_parameters_are_told_below_the_table(costlab: Costlab) -> None:
    """Bytes by type, what is frozen, tied and never executed, with names."""
    text = " ".join(costlab("report", "layers.py:Layers", *INPUT).out.split())
    size = 4 * (50 * 8 + 6 * LAYER_PARAMS + 4 * 9) / 1024
    assert f"Parameters: {size:.1f} KiB float32 · {LAYER_PARAMS} frozen." in text
    assert "Tied, counted once: table.weight = head.weight (400)." in text
    assert "Never executed in eval mode: gates." in text


def test_the_list_of_parameters(costlab: Costlab) -> None:
    """A row a parameter with its remarks, the rest of the largest in one, and their total."""
    found = costlab("report", "layers.py:Layers", *INPUT, "--params", "--format", "csv")
    *each, total = parsed(found.out)
    assert len(each) == 1 + 6 * 6 + 4 * 2
    assert sum(int(row["elements"]) for row in each) == int(total["elements"])
    remarks = {row["parameter"]: row["remark"] for row in each}
    assert remarks["table.weight"] == "tied: head.weight"
    assert remarks["layers.0.up.bias"] == "frozen"
    assert remarks["gates.3.bias"] == "never executed"
    assert remarks["layers.1.up.bias"] == ""
    found = costlab("report", "layers.py:Layers", *INPUT, "--params", "--top", "1")
    below = found.out.partition("\nparameters\n")[2]
    assert re.search(
        r"^table\.weight +50×8 +float32 +400 +1\.56 KiB +tied: head\.weight$", below, re.MULTILINE
    )
    assert re.search(r"^and 44 more ", below, re.MULTILINE)


def test_parameters_of_some_modules(costlab: Costlab) -> None:
    """Of the modules that are named, also by a name that a tied one has besides."""
    found = costlab(
        *("report", "layers.py:Layers", *INPUT, "--params", "--format", "csv"),
        *("--module", "head", "--module", "layers.5"),
    )
    names = [row["parameter"] for row in parsed(found.out)]
    assert names[0] == "table.weight"
    assert [name.rpartition(".")[0] for name in names[1::2]][:3] == [
        "layers.5.norm",
        "layers.5.up",
        "layers.5.down",
    ]


def test_json_is_neither_folded_nor_grouped(costlab: Costlab) -> None:
    """Whatever is shown, the document holds every block and every parameter."""
    plain = costlab("report", "layers.py:Layers", *INPUT, "--format", "json")
    other = costlab("report", "layers.py:Layers", *INPUT, "--by", "op", "--format", "json")
    assert other.out == plain.out
    document = json.loads(plain.out)
    (layers,) = [block for block in document["blocks"] if block["path"] == "layers"]
    assert len(layers["children"]) == 6
    found = document["parameters"]
    assert found["frozen"] == LAYER_PARAMS
    assert found["each"][0]["aliases"] == ["head.weight"]
    assert found["elements"] == document["total"]["params"]
    assert found["executed"] == found["elements"] - 4 * 9


@pytest.mark.parametrize("options", OPTIONS, ids=" ".join)
@pytest.mark.parametrize("form", ["text", "csv", "markdown", "html"])
def test_a_saved_report_shows_the_same(
    costlab: Costlab, form: str, options: tuple[str, ...]
) -> None:
    """In every format, with every option, a saved report shows what the fresh one did."""
    costlab("report", "layers.py:Layers", *INPUT, "--format", "json:a.json")
    direct = costlab("report", "layers.py:Layers", *INPUT, "--format", form, *options)
    assert costlab("show", "a.json", "--format", form, *options) == direct
    assert direct.code == 0


def older(desk: Path) -> None:
    """Saves a report as a costlab did that knew no list of parameters."""
    document = json.loads((desk / "a.json").read_text(encoding="utf-8"))
    del document["parameters"]
    (desk / "old.json").write_text(json.dumps(document), encoding="utf-8")


def test_a_report_of_an_earlier_costlab(costlab: Costlab, desk: Path) -> None:
    """Without a list of parameters it is shown as ever, by operation too; the list is refused."""
    costlab("report", "layers.py:Layers", *INPUT, "--format", "json:a.json")
    older(desk)
    found = costlab("show", "old.json")
    assert found.code == 0
    assert "Never executed in eval mode: gates." in found.out
    assert "layers.0…5 ×6" in found.out
    assert costlab("show", "old.json", "--by", "kind").code == 0
    refused = costlab("show", "old.json", "--params")
    assert refused.code == 2
    assert "does not list its parameters: an earlier costlab saved it" in refused.err


DAMAGES: tuple[tuple[dict[str, object], str], ...] = (
    ({"each": []}, "its parameters add up to 0 and 0"),
    ({"each": [{"path": "w"}]}, "KeyError: 'shape'"),
    ({"each": 5}, "TypeError"),
    ({"buffers": {"tensors": -1, "elements": 0, "bytes": 0}}, "-1 is no count"),
)


@pytest.mark.parametrize(("damage", "message"), DAMAGES, ids=[text for _, text in DAMAGES])
def test_a_damaged_list_is_refused(
    costlab: Costlab, desk: Path, damage: dict[str, object], message: str
) -> None:
    """A list of parameters that cannot be is an error that says what is wrong."""
    costlab("report", "layers.py:Layers", *INPUT, "--format", "json:a.json")
    document = json.loads((desk / "a.json").read_text(encoding="utf-8"))
    document["parameters"].update(damage)
    (desk / "a.json").write_text(json.dumps(document), encoding="utf-8")
    found = costlab("show", "a.json")
    assert (found.code, found.out) == (2, "")
    assert "the report is damaged" in found.err
    assert message in found.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--by", "op", "--depth", "2"), "by op there are none"),
        (("--by", "op", "--columns", "params"), "no column 'params' by op"),
        (("--by", "kind", "--sort", "cost"), "no column 'cost' by kind"),
        (("--params", "--module", "lasers"), "no module matches 'lasers'. Did you mean layers?"),
    ],
    ids=str,
)
def test_what_cannot_be_shown(costlab: Costlab, options: tuple[str, ...], message: str) -> None:
    """Options that contradict each other, and columns that have no meaning, are refused."""
    found = costlab("report", "layers.py:Layers", *INPUT, *options)
    assert found.code == 2
    assert message in found.err


@pytest.mark.parametrize("option", [("--by", "op"), ("--no-fold",), ("--params",)], ids=" ".join)
def test_only_a_report_has_such_rows(costlab: Costlab, option: tuple[str, ...]) -> None:
    """A comparison has neither blocks nor parameters to choose from."""
    costlab("compare", "googlenet", "alexnet", "--format", "json:b.json")
    found = costlab("show", "b.json", *option)
    assert (found.code, found.out) == (2, "")
    assert f"{option[0]} chooses from a report" in found.err
