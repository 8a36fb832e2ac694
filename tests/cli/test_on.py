"""`costlab report --on`: what a forward runs on, and the way out for one that needs values."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Costlab

BRANCHES = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(300, 300)

    def forward(self, x):
        y = self.layer(x)
        return self.layer(y) if y.sum() > -1e9 else y
"""


@pytest.fixture
def source(tmp_path: Path) -> str:
    """A model that branches on values, and is too large to be built with weights unasked."""
    path = tmp_path / "branches.py"
    path.write_text(BRANCHES)
    return f"{path}:Net"


def test_a_model_that_needs_values_is_told_how_to_be_run(source: str, costlab: Costlab) -> None:
    """Without weights the error has the reasons and names the option, and the exit code is 2."""
    found = costlab("report", source, "-i", "f32[2,300]")
    assert found.code == 2
    told = " ".join(found.err.split())
    assert "reads the values of a tensor (__bool__)" in told
    assert "`costlab report --on real` builds" in told


def test_real_tensors_count_what_the_values_decide(source: str, costlab: Costlab) -> None:
    """`--on real` builds the weights, runs the forward, and warns that counts depend on values."""
    options = ("--on", "real", "--format", "json")
    found = costlab("report", source, "-i", "f32[2,300]", *options)
    assert found.code == 0
    document = json.loads(found.out)
    assert document["total"]["macs"] == 2 * (2 * 300 * 300)
    (warning,) = (told for told in document["warnings"] if "depends on values" in told)
    assert warning.startswith("__bool__ in the model")


def test_an_unknown_choice_is_refused(source: str, costlab: Costlab) -> None:
    """Only auto, meta, fake and real can be chosen."""
    found = costlab("report", source, "-i", "f32[2,300]", "--on", "tpu")
    assert found.code == 2
    assert "--on is 'tpu'" in found.err
