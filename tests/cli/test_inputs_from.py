"""`--inputs-from` and `--on` wherever a command runs a forward, and in the budget file."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Costlab

CODE = """
import torch
from torch import nn


class Turned(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(8, 4)

    def forward(self, batch):
        x = batch["x"] * batch["mask"][..., None]
        return self.layer(x if x.sum() > 0 else -x)


def batch(size=2):
    return {"batch": {"x": torch.ones(size, 3, 8), "mask": torch.ones(size, 3)}}
"""
BUDGETS = """
[models.turned]
model = "turned.py:Turned"
inputs_from = "turned.py:batch(size=5)"
on = "real"

[[budgets]]
id = "all"
macs = {{ max = "{most}" }}
"""
GIVEN = ("--inputs-from", "turned.py:batch(size=5)")
MACS = 5 * 3 * 8 * 4


@pytest.fixture
def turned(desk: Path) -> Path:
    """A model whose input is nested and whose values decide, and a function that makes it."""
    (desk / "turned.py").write_text(CODE, encoding="utf-8")
    return desk


def test_explain_takes_inputs_from_a_function(costlab: Costlab, turned: Path) -> None:
    """The counters' figures are of the inputs that the function returned."""
    assert turned.is_dir()
    found = costlab("explain", "turned.py:Turned", *GIVEN, "--format", "json")
    assert found.code == 0, found.err
    assert json.loads(found.out)["macs"] == MACS


def test_diff_takes_inputs_from_a_function(costlab: Costlab, turned: Path) -> None:
    """Both sides are given what it returns; on shapes alone the model stops, and that is told."""
    assert turned.is_dir()
    sides = ("turned.py:Turned", "turned:Turned")
    found = costlab("diff", *sides, *GIVEN, "--on", "real", "--format", "json")
    assert found.code == 0, found.err
    assert json.loads(found.out)["totals"]["macs"]["base"] == MACS
    stopped = costlab("diff", *sides, *GIVEN, "--on", "meta")
    assert stopped.code == 2
    assert "reads the values of a tensor" in stopped.err
    both = costlab("diff", *sides, *GIVEN, "--input", "f32[1,8]")
    assert both.code == 2
    assert "both say what goes in" in both.err


@pytest.mark.parametrize(("most", "code"), [(MACS, 0), (MACS - 1, 1)])
def test_check_takes_inputs_from_a_function(
    costlab: Costlab, turned: Path, most: int, code: int
) -> None:
    """By options and by the budget file alike."""
    found = costlab("check", "turned.py:Turned", *GIVEN, "--on", "real", "--max", f"macs={most}")
    assert found.code == code, found.err
    (turned / "costlab.toml").write_text(BUDGETS.format(most=most), encoding="utf-8")
    assert costlab("check").code == code
    refused = costlab("check", "turned", *GIVEN)
    assert refused.code == 2
    assert "--inputs-from is for a MODEL that" in refused.out + refused.err


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ('on = "rael"', "on is 'rael'; it must be auto or meta or fake or real. Did you mean real"),
        ('inputs = ["f32[1,8]"]', "inputs and inputs_from both say what goes in"),
    ],
)
def test_a_wrong_key_is_told(costlab: Costlab, turned: Path, key: str, told: str) -> None:
    """A word that `on` does not know, and two ways to say the inputs."""
    text = BUDGETS.format(most=1)
    text = text.replace('on = "real"', key if key.startswith("on") else f'on = "real"\n{key}')
    (turned / "costlab.toml").write_text(text, encoding="utf-8")
    found = costlab("check")
    assert found.code == 2
    assert told in found.err.replace("\n", " ") + found.out.replace("\n", " ")


def test_a_budget_file_needs_a_function(costlab: Costlab, turned: Path) -> None:
    """A place without a function is refused, with what to write."""
    text = BUDGETS.format(most=1).replace("turned.py:batch(size=5)", "turned.py")
    (turned / "costlab.toml").write_text(text, encoding="utf-8")
    found = costlab("check")
    assert found.code == 2
    assert "names no function; write inputs.py:make" in found.out + found.err
