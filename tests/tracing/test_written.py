"""Operations that return nothing: what they write is written down, and none is silently free."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn

import costlab
from costlab.ops import OPS, Effect, Op

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROWS, FEATURES, OUTPUTS = 3, 4, 5
MACS = ROWS * FEATURES * OUTPUTS


@pytest.fixture(scope="module", autouse=True)
def operations() -> Iterator[None]:
    """Products that write into an argument, one into each of a list, and one that only tells."""
    library: Any = torch.library
    made = library.Library("written", "DEF")
    made.define("into(Tensor x, Tensor w, Tensor(a!) out) -> ()")
    made.define("each(Tensor[] xs, Tensor w, Tensor(a!)[] outs) -> ()")
    made.define("told(Tensor x) -> int")

    def into(x: torch.Tensor, w: torch.Tensor, out: torch.Tensor) -> None:
        out.copy_(x @ w)

    def each(xs: list[torch.Tensor], w: torch.Tensor, outs: list[torch.Tensor]) -> None:
        for x, out in zip(xs, outs, strict=True):
            out.copy_(x @ w)

    for name, kernel in {"into": into, "each": each, "told": lambda x: x.ndim}.items():
        made.impl(name, kernel, "CompositeExplicitAutograd")
    yield
    made._destroy()


class Writes(nn.Module):
    """A product by an operation that is given where to write it."""

    def __init__(self, call: Callable[[Any, torch.Tensor, torch.Tensor], object]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(FEATURES, OUTPUTS), requires_grad=False)
        self.call = call

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """What was written."""
        out = x.new_empty(x.shape[0], OUTPUTS)
        self.call(self, x, out)
        return out


def into(m: Writes, x: torch.Tensor, out: torch.Tensor) -> None:
    """The product, written into one tensor."""
    torch.ops.written.into(x, m.weight, out)


def each(m: Writes, x: torch.Tensor, out: torch.Tensor) -> None:
    """The product, written into each tensor of a list."""
    torch.ops.written.each([x], m.weight, [out])


@pytest.mark.parametrize("on", ["meta", "fake", "real", "auto"])
@pytest.mark.parametrize("call", [into, each])
def test_what_is_only_written_is_unknown(call: Callable[..., object], on: str) -> None:
    """A registered operation without a rule is named with the elements that it writes."""
    report = costlab.analyze(Writes(call), torch.randn(ROWS, FEATURES), on=on)
    (unknown,) = report.coverage.unknown
    assert (unknown.op, unknown.elements) == (f"written::{call.__name__}", ROWS * OUTPUTS)
    assert report.is_lower_bound
    assert report.total.params_executed == FEATURES * OUTPUTS


@pytest.mark.parametrize("on", ["meta", "real"])
def test_a_rule_prices_what_is_only_written(on: str) -> None:
    """A rule of its name is given its arguments, as of any other operation."""

    def rule(x: Any, w: Any, out: Any) -> Effect:
        return Effect(tuple(out.shape), macs=x.shape[0] * w.shape[0] * w.shape[1])

    table = OPS | {"written::into": Op(rule, "matmul")}
    report = costlab.analyze(Writes(into), torch.randn(ROWS, FEATURES), ops=table, on=on)
    assert report.total.macs == MACS
    assert not report.is_lower_bound


def test_training_with_what_is_only_written_is_a_lower_bound() -> None:
    """Its gradients are not priced either, and the report says so."""
    report = costlab.analyze(Writes(into), torch.randn(ROWS, FEATURES), mode="train")
    assert report.training is not None
    assert report.training.is_lower_bound


def test_an_operation_that_only_tells_is_unknown() -> None:
    """What it computes to tell a number nobody knows."""
    model = Writes(lambda _, x, out: out.add_(torch.ops.written.told(x)))
    report = costlab.analyze(model, torch.randn(ROWS, FEATURES))
    assert [unknown.op for unknown in report.coverage.unknown] == ["written::told"]


def test_lists_that_are_written_to_are_named() -> None:
    """`torch._foreach_add_` returns nothing and adds everywhere."""
    model = Writes(lambda _, x, out: torch._foreach_add_([out, x.clone()], 1.0))
    report = costlab.analyze(model, torch.randn(ROWS, FEATURES))
    (unknown,) = report.coverage.unknown
    assert (unknown.op, unknown.elements) == ("_foreach_add_", ROWS * (OUTPUTS + FEATURES))
