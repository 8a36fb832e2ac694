"""Branches and loops of exported programs: counted as often as shapes tell, else named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn

import costlab
from costlab import sources
from costlab.sources import exported_control
from tests.sources.programs import reported, resized

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
    assert unknown(report) == {f"program::{named}"}
    assert not any("caught an error" in warning for warning in report.warnings)
    assert report.total.params_executed == executed
    with pytest.raises(costlab.UnknownOperationError, match=named):
        costlab.analyze(program, torch.zeros(ROWS, WIDTH), mode="eval", strict=True)


def within(net: Net, x: torch.Tensor) -> Any:
    """Branches in a branch, and a loop in one, none of which shapes decide."""

    def loops(x: torch.Tensor) -> torch.Tensor:
        (y,) = higher.while_loop(lambda y: y.sum() < 0, lambda y: (net.layer(y),), (x,))
        return torch.as_tensor(net.layer(y))

    def again(x: torch.Tensor) -> Any:
        return torch.cond(x.sum() > 1, loops, net.wide, (x,))

    return net.layer(torch.cond(x.sum() > 0, again, net.layer, (x,)))


def test_what_values_decide_within_what_they_decide(tmp_path: Path) -> None:
    """Only the outermost is named: what is in it is not counted, and its shapes are found."""
    program = exported(within, tmp_path / "net.pt2", ROWS)
    report = costlab.analyze(program, torch.zeros(ROWS, WIDTH), mode="eval")
    assert report.total.macs == LAYER
    assert unknown(report) == {"program::cond"}
    assert not any("outside the model" in warning for warning in report.warnings)


def unknown(report: Any) -> set[str]:
    """The names of what is not counted."""
    return {one.op for one in report.coverage.unknown}


@pytest.mark.parametrize(("function", "named", "steps"), [(along, "scan", 4), (each, "map", 1)])
def test_more_rows_than_are_followed_are_named(
    function: Callable[[Net, torch.Tensor], Any], named: str, steps: int, tmp_path: Path
) -> None:
    """Of 10^8 rows one turn is counted; nothing is made for each of the others."""
    path = tmp_path / "net.pt2"
    exported(function, path, STEPS, ROWS)
    resized(path, 10**8, ROWS, WIDTH)
    report = reported(path)
    assert report.total.macs == LAYER
    assert unknown(report) == {f"program::{named}_too_long"}
    assert report.coverage.priced <= steps


def nested(net: Net, x: torch.Tensor) -> Any:
    """The layer a thousand times a thousand times, three loops deep, the innermost along rows."""

    def inner(i: torch.Tensor, y: torch.Tensor) -> Any:
        (y,) = higher.while_loop(
            lambda j, _: j < 1000, lambda j, z: (j + 1, higher.map(net.layer, z)), (i * 0, y)
        )[1:]
        return i + 1, y

    start = torch.zeros((), dtype=torch.long)
    return higher.while_loop(lambda i, _: i < 1000, inner, (start, x))[1]


@pytest.mark.parametrize("most", [100, 400])
def test_nested_loops_have_one_allowance(
    most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However loops are nested, they run no more operations together than one would by itself."""
    program = exported(nested, tmp_path / "net.pt2", STEPS, ROWS)
    monkeypatch.setattr(exported_control, "MOST_STEPS", most)
    first, again = (
        costlab.analyze(program, torch.zeros(STEPS, ROWS, WIDTH), mode="eval") for _ in range(2)
    )
    assert "program::while_loop_too_long" in unknown(first)
    assert most / 2 < first.coverage.priced + first.coverage.free < 2 * most
    assert first.total == again.total, "an allowance is of one forward"


def test_a_loop_without_an_end_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After so many operations it is named; a file must not keep anyone waiting for ever."""
    program = exported(turns, tmp_path / "net.pt2", ROWS)
    monkeypatch.setattr(exported_control, "MOST_STEPS", 12)
    report = costlab.analyze(program, torch.zeros(ROWS, WIDTH), mode="eval")
    assert unknown(report) == {"program::while_loop_too_long"}
    assert 0 < report.total.macs < 3 * LAYER


class Chooses(nn.Module):
    """Of two branches the one that the batch says, within a block, after a layer of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(WIDTH, WIDTH)
        self.few = nn.Sequential(nn.Linear(WIDTH, 16), nn.ReLU(), nn.Linear(16, WIDTH))
        self.many = nn.Sequential(nn.Linear(WIDTH, WIDTH))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The stem, and one of the branches."""
        x = self.stem(x)
        made: torch.Tensor = torch.cond(x.shape[0] > 4, self.many, self.few, (x,))
        return made


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")  # torch's, as it exports
@pytest.mark.parametrize("inner", [False, True])
def test_branches_have_the_blocks_of_their_weights(inner: bool, tmp_path: Path) -> None:
    """What runs in a branch stands at the modules whose weights it reads, as in the model."""
    model: nn.Module = Chooses()
    if inner:
        model = nn.Sequential(model)
    batch = {0: torch.export.Dim("batch", min=2, max=64)}
    shapes = (batch,)
    program = torch.export.export(model, (torch.zeros(8, WIDTH),), dynamic_shapes=shapes)
    torch.export.save(program, tmp_path / "net.pt2")
    read = sources.find(str(tmp_path / "net.pt2")).build()
    for rows in (2, 8):
        ours = costlab.analyze(read, torch.zeros(rows, WIDTH), mode="eval")
        theirs = costlab.analyze(model, torch.zeros(rows, WIDTH), mode="eval")
        assert ours.total == theirs.total
        mine = {block.path: block for block in ours.root.walk()}
        for block in theirs.root.walk():
            if block.cost.macs:
                found = mine[block.path]
                assert (found.cost, found.calls) == (block.cost, block.calls), block.path
        assert not any("metadata_hook" in path for path in mine)


def test_a_layer_within_a_graph_and_outside_of_it_is_one(tmp_path: Path) -> None:
    """It is called twice, and has the class that is told outside."""

    def forward(net: Net, x: torch.Tensor) -> Any:
        return net.layer(higher.map(net.layer, x[None])[0])

    program = exported(forward, tmp_path / "net.pt2", ROWS)
    report = costlab.analyze(program, torch.zeros(ROWS, WIDTH), mode="eval")
    layer = report.block("layer")
    assert (layer.kind, layer.calls, layer.cost.macs) == ("Linear", 2, 2 * LAYER)
