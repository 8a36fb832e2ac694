"""Training as a part of a report: saved, loaded and shown."""

from __future__ import annotations

import json
from typing import Any

import pytest
from torch import nn

import costlab
from costlab.errors import DocumentError, UsageError
from costlab.render import terminal
from costlab.render.training import training_table
from costlab.render.views import Show
from costlab.report import Report
from costlab.training import BlockCost, Training


def model() -> nn.Sequential:
    """Two stages of two layers, the first of them frozen."""
    stages = [nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU()) for _ in range(2)]
    stages[1] = nn.Sequential(nn.Conv2d(8, 4, 3), nn.Flatten())
    stages[0].requires_grad_(False)
    return nn.Sequential(*stages, nn.Linear(4 * 4 * 4, 10))


def report(**options: Any) -> Report:
    """The report of a step."""
    return costlab.analyze(model(), "f32[2,3,8,8]", mode="train", **options)


def training() -> Training:
    """Its part on training."""
    found = report().training
    assert found is not None
    return found


def test_a_report_of_eval_has_no_part_on_training() -> None:
    """Nor has one whose mode is only the model's own."""
    assert costlab.analyze(model(), "f32[2,3,8,8]", mode="eval").training is None
    assert "training" not in costlab.analyze(model(), "f32[2,3,8,8]").to_dict()


def test_saved_and_loaded_it_is_the_same() -> None:
    """A report goes through JSON unchanged; without the part it loads as before."""
    made = report(optimizer="adamw")
    document = json.loads(made.to_json())
    assert Report.from_dict(document) == made
    del document["training"]
    assert Report.from_dict(document).training is None


@pytest.mark.parametrize("value", [-1, 1.5, True, None, "7"])
def test_a_damaged_count_is_refused(value: object) -> None:
    """What is no count is no count of training either."""
    document = json.loads(report().to_json())
    document["training"]["blocks"][0]["own_forward_macs"] = value
    with pytest.raises(DocumentError, match="damaged"):
        Report.from_dict(document)


def test_blocks_add_up() -> None:
    """The total is what the blocks do themselves, and a block what its own add up to."""
    found = training()
    summed = BlockCost(*map(sum, zip(*found.own.values(), strict=True)))
    assert found.total == summed
    assert found.block("1") == found.own["1.0"].plus(found.block("1.1"))
    assert found.block("0").weight_gradient_macs == found.block("1").input_gradient_macs == 0
    assert found.total.forward_macs == report().total.macs


def test_the_rows_of_the_table_add_up() -> None:
    """The rows of each level add up to the total, whatever is left out."""
    made = report()
    for show in (Show(depth=1), Show(depth=1, top=1), Show(modules=("1", "2"))):
        table = training_table(made, show)
        *rows, total = [row.cells for row in table.rows]
        for index in range(1, len(table.columns)):
            column = [row[index] for row in rows]
            assert sum(cell for cell in column if isinstance(cell, int)) == total[index]
    with pytest.raises(UsageError, match="no module matches"):
        training_table(made, Show(modules=("nothing",)))


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_fits_a_terminal(width: int) -> None:
    """On a page of either width all columns are there, and no line is longer."""
    text = terminal.render(training_table(report()), width=width, environ={})
    assert all(len(line) <= width for line in text.splitlines())
    for title in ("forward", "input grad.", "weight grad.", "MACs", "saved"):
        assert title in text
