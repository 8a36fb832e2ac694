"""Branches and loops of exported programs: counted as often as shapes tell, else named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn

import costlab
from costlab import sources
from costlab.sources import exported_control

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated")
# torch's own, when it exports a scan
ROWS, STEPS, WIDTH = 3, 5, 8
LAYER = ROWS * WIDTH * WIDTH
"""Multiply-adds of the layer on its rows."""
higher: Any = torch._higher_order_ops


class Net(nn.Module):
    """A layer, a wider one, and a function that uses them."""

    def __init__(self, function: Callable[[Net, torch.Tensor], Any]) -> None:
        super().__init__()
        self.layer = nn.Linear(WIDTH, WIDTH)
        self.wide = nn.Sequential(nn.Linear(WIDTH, 16), nn.Linear(16, WIDTH))
        self.function = function

    def forward(self, x: torch.Tensor) -> Any:
        """Whatever the function makes."""
        return self.function(self, x)


def branches(net: Net, x: torch.Tensor) -> Any:
    """A branch that values decide, and the layer."""
    return net.layer(torch.cond(x.sum() > 0, net.layer, net.wide, (x,)))


def turns(net: Net, x: torch.Tensor) -> Any:
    """The layer three times."""
    start = torch.zeros((), dtype=torch.long)
    return higher.while_loop(lambda i, _: i < 3, lambda i, y: (i + 1, net.layer(y)), (start, x))[1]


def until(net: Net, x: torch.Tensor) -> Any:
    """The layer until the sum is positive."""
    (y,) = higher.while_loop(lambda y: y.sum() < 0, lambda y: (net.layer(y),), (x,))
    return net.layer(y)


def along(net: Net, x: torch.Tensor) -> Any:
    """A state along the first axis."""

    def step(state: torch.Tensor, row: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        made = torch.tanh(net.layer(state) + row)
        return made, made.clone()

    return higher.scan(step, x[0], x, dim=0)[1]


def each(net: Net, x: torch.Tensor) -> Any:
    """The layer on each row of the first axis."""
    return higher.map(net.layer, x)


def exported(function: Callable[[Net, torch.Tensor], Any], path: Path, *sizes: int) -> Any:
    """The program of a network, read again."""
    net = Net(function).eval()
    torch.export.save(torch.export.export(net, (torch.zeros(*sizes, WIDTH),)), path)
    return sources.find(str(path)).build()


@pytest.mark.parametrize(
    ("function", "sizes", "layers", "flops"),
    [
        (turns, (ROWS,), 3, 3 * ROWS * WIDTH + 3 + 4),
        (along, (STEPS, ROWS), STEPS, STEPS * ROWS * WIDTH * 3),
        (each, (STEPS, ROWS), STEPS, STEPS * ROWS * WIDTH),
    ],
)
def test_a_loop_is_counted_turn_by_turn(
    function: Callable[[Net, torch.Tensor], Any],
    sizes: tuple[int, ...],
    layers: int,
    flops: int,
    tmp_path: Path,
) -> None:
    """As often as a constant or a shape tells: the layer, its bias, and what is around it."""
    program = exported(function, tmp_path / "net.pt2", *sizes)
    report = costlab.analyze(program, torch.zeros(*sizes, WIDTH), mode="eval")
    assert report.total.macs == layers * LAYER
    assert report.total.flops - 2 * report.total.macs == flops
    assert report.coverage.unknown == ()


OWN = WIDTH * WIDTH + WIDTH
WIDER = WIDTH * 16 + 16 + 16 * WIDTH + WIDTH


@pytest.mark.parametrize(
    ("function", "named", "executed"),
    [(branches, "cond", OWN + WIDER), (until, "while_loop", OWN)],
)
def test_what_values_decide_is_named(
    function: Callable[[Net, torch.Tensor], Any], named: str, executed: int, tmp_path: Path
) -> None:
    """Neither branch, and no turn, is counted; the rest is, as a lower bound."""
    program = exported(function, tmp_path / "net.pt2", ROWS)
    report = costlab.analyze(program, torch.zeros(ROWS, WIDTH), mode="eval")
    assert report.total.macs == LAYER
    assert report.is_lower_bound
    assert f"program::{named}" in {unknown.op for unknown in report.coverage.unknown}
    assert report.total.params_executed == executed
    with pytest.raises(costlab.UnknownOperationError, match=named):
        costlab.analyze(program, torch.zeros(ROWS, WIDTH), mode="eval", strict=True)


def test_a_loop_without_an_end_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After so many turns it is named; what a file says must not keep anyone waiting for ever."""
    program = exported(turns, tmp_path / "net.pt2", ROWS)
    monkeypatch.setattr(exported_control, "MOST_TURNS", 2)
    report = costlab.analyze(program, torch.zeros(ROWS, WIDTH), mode="eval")
    assert "program::while_loop" in {unknown.op for unknown in report.coverage.unknown}
