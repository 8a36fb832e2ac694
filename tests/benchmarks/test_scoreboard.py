"""The script of the scoreboard: each counter is asked as it should be, and all answers are kept."""

from __future__ import annotations

from importlib.util import find_spec

import pytest
import torch
import typer
from torch import nn

from benchmarks import _environment, scoreboard
from benchmarks._scoreboard_counters import COUNTERS
from tests.torchvision_shim import torchvision

MODULES = {"DeepSpeed": "deepspeed", "onnx-tool": "onnx_tool", "torch-flops": "torch_flops"}
"""What a counter is imported as, where that is not its name."""
PLAIN = {
    "linear": (nn.Linear(8, 3, bias=False), (2, 8), 2 * 8 * 3),
    "convolution": (
        nn.Sequential(nn.Conv2d(3, 4, 3, bias=False)),
        (1, 3, 6, 6),
        (4 * 4) * 4 * (3 * 3 * 3),
    ),
}
"""A model that all conventions count alike: it has one product, and nothing else."""


@pytest.mark.filterwarnings("ignore")  # each counter warns of something of its own
@pytest.mark.parametrize("case", PLAIN)
@pytest.mark.parametrize("name", COUNTERS)
def test_a_counter_is_asked_as_it_should_be(name: str, case: str) -> None:
    """What it calls FLOPs or MACs is multiply-adds: of one product there is no other count."""
    module = MODULES.get(name, name)
    if name == "ultralytics-thop":
        pytest.skip("it has the module name of thop, and cannot be installed beside it")
    if module.isidentifier() and find_spec(module) is None and name != "FlopCounterMode":
        pytest.skip(f"{name} is not installed")
    torchvision()  # which some import
    model, shape, macs = PLAIN[case]
    counted = COUNTERS[name].ask(model.eval(), (torch.ones(shape),))
    if name == "torch-flops":
        # n products have n - 1 sums, it says; two FLOPs are a multiply-add here.
        with torch.no_grad():
            macs = (2 * macs - model(torch.ones(shape)).numel()) // 2
    assert (counted.macs, counted.named) == (macs, False)


def test_counters_that_were_not_asked_stay(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is kept beside the others, in the order of the table, whenever it was asked."""
    monkeypatch.setattr(_environment, "RESULTS", tmp_path)
    for name, version in (("fvcore", "1"), ("costlab", "2"), ("fvcore", "3")):
        scoreboard.keep(name, {"version": version, "cases": []})
    counters = _environment.kept(scoreboard.NAME)["counters"]
    assert {name: told["version"] for name, told in counters.items()} == {
        "costlab": "2",
        "fvcore": "3",
    }
    assert list(counters) == ["costlab", "fvcore"]


def test_a_counter_that_is_none_is_refused() -> None:
    """With those that there are."""
    with pytest.raises(typer.BadParameter, match="no counter 'fvcor'; there are costlab"):
        scoreboard.main(counter=["fvcor"])
