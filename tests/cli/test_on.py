"""`costlab report --on`: what a forward runs on, and the way out for one that needs values."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import costlab
from costlab.tracing import fallbacks

if TYPE_CHECKING:
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


def test_a_model_that_needs_values_is_given_its_weights(source: str, costlab: Costlab) -> None:
    """It is built with them and run, unasked, and a warning says why and where shapes stop."""
    found = costlab("report", source, "-i", "f32[2,300]", "--format", "json")
    assert found.code == 0
    document = json.loads(found.out)
    assert document["total"]["macs"] == 2 * (2 * 300 * 300)
    first = document["warnings"][0]
    assert first.startswith("counted on real tensors and untrained weights, as on shapes alone")
    assert "reads the values of a tensor (__bool__)" in first
    chosen = costlab("report", source, "-i", "f32[2,300]", "--format", "json", "--on", "real")
    assert json.loads(chosen.out)["total"] == document["total"]


def test_weights_that_memory_has_no_room_for_are_not_made(
    source: str, costlab: Costlab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error has the reasons and names the option, and the exit code is 2."""
    needed = 4 * (300 * 300 + 300) * (1 + fallbacks.ROOM)
    monkeypatch.setattr(fallbacks, "available_bytes", lambda: needed - 1)
    found = costlab("report", source, "-i", "f32[2,300]")
    assert found.code == 2
    told = " ".join(found.err.split())
    assert "reads the values of a tensor (__bool__)" in told
    assert "`costlab report --on real` builds" in told
    monkeypatch.setattr(fallbacks, "available_bytes", lambda: needed)
    assert costlab("report", source, "-i", "f32[2,300]").code == 0


@pytest.mark.parametrize("on", ["meta", "fake"])
def test_a_choice_is_kept(source: str, costlab: Costlab, on: str) -> None:
    """Who asks for shapes alone, or fake tensors, is given nothing else."""
    found = costlab("report", source, "-i", "f32[2,300]", "--on", on)
    assert found.code == 2
    assert "reads the values of a tensor (__bool__)" in " ".join(found.err.split())


def test_other_commands_take_it_too(source: str, costlab: Costlab) -> None:
    """Compared and explained are the same multiply-adds, as chosen and unasked."""
    for on in ((), ("--on", "real")):
        shared = ("-i", "f32[2,300]", "--format", "json", *on)
        explained = costlab("explain", source, "--counter", "torchinfo", *shared)
        assert json.loads(explained.out)["macs"] == 2 * (2 * 300 * 300)
        compared = costlab("compare", source, "torch.nn:Linear(300, 7)", *shared)
        first, second = json.loads(compared.out)["networks"]
        assert first["total"]["macs"] == 2 * (2 * 300 * 300)
        assert second["total"]["macs"] == 2 * 300 * 7
    for command in (("explain", source), ("compare", source, "torch.nn:Linear(300, 7)")):
        stopped = costlab(*command, "-i", "f32[2,300]", "--on", "meta")
        assert stopped.code == 2


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


DEPRECATED = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x):
        return torch.chain_matmul(self.layer(x), x, x)
"""


def test_a_warning_of_torch_names_no_line_of_costlab(tmp_path: Path) -> None:
    """Torch blames whoever calls it, which in a trace is costlab; its words are told all the same.

    In a process of its own, as torch warns once.
    """
    path = tmp_path / "deprecated.py"
    path.write_text(DEPRECATED)
    command = [sys.executable, "-m", "costlab", "report", f"{path}:Net", "-i", "f32[4,4]"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "UserWarning: torch.chain_matmul is deprecated" in done.stderr
    assert str(Path(costlab.__file__).parent) not in done.stderr
