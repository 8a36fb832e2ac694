"""`costlab report --mode train`: a step of training below the table of the blocks."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cli.conftest import Costlab


def test_the_command(costlab: Costlab) -> None:
    """The table of a step stands below that of the blocks, with its optimizer."""
    shown = costlab("report", "inception_v3", "--mode", "train", "--optimizer", "rmsprop")
    assert "a step of training with rmsprop" in shown.out
    assert "17,137,516,224 MACs" in shown.out
    assert "a step of training" not in costlab("report", "inception_v3").out


def test_each_format_has_the_numbers(costlab: Costlab) -> None:
    """Markdown, HTML and JSON hold the same totals; CSV stays one table, that of the blocks."""
    arguments = ("report", "inception_v3", "--mode", "train", "--units", "exact", "--format")
    for form in ("markdown", "html"):
        assert "5,699,717,632" in costlab(*arguments, form).out
    document = json.loads(costlab(*arguments, "json").out)
    assert document["training"]["total"]["input_gradient_macs"] == 5_699_717_632
    rows = list(csv.DictReader(io.StringIO(costlab(*arguments, "csv").out)))
    assert int(rows[-1]["macs"]) == document["total"]["macs"]


def test_a_wrong_optimizer_ends_with_2(costlab: Costlab) -> None:
    """Unknown, or without training: a sentence that says what to do."""
    unknown = costlab("report", "inception_v3", "--mode", "train", "--optimizer", "admw")
    assert unknown.code == 2
    assert "Did you mean adamw?" in unknown.err
    unused = costlab("report", "inception_v3", "--optimizer", "adam")
    assert unused.code == 2
    assert "add --mode train" in unused.err
