"""Inputs that the user's own code says: an attribute of the model, or a function."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn

from costlab.errors import SourceError, UsageError
from costlab.sources.examples import example_of, inputs_from
from tests.cli.conftest import costlab, desk  # noqa: F401 - fixtures

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Costlab

INPUTS = """\
import torch

print("chatter")


def one(batch=2):
    return torch.zeros(batch, 3, 8, 8)


def pair():
    return torch.zeros(2, 4), torch.zeros(2, 1)


def named():
    return {"x": torch.zeros(2, 4), "mask": "f32[2,1]"}


def nothing():
    return None


def empty():
    return ()


def fails():
    raise KeyError("no data here")


def text():
    return "f32[2"


ready = torch.zeros(1, 3, 8, 8)
"""
MODELS = """\
import dataclasses
import torch
from torch import nn


class Lightning(nn.Module):
    def __init__(self):
        super().__init__()
        self.example_input_array = torch.zeros(5, 4)
        self.fc = nn.Linear(4, 3)

    def forward(self, x):
        return self.fc(x)


@dataclasses.dataclass
class Output:
    logits: torch.Tensor
    hidden: tuple


class Rich(Lightning):
    def __init__(self):
        super().__init__()
        self.example_input_array = {"x": torch.zeros(5, 4), "scale": 2.0}

    def forward(self, x, *, scale=1.0):
        y = self.fc(x) * scale
        return Output(y, (x, {"y": y}))
"""


@pytest.fixture
def place(desk: Path) -> Path:  # noqa: F811 - the fixture
    """A folder with models and functions that return inputs."""
    (desk / "inputs.py").write_text(INPUTS, encoding="utf-8")
    (desk / "models.py").write_text(MODELS, encoding="utf-8")
    return desk


def report(costlab: Costlab, *words: str) -> dict[str, Any]:  # noqa: F811 - the fixture
    """A report as JSON."""
    found = costlab("report", *words, "--format", "json")
    assert found.code == 0, found.err
    document: dict[str, Any] = json.loads(found.out)
    return document


CONV, HEAD = 8 * 8 * 8 * 3 * 9, 8 * 64 * 10


@pytest.mark.parametrize(
    ("model", "function", "inputs", "macs"),
    [
        ("net.py:Net", "inputs.py:one", ["f32[2,3,8,8]"], 2 * (CONV + HEAD)),
        ("net.py:Net", "inputs:one(batch=4)", ["f32[4,3,8,8]"], 4 * (CONV + HEAD)),
        ("net.py:Net", "inputs.py:ready", ["f32[1,3,8,8]"], CONV + HEAD),
        ("net.py:Named", "inputs.py:named", ["x=f32[2,4]", "mask=f32[2,1]"], 2 * 4 * 4),
    ],
)
@pytest.mark.usefixtures("place")
def test_a_function_of_the_user_s(
    costlab: Costlab,  # noqa: F811 - the fixture
    model: str,
    function: str,
    inputs: list[str],
    macs: int,
) -> None:
    """A tensor, a tuple or a dict is the call; the report says it as specs."""
    document = report(costlab, model, "--inputs-from", function)
    assert document["inputs"] == inputs
    assert document["total"]["macs"] == macs


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--inputs-from", "inputs.py:nothing"), "inputs.py:nothing returned nothing; return a"),
        (("--inputs-from", "inputs.py:empty"), "returned an empty tuple"),
        (
            ("--inputs-from", "inputs.py:fails"),
            "inputs.py:fails fails [",
        ),
        (("--inputs-from", "inputs.py:text"), "what inputs.py:text returned cannot be used: cann"),
        (("--inputs-from", "inputs.py:on"), "inputs.py has no 'on'. Did you mean one?"),
        (("--inputs-from", "inputs.py:one(size=3)"), "unexpected keyword argument 'size'"),
        (("--inputs-from", "inputs.py"), "names no function; write inputs.py:make"),
        (("--inputs-from", "inputs.py:one", "-i", "f32[1]"), "give one of them"),
        (("-i", "(f32[1]"), "a ',' or the closing ')' was expected"),
    ],
)
@pytest.mark.usefixtures("place")
def test_refused(costlab: Costlab, words: tuple[str, ...], message: str) -> None:  # noqa: F811 - the fixture
    """What is no input is told with the function's name, without a traceback."""
    found = costlab("report", "net.py:Net", *words)
    assert (found.code, found.out) == (2, "")
    assert message in found.err
    assert "Traceback" not in found.err


@pytest.mark.usefixtures("place")
def test_an_example_of_the_model_s(costlab: Costlab) -> None:  # noqa: F811 - the fixture
    """What Lightning calls `example_input_array` is the default; a result may be a dataclass."""
    plain = report(costlab, "models.py:Lightning")
    assert (plain["inputs"], plain["total"]["macs"]) == (["f32[5,4]"], 5 * 4 * 3)
    rich = report(costlab, "models.py:Rich")
    assert rich["inputs"] == ["x=f32[5,4]", "scale=2.0"]
    given = report(costlab, "models.py:Rich", "-i", "f32[7,4]", "-i", "scale=3")
    assert (given["inputs"][1], given["total"]["macs"]) == ("scale=3", 7 * 4 * 3)


def test_an_example_that_fails() -> None:
    """A property that raises is told with its line; one that is None is none."""

    class Fails(nn.Module):
        @property
        def example_input_array(self) -> torch.Tensor:
            """Not without data."""
            raise OSError("no data")

    class Empty(nn.Module):
        example_input_array = None

    # The module's own `__getattr__` hides what the property raised unless it is no AttributeError.
    with pytest.raises(
        SourceError, match=r"Fails.example_input_array fails \[.*: OSError: no data"
    ):
        example_of(Fails())
    assert example_of(Empty()) is None
    assert example_of(nn.Linear(1, 1)) is None


def test_a_place_without_a_function() -> None:
    """The text must name one."""
    with pytest.raises(UsageError, match="names no function"):
        inputs_from("inputs")
