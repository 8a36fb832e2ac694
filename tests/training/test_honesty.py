"""What a step of training does not know is said: unknown operations, and backwards by hand."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

import pytest
import torch
from torch import nn

from costlab import Report, analyze
from costlab.render.training import training_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from costlab.training import Training


def trained(model: nn.Module) -> Report:
    """The report of a step on five rows of eight."""
    return analyze(model, torch.ones(5, 8), mode="train")


def part(report: Report) -> Training:
    """Its training part, which survives being saved."""
    found = Report.from_dict(json.loads(report.to_json())).training
    assert found is not None
    assert found == report.training
    return found


class Square(torch.autograd.Function):
    """The square of a product, whose backward computes the product anew."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        """(x·w)²."""
        ctx.save_for_backward(x, w)
        return (x @ w) ** 2

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Three products, of which autograd would need two."""
        x, w = ctx.saved_tensors
        g = 2 * grads[0] * (x @ w)
        return g @ w.T, x.T @ g


class ByHand(nn.Module):
    """A layer, and a function with a backward of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.w = nn.Linear(8, 8), nn.Parameter(torch.ones(8, 8))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The square of the layer's product."""
        made: torch.Tensor = Square.apply(self.layer(x), self.w)  # type: ignore[no-untyped-call]  # torch leaves it untyped
        return made


class Spectral(nn.Module):
    """A layer and an operation that no rule prices."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The inverses of five matrices, each a row by its own."""
        y = self.layer(x)
        made: torch.Tensor = torch.linalg.inv(y[:, :, None] * y[:, None, :] + torch.eye(8))
        return made


def test_a_backward_by_hand_is_named_as_an_estimate() -> None:
    """It is not run, which the report says, with the function's name."""
    report = trained(ByHand())
    found = part(report)
    assert found.handwritten == ("Square",)
    assert found.is_estimate
    assert any("Square" in text for text in training_table(report).warnings)


def test_a_step_that_knows_all_is_no_estimate() -> None:
    """Layers of torch have nothing by hand, and torch's own functions are as they were."""
    found = part(trained(nn.Sequential(nn.Linear(8, 8), nn.ReLU())))
    assert found.handwritten == ()
    assert not found.is_estimate
    assert not found.is_lower_bound
    assert isinstance(vars(torch.autograd.Function)["apply"], classmethod)
    assert Square.apply(torch.ones(1, 1), torch.ones(1, 1)) == 1  # type: ignore[no-untyped-call]  # as above


def test_an_unknown_operation_makes_training_a_lower_bound() -> None:
    """What the forward does not know, the backward does not know either."""
    report = trained(Spectral())
    unknown = {entry.op for entry in report.coverage.unknown}
    assert unknown
    assert part(report).is_lower_bound
    assert unknown <= set(part(report).unpriced)
    assert training_table(report).notes[0].startswith("At least")


PARTS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "chunk": lambda x: x.chunk(2, -1)[0],
    "one chunk": lambda x: x.chunk(1, -1)[0],
    "split": lambda x: x.split(4, -1)[0],  # type: ignore[no-untyped-call]  # torch leaves it untyped
    "split by sizes": lambda x: x.split([2, 6], -1)[1],  # type: ignore[no-untyped-call]  # as above
    "unbind": lambda x: x.unbind(0)[0],
    "rows": lambda x: next(iter(x)),
    "a view of a chunk": lambda x: x.chunk(2, -1)[0].view(-1, 2, 2),
    "contiguous": lambda x: x.chunk(2, 0)[0].contiguous(),
    "cut off": lambda x: x.chunk(2, -1)[0].detach(),
    "copied": lambda x: x.chunk(2, -1)[0].clone(),
    "tensor_split": lambda x: x.tensor_split(2, -1)[0],
    "unsafe_chunk": lambda x: x.unsafe_chunk(2, -1)[0],
    "a slice": lambda x: x[:, :4],
}


class Over(nn.Module):
    """A layer, of whose result a part is written over."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.layer, self.part = nn.Linear(8, 8), PARTS[name]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The part."""
        return self.part(self.layer(x)).relu_()


@pytest.mark.parametrize("on", ["meta", "fake"])
@pytest.mark.parametrize("name", PARTS)
def test_a_write_that_torch_refuses_is_named(name: str, on: Literal["meta", "fake"]) -> None:
    """Over one of several views of one operation nothing is written that has a gradient."""
    model = Over(name)
    report = analyze(model, torch.ones(5, 8), mode="train", on=on)
    try:
        model(torch.ones(5, 8))
    except RuntimeError as error:
        assert "is a view and is being modified inplace" in str(error)  # noqa: PT017 - some do not
        assert part(report).unpriced[0].startswith("relu over an output of ")
        assert any("torch refuses it" in text for text in training_table(report).warnings)
    else:
        assert part(report).unpriced == ()
